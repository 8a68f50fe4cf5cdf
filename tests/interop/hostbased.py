#!/usr/bin/python3
"""Hosts that vouch for their users: `hostbased.py build/dev/sluiced build/dev/tests/hostbased_client`.

OpenSSH's ssh, whose ssh-keysign has the host's key, at our server; our client at OpenSSH's sshd.
Both read /etc/ssh, for which a folder stands in a mount namespace of its own: needs root. A line a
case; the last line is `N passed, N failed`.
"""

import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

from case_runner import run_all, tell_sum  # noqa: E402
from client import start_sshd  # noqa: E402
from peers import HOST, Server, Setup, check, run  # noqa: E402


class Vouching:
    def __init__(self, sluiced, client, setup):
        self.sluiced, self.client, self.setup = sluiced, client, setup
        self.ssh = pathlib.Path(setup.folder) / "etc-ssh"
        self.ssh.mkdir()
        self.key = self.ssh / "ssh_host_ed25519_key"
        setup.make_key(self.key, "ed25519", None)
        public = pathlib.Path(f"{self.key}.pub").read_text()
        self.known = self.file("ssh_known_hosts", f"localhost,{HOST} {public}")
        self.file("ssh_config", "EnableSSHKeysign yes\nHostbasedAuthentication yes\n")
        self.trusted = self.file("shosts.equiv", "localhost\n")
        run(["mount", "--bind", self.ssh, "/etc/ssh"])
        # Their servers read keys as their own users.
        self.served_key = setup.folder / "served_key"
        self.served_key.write_bytes(self.key.read_bytes())
        self.served_key.chmod(0o600)
        setup.own(self.served_key)

    def file(self, name, text):
        path = self.ssh / name
        path.write_text(text)
        path.chmod(0o644)
        return path

    def serve(self, shosts, settings=None):
        return Server(self.setup, "sluiced", self.sluiced,
                      {"HostbasedAuthentication": "yes", "HostbasedKnownHostsFile": self.known,
                       "ShostsFile": self.file("shosts", shosts),
                       "AuthenticationMethods": "hostbased", **(settings or {})},
                      host_keys=[self.served_key])

    def ask(self, server, *options):
        return run(["ssh", "-o", "PreferredAuthentications=hostbased", "-o", "BatchMode=yes",
                    *options, "-p", server.port, f"{server.user}@{HOST}", "echo in"], 60,
                   status=None, env=self.setup.environment())

    def ssh_at_ours(self):
        me = "localhost root\n"
        for settings in ({}, {"HostbasedUsesNameFromPacketOnly": "yes"}):
            with self.serve(me, settings) as server:
                done = self.ask(server)
                check(done.stdout == b"in\n", f"not in: {done.stderr.decode(errors='replace')}")
        for shosts in ("localhost eve\n", "other.example root\n", f"-{me}"):
            with self.serve(shosts) as server:
                check(self.ask(server).returncode == 255, f"{shosts!r} let it in")
        with self.serve(me, {"HostbasedAcceptedAlgorithms": "rsa-sha2-512"}) as server:
            check(self.ask(server).returncode == 255, "the algorithm is not accepted")
        with self.serve(me, {"HostbasedKnownHostsFile": self.trusted}) as server:
            check(self.ask(server).returncode == 255, "nobody knows the host")

    def log_in(self, server, user, key):
        return subprocess.run([self.client, str(server.port), user, key], timeout=60,
                              capture_output=True, text=True)

    # shosts.equiv is not for root, so it is another who logs in.
    def ours_at_sshd(self):
        user = self.setup.account.pw_name
        other = self.setup.folder / "user_key"
        settings = {"HostbasedAuthentication": "yes", "IgnoreUserKnownHosts": "yes",
                    "IgnoreRhosts": "yes", "HostbasedUsesNameFromPacketOnly": "yes"}
        before = self.setup.host_keys
        self.setup.host_keys = [self.key]
        try:
            for equiv, key, want in (("localhost root\n", self.key, 0),
                                     ("localhost eve\n", self.key, 1),
                                     ("localhost root\n", other, 1)):
                self.file("shosts.equiv", equiv)
                with start_sshd(self.setup, settings) as server:
                    done = self.log_in(server, user, key)
                    check(done.returncode == want, f"{equiv!r} {key}: {done.returncode}, "
                          f"{done.stderr} {server.log.read_text(errors='replace')[-600:]}")
        finally:
            self.setup.host_keys = before


def main():
    if os.geteuid() != 0:
        print("needs root: ssh-keysign, sshd and our server are of different users")
        return tell_sum(0, 1)
    if sys.argv[1] != "--inside":
        return subprocess.run(["unshare", "-m", sys.executable, __file__, "--inside",
                               *sys.argv[1:]], check=False).returncode
    sluiced, client = (os.path.abspath(p) for p in sys.argv[2:4])
    with tempfile.TemporaryDirectory(prefix="interop-") as folder:
        vouching = Vouching(sluiced, client, Setup(folder, "nobody", 0))
        return tell_sum(*run_all((("OpenSSH's ssh at our server", vouching.ssh_at_ours),
                                  ("our client at OpenSSH's sshd", vouching.ours_at_sshd)), 120))


if __name__ == "__main__":
    sys.exit(main())
