#!/usr/bin/python3
"""Policy and credentials that say nothing, or too much: `policy.py build/dev/sluiced`."""

import base64
import os
import struct
import subprocess

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from support import HOST, PATIENCE, Sluiced, check, main, run


def string(data):
    return struct.pack(">I", len(data)) + data


class Authority:
    """Issues certificates that ssh-keygen would not."""

    def __init__(self, folder):
        self.key = Ed25519PrivateKey.generate()
        self.folder = folder
        self.file = folder / "authorities"
        self.file.write_text(self.line() + "\n")

    @staticmethod
    def blob(key):
        raw = key.public_key().public_bytes(serialization.Encoding.Raw,
                                            serialization.PublicFormat.Raw)
        return string(b"ssh-ed25519") + string(raw)

    def line(self):
        return "ssh-ed25519 " + base64.b64encode(self.blob(self.key)).decode()

    def certify(self, key_file, principals, valid=(0, 2**64 - 1), critical=b"",
                key_id=b"id"):
        """Writes key_file-cert.pub; `principals` are bytes, as they stand."""
        blob = base64.b64decode(open(f"{key_file}.pub").read().split()[1])
        raw = blob[-32:]
        name = b"ssh-ed25519-cert-v01@openssh.com"
        body = (string(name) + string(os.urandom(32)) + string(raw) + struct.pack(">QI", 1, 1)
                + string(key_id) + string(b"".join(string(p) for p in principals))
                + struct.pack(">QQ", *valid) + string(critical) + string(b"") + string(b"")
                + string(self.blob(self.key)))
        body += string(string(b"ssh-ed25519") + string(self.key.sign(body)))
        with open(f"{key_file}-cert.pub", "w") as out:
            out.write(f"{name.decode()} {base64.b64encode(body).decode()} hostile\n")


def key_of(setup):
    path = setup.folder / setup.fresh("key")[0]
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path])
    return path


def lets_in(server, key, user):
    argv = ["sftp", *server.options(key), "-o", f"CertificateFile={key}-cert.pub",
            "-P", server.port, "-b", "/dev/null", f"{user}@{HOST}"]
    return subprocess.run([str(a) for a in argv], capture_output=True, timeout=PATIENCE,
                          env=server.setup.environment()).returncode == 0


def certificates_for_nobody(program, setup):
    """a certificate that names nobody, or nobody whole, lets in nobody"""
    authority = Authority(setup.folder)
    principals = setup.folder / "principals"
    principals.write_text("\n\n \n\"\"\nfrom=\"*\" \n")
    setup.authorized_keys.write_text(
        f'cert-authority {authority.line()}\n'
        f'cert-authority,principals="" {authority.line()}\n'
        f'cert-authority,principals="a,,b" {authority.line()}\n')
    key = key_of(setup)
    settings = {"by TrustedUserCAKeys": (f"TrustedUserCAKeys {authority.file}",),
                "by principals of a file": (f"TrustedUserCAKeys {authority.file}",
                                            f"AuthorizedPrincipalsFile {principals}"),
                "by cert-authority": ()}
    careless = ([b""], [], [b"", b""], [b"\0"], [b"ada\0"], [b"*"], [b"ada,eve"], [b"?da"],
                [b"ada\n"], [b" ada"])
    for how, lines in settings.items():
        with Sluiced(program, setup, settings=lines) as server:
            for names in careless:
                authority.certify(key, names)
                for user in ("ada", "root", "nobody"):
                    check(not lets_in(server, key, user), f"{how}: {names} let in {user}")
            authority.certify(key, [b"ada"])
            if how != "by principals of a file":
                check(lets_in(server, key, "ada"), f"{how}: who is named is not let in")
                check(not lets_in(server, key, "eve"), f"{how}: who is not named is let in")


def certificates_that_restrict(program, setup):
    """what a certificate restricts holds, empty or not"""
    authority = Authority(setup.folder)
    key = key_of(setup)

    def option(name, data):
        return string(name) + string(data)

    with Sluiced(program, setup, settings=[f"TrustedUserCAKeys {authority.file}"]) as server:
        for critical in (option(b"source-address", string(b"")),
                         option(b"source-address", string(b"10.0.0.0/8")),
                         option(b"source-address", b""), option(b"unknown@example.com", b""),
                         option(b"force-command", string(b"")), option(b"", b"")):
            authority.certify(key, [b"ada"], critical=critical)
            check(not lets_in(server, key, "ada"), f"{critical} let in")
        for valid in ((0, 0), (0, 1), (2**63, 2**64 - 1)):
            authority.certify(key, [b"ada"], valid=valid)
            check(not lets_in(server, key, "ada"), f"valid {valid} let in")
        authority.certify(key, [b"ada"], critical=option(b"source-address",
                                                         string(b"127.0.0.0/8")))
        check(lets_in(server, key, "ada"), "the right address is not let in")


def settings_that_say_nothing(program, setup):
    """settings that are empty, hold a NUL or are of the wrong kind stop the start"""
    for line in (b"User \n", b'User ""\n', b"User a\0b\n", b"User -x\n", b"Group a b\n",
                 b'ChrootDirectory ""\n', b'AuthorizedKeysFile ""\n', b'AllowUsers ""\n',
                 b'TrustedUserCAKeys ""\n', b"UsersFile /a\0b\n", b"Landlock maybe\n",
                 b"Seccomp\n", b'HostKey ""\n', b"MaxAuthTries 0\n", b'ForceCommand\n',
                 b"PermitOpen :80\n", b'SetEnv =x\n', b'RevokedKeys ""\n',
                 b"PerSourcePenalties authfail:\0\n", b"PerSourcePenalties noauth:-1\n",
                 b"PerSourceMaxStartups 0\n", b'PerSourcePenaltyExemptList ""\n',
                 b"PerSourceNetBlockSize 33\n"):
        file = setup.folder / "settings"
        file.write_bytes(line)
        done = subprocess.run([program, "--config", file, "--root", setup.served, "--host-key",
                               setup.host_keys[0], "--authorized-keys", setup.authorized_keys,
                               "-t"], capture_output=True, text=True, timeout=PATIENCE)
        check(done.returncode == 1 and "settings:1" in done.stderr,
              f"{line}: {done.returncode}, {done.stderr}")


if __name__ == "__main__":
    main([certificates_for_nobody, certificates_that_restrict, settings_that_say_nothing])
