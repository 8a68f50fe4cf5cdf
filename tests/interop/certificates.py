#!/usr/bin/python3
"""Certificates, revocation and hosts that vouch: `certificates.py build/dev/sluice build/dev/sluiced`.

OpenSSH's ssh at our server and our client at OpenSSH's sshd, with certificates that ssh-keygen
issued: of users by trusted authorities and by lines of authorized_keys, of hosts, for principals,
addresses and commands, in their time and outside it, revoked and not. A line a case; the last line
is `N passed, N failed`.
"""

import argparse
import os
import pathlib
import shutil
import signal
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

from client import OWN, Client, start_sshd  # noqa: E402
from peers import HOST, PASSWORD, Server, Setup, check, run  # noqa: E402
import case_runner  # noqa: E402

CASE_SECONDS = 120
KINDS = (("ed25519", None), ("ecdsa", 256), ("ecdsa", 521), ("rsa", 2048))


class Certified:
    """A pair of authorities and what they sign."""

    def __init__(self, sluice, sluiced, setup):
        self.sluice, self.sluiced, self.setup = sluice, sluiced, setup
        self.client = Client(sluice, setup)
        self.users_ca = self.key("users_ca")
        self.hosts_ca = self.key("hosts_ca", "ecdsa", 384)
        self.trusted = self.file("trusted", self.public(self.users_ca))
        self.ssh_user = setup.account.pw_name

    def key(self, name, kind="ed25519", bits=None):
        path = self.setup.folder / self.setup.fresh(name)[0]
        self.setup.make_key(path, kind, bits)
        return path

    def file(self, name, text):
        path = self.setup.folder / self.setup.fresh(name)[0]
        path.write_text(text)
        path.chmod(0o644)
        return path

    @staticmethod
    def public(key):
        return pathlib.Path(f"{key}.pub").read_text()

    def certified(self, *options, kind="ed25519", bits=None, principals=None, by=None):
        """A user's key with its certificate beside it."""
        key = self.key("user", kind, bits)
        named = ["-n", principals] if principals else []
        run(["ssh-keygen", "-q", "-s", by or self.users_ca, "-I", "id-of-the-key", "-z", "77",
             *named, *options, f"{key}.pub"])
        return key

    def host(self, principals, *options, kind="ed25519", bits=None):
        key = self.key("host", kind, bits)
        run(["ssh-keygen", "-q", "-h", "-s", self.hosts_ca, "-I", "host", "-n", principals,
             *options, f"{key}.pub"])
        self.setup.own(key)
        return key

    # Our server with OpenSSH's client.

    def serve(self, settings=None, host_keys=None):
        return Server(self.setup, "sluiced", self.sluiced,
                      {"TrustedUserCAKeys": self.trusted, **(settings or {})}, host_keys=host_keys)

    def ssh(self, server, key, command="echo in", status=0, settings=None):
        options = {"BatchMode": "yes", "IdentitiesOnly": "yes", "StrictHostKeyChecking": "no",
                   "UserKnownHostsFile": "/dev/null", "GlobalKnownHostsFile": "/dev/null",
                   "PreferredAuthentications": "publickey", **(settings or {})}
        argv = ["ssh", "-F", "none", "-i", key, "-p", server.port]
        for name, value in options.items():
            argv += ["-o", f"{name}={value}"]
        return run([*argv, f"{server.user}@{HOST}", command], 60, status=status,
                   env=self.setup.environment())

    def log_of(self, server):
        return server.log.read_text(errors="replace")


# --- OpenSSH's ssh at our server -----------------------------------------------------------------

def users_of_every_kind(c):
    with c.serve() as server:
        for kind, bits in KINDS:
            key = c.certified(kind=kind, bits=bits, principals=c.ssh_user)
            check(c.ssh(server, key).stdout == b"in\n", f"{kind} {bits} did not get in")
        check("certificate=id-of-the-key" in c.log_of(server), "the log does not say whose")


def users_who_must_not(c):
    cases = {
        "others": c.certified(principals="somebody-else"),
        "of nobody": c.certified(),
        "expired": c.certified("-V", "20200101:20210101", principals=c.ssh_user),
        "not yet": c.certified("-V", "20900101:20910101", principals=c.ssh_user),
        "elsewhere": c.certified("-O", "source-address=192.0.2.0/24", principals=c.ssh_user),
        "critical": c.certified("-O", "critical:unheard-of@example.org=1", principals=c.ssh_user),
        "stranger": c.certified(principals=c.ssh_user, by=c.hosts_ca),
        "a host's": c.host(c.ssh_user),
    }
    with c.serve() as server:
        for name, key in cases.items():
            said = c.ssh(server, key, status=255).stderr
            check(b"Permission denied" in said, f"{name}: {said[:200]}")


