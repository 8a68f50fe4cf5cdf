#!/usr/bin/python3
"""Our server started as sshd is: `in_place.py build/dev/sluiced`.

With sshd's letters, with -i as a ProxyCommand on two pipes, and with -i as inetd does, which gives
one socket as standard input, output and error. A line a case, as the other programs here.
"""

import contextlib
import os
import pathlib
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

from case_runner import run_all, tell_sum  # noqa: E402
from peers import HOST, check, free_port  # noqa: E402

PATIENCE = 60  # seconds


class InPlace:
    def __init__(self, program, folder):
        self.d, self.log = folder, folder / "log"
        for name in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name],
                           check=True)
        for name in ("root", "dev"):
            (folder / name).mkdir()
        (folder / "root" / "served").write_text("text")
        (folder / "list").write_text("ls /\nget /served got\n")
        (folder / "config").write_text(f"AuthorizedKeysFile {folder}/user.pub\n"
                                       f"ChrootDirectory {folder}/root\nPort 1\n")
        allow = ["--allow-root"] if os.geteuid() == 0 else []
        self.bare = [program, "-f", folder / "config", "-h", folder / "host", *allow]
        self.argv = [*self.bare, "-E", self.log]

    def sftp(self, *options):
        got = self.d / "got"
        got.unlink(missing_ok=True)
        done = subprocess.run(
            ["sftp", "-F", "none", "-i", self.d / "user", "-o", "StrictHostKeyChecking=no", "-o",
             "UserKnownHostsFile=/dev/null", *options, "-b", self.d / "list", f"ada@{HOST}"],
            cwd=self.d, capture_output=True, text=True, timeout=PATIENCE)
        check(done.returncode == 0 and got.read_text() == "text", f"{done}")

    def letters(self):
        """-D, -e, -p, -h, -f, -E and -q mean what they do for sshd"""
        port = str(free_port())
        server = subprocess.Popen([*self.argv, "-D", "-e", "-p", port, "-g", "30"],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            told = server.stdout.readline()
            check(told.endswith(f":{port}\n"), f"it listens elsewhere: {told}")
            self.sftp("-P", port)
        finally:
            server.terminate()
            errors = server.communicate(timeout=PATIENCE)[1]
        check(server.returncode == 0 and errors == "", f"{server.returncode}: {errors}")
        check("login" in self.log.read_text(), "-E has no log")
        self.log.write_text("")
        done = subprocess.run([*self.argv, "-q", "-t"], capture_output=True, text=True,
                              timeout=PATIENCE)
        check(done.returncode == 0 and self.log.read_text() == "", f"{done}")
        helped = subprocess.run([self.argv[0], "--help"], capture_output=True, text=True,
                                timeout=PATIENCE)
        check(helped.returncode == 0 and "--host-key" in helped.stdout, f"{helped}")

    def proxy_command(self):
        """-i serves the pipes of a ProxyCommand and ends with the connection"""
        self.log.write_text("")
        command = " ".join(f"'{word}'" for word in [*self.argv, "-i"])
        self.sftp("-o", f"ProxyCommand={command}")
        check("UNKNOWN" in self.log.read_text(), self.log.read_text())

    @contextlib.contextmanager
    def accepted(self, *more):
        """One connection, as inetd hands it over; gives the port, then waits for the end."""
        with socket.create_server((HOST, 0)) as listener:
            child = os.fork()
            if child == 0:
                status = 70
                try:
                    one, _ = listener.accept()
                    status = subprocess.run([*self.argv, "-i", *more], stdin=one, stdout=one,
                                            stderr=one, timeout=PATIENCE).returncode
                finally:
                    os._exit(status)
            try:
                yield listener.getsockname()[1]
            finally:
                status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        check(status == 0, f"ended with {status}")

    def super_server(self):
        """-i serves the socket of inetd, with its peer's address, and no log gets into it"""
        for more in ([], ["--log-level", "DEBUG"]):
            self.log.write_text("")
            with self.accepted(*more) as port:
                self.sftp("-P", str(port))
            check(f"peer={HOST}" in self.log.read_text(), self.log.read_text())
        argv, self.argv = self.argv, self.bare
        with self.accepted("--log-level", "DEBUG") as port:
            self.sftp("-P", str(port))
        self.argv = argv

    def who_leaves(self):
        """-i ends when its peer goes without a word, or was never there"""
        with self.accepted() as port:
            socket.create_connection((HOST, port), PATIENCE).close()
        done = subprocess.run([*self.argv, "-i"], stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=PATIENCE)
        check(done.stdout.startswith(b"SSH-2.0-"), f"{done}")

    def syslog(self):
        """--syslog sends the log to /dev/log, also where the daemon begins anew"""
        # A /dev of its own, whose log is a socket of ours.
        script = ("mount -t tmpfs none \"$0/dev\" && for name in null zero random urandom; do "
                  "touch \"$0/dev/$name\" && mount --bind /dev/$name \"$0/dev/$name\" || exit; done; "
                  "ln -s \"$0/daemon\" \"$0/dev/log\" && mount --rbind \"$0/dev\" /dev && exec \"$@\"")
        port = str(free_port())
        own_mounts = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
        with self.daemon() as daemon:
            server = subprocess.Popen(
                [*own_mounts, "sh", "-c", script, self.d, *self.bare, "--syslog", "-p", port,
                 "-o", "SyslogFacility LOCAL3"],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            try:
                told = server.stdout.readline()
                check(told.endswith(f":{port}\n"), f"it listens elsewhere: {told}")
                self.sftp("-P", port)
                login = self.lines_until(daemon, " login ")
            except BaseException:
                server.kill()
                raise
        info_of_local3 = 19 * 8 + 6
        check(login.startswith(f"<{info_of_local3}>") and f"sluiced[{server.pid}]: " in login, login)
        try:
            with self.daemon() as another:
                self.sftp("-P", port)
                self.lines_until(another, " login ")
        finally:
            server.terminate()
            errors = server.communicate(timeout=PATIENCE)[1]
        check(server.returncode == 0 and errors == "", f"{server.returncode}: {errors}")

    @contextlib.contextmanager
    def daemon(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
            one.settimeout(PATIENCE)
            one.bind(str(self.d / "daemon"))
            try:
                yield one
            finally:
                os.unlink(self.d / "daemon")

    @staticmethod
    def lines_until(daemon, text):
        while True:
            line = daemon.recv(65_536).decode()
            if text in line:
                return line


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory(prefix="in-place-") as folder:
        cases = InPlace(os.path.abspath(sys.argv[1]), pathlib.Path(folder))
        plan = [(case.__doc__, case) for case in (cases.letters, cases.proxy_command,
                                                  cases.super_server, cases.who_leaves,
                                                  cases.syslog)]
        return tell_sum(*run_all(plan, 4 * PATIENCE))


if __name__ == "__main__":
    sys.exit(main())