def commands_and_addresses(c):
    here = c.certified("-O", f"source-address={HOST}/32", principals=c.ssh_user)
    forced = c.certified("-O", "force-command=echo forced", principals=c.ssh_user)
    with c.serve() as server:
        check(c.ssh(server, here).stdout == b"in\n", "not from here")
        check(c.ssh(server, forced).stdout == b"forced\n", "the command was not forced")


def principals_files(c):
    ops = c.certified(principals="ops")
    own = c.certified(principals=c.ssh_user)
    names = c.file("principals", 'command="echo mapped" ops\n')
    with c.serve({"AuthorizedPrincipalsFile": names}) as server:
        check(c.ssh(server, ops).stdout == b"mapped\n", "the principal is not mapped")
        c.ssh(server, own, status=255)


def authorities_in_authorized_keys(c):
    key = c.certified(principals="ops")
    keys = c.file("keys", f'cert-authority,principals="ops,dev" {c.public(c.users_ca)}')
    with Server(c.setup, "sluiced", c.sluiced, {"PasswordAuthentication": "no"},
                extra=["--authorized-keys", keys]) as server:
        check(c.ssh(server, key).stdout == b"in\n", "did not get in")
        c.ssh(server, c.users_ca, status=255)


def revoked(c):
    first, second = c.certified(principals=c.ssh_user), c.certified(principals=c.ssh_user)
    krl = c.setup.folder / "krl"
    run(["ssh-keygen", "-q", "-k", "-f", krl, f"{first}.pub"])
    krl.chmod(0o644)
    with c.serve({"RevokedKeys": krl}) as server:
        c.ssh(server, first, status=255)
        check(c.ssh(server, second).stdout == b"in\n", "the other one did not get in")
        run(["ssh-keygen", "-q", "-k", "-u", "-s", f"{c.users_ca}.pub", "-f", krl,
             c.file("serials", "serial: 77\n")])
        c.ssh(server, second, status=255)


def our_host_certificate(c):
    for kind, bits in KINDS:
        key = c.host(f"{HOST},localhost", kind=kind, bits=bits)
        known = c.file("known", f"@cert-authority * {c.public(c.hosts_ca)}")
        with c.serve({"HostCertificate": f"{key}-cert.pub"}, [key]) as server:
            user = c.certified(principals=c.ssh_user)
            done = c.ssh(server, user, settings={"StrictHostKeyChecking": "yes",
                                                 "UserKnownHostsFile": known})
            check(done.stdout == b"in\n", f"{kind} {bits}")


# --- our client at OpenSSH's sshd ----------------------------------------------------------------

def sshd(c, settings=None, host_keys=None):
    if host_keys is None:
        return start_sshd(c.setup, {"TrustedUserCAKeys": c.trusted, **(settings or {})})
    server = Server(c.setup, "sshd", shutil.which("sshd") or "/usr/sbin/sshd",
                    {"TrustedUserCAKeys": c.trusted, **(settings or {})}, host_keys=host_keys)
    server.user = OWN
    return server


def ours_of_every_kind(c):
    with sshd(c) as server:
        for kind, bits in KINDS:
            key = c.certified(kind=kind, bits=bits, principals=OWN)
            said = c.client.run(server, "echo in", key=key).stdout
            check(said == b"in\n", f"{kind} {bits} did not get in")
        check("ID id-of-the-key (serial 77)" in c.log_of(server), "it was no certificate")
        key = c.certified(principals="somebody-else")
        c.client.run(server, "true", key=key, status=255)


def ours_from_a_file(c):
    key = c.certified(principals=OWN)
    moved = c.file("moved", pathlib.Path(f"{key}-cert.pub").read_text())
    pathlib.Path(f"{key}-cert.pub").unlink()
    with sshd(c) as server:
        c.client.run(server, "true", key=key, status=255)
        c.client.run(server, "true", key=key, options={"CertificateFile": moved})


def hosts_that_are_certified(c):
    user = c.setup.key
    for kind, bits in KINDS:
        key = c.host(HOST, kind=kind, bits=bits)
        other = c.host("elsewhere.example", kind=kind, bits=bits)
        authority = c.file("authority", f"@cert-authority * {c.public(c.hosts_ca)}")
        for which, status in ((key, 0), (other, 255)):
            with sshd(c, {"HostCertificate": f"{which}-cert.pub"}, [which]) as server:
                done = c.client.run(server, "true", key=user, status=status, options={
                    "UserKnownHostsFile": authority, "StrictHostKeyChecking": "yes"})
                if status:
                    check(b"certificate is for others" in done.stderr, f"said {done.stderr[:200]}")
        krl = c.setup.folder / f"hosts-{kind}{bits}.krl"
        run(["ssh-keygen", "-q", "-k", "-f", krl, f"{key}.pub"])
        with sshd(c, {"HostCertificate": f"{key}-cert.pub"}, [key]) as server:
            done = c.client.run(server, "true", key=user, status=255, options={
                "UserKnownHostsFile": authority, "RevokedHostKeys": krl})
            check(b"is revoked" in done.stderr, f"said {done.stderr[:200]}")


def host_keys_that_are_announced(c):
    first, second = c.key("first"), c.key("second", "ecdsa", 256)
    known = c.file("learning", f"[{HOST}]:1 {c.public(first)}")
    with sshd(c, host_keys=[first, second]) as server:
        known.write_text(f"[{HOST}]:{server.port} {c.public(first)}")
        c.client.run(server, "true", options={"UserKnownHostsFile": known, "UpdateHostKeys": "yes",
                                              "StrictHostKeyChecking": "yes"})
        check(c.public(second).split()[1] in known.read_text(), "the second key was not learned")
    with sshd(c, host_keys=[second]) as server:
        known.write_text(known.read_text().replace(known.read_text().split()[0],
                                                   f"[{HOST}]:{server.port}"))
        c.client.run(server, "true", options={"UserKnownHostsFile": known, "UpdateHostKeys": "yes",
                                              "StrictHostKeyChecking": "yes"})
        check(c.public(first).split()[1] not in known.read_text(), "the first key was not forgotten")


# --- prompts -------------------------------------------------------------------------------------

def prompts_of_our_server(c):
    """ssh by keyboard-interactive, where our server asks for the password."""
    ask = c.file("ask", f"#!/bin/sh\necho {PASSWORD}\n")
    ask.chmod(0o755)
    with c.serve({"KbdInteractiveAuthentication": "yes"}) as server:
        argv = ["ssh", "-F", "none", "-o", "StrictHostKeyChecking=no", "-o",
                "UserKnownHostsFile=/dev/null", "-o",
                "PreferredAuthentications=keyboard-interactive", "-o", "PubkeyAuthentication=no",
                "-p", server.port, f"{server.user}@{HOST}", "echo in"]
        env = {**c.setup.environment(), "SSH_ASKPASS": str(ask), "SSH_ASKPASS_REQUIRE": "force"}
        check(run(argv, 60, env=env).stdout == b"in\n", "did not get in")
        wrong = c.file("wrong", "#!/bin/sh\necho wrong\n")
        wrong.chmod(0o755)
        run(argv, 60, status=255, env={**env, "SSH_ASKPASS": str(wrong)})


CASES = [users_of_every_kind, users_who_must_not, commands_and_addresses, principals_files,
         authorities_in_authorized_keys, revoked, our_host_certificate, ours_of_every_kind,
         ours_from_a_file, hosts_that_are_certified, host_keys_that_are_announced,
         prompts_of_our_server]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sluice", help="our client")
    parser.add_argument("sluiced", help="our server")
    parser.add_argument("--only", default="", metavar="REGEX", help="cases whose name fits")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    folder = tempfile.mkdtemp(prefix="interop-")
    try:
        account = "nobody" if os.geteuid() == 0 else OWN
        certified = Certified(os.path.abspath(options.sluice), os.path.abspath(options.sluiced),
                              Setup(folder, account, 0))
        cases = [(f.__name__, lambda f=f: f(certified)) for f in CASES]
        passed, failed = case_runner.run_all(cases, CASE_SECONDS, options.only)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return case_runner.tell_sum(passed, failed)


if __name__ == "__main__":
    sys.exit(main())
