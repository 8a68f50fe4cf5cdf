#!/usr/bin/python3
"""SFTP on standard input and output: `sftp_server.py build/dev/sluice-sftp-server`.

OpenSSH's sftp at it, directly (sftp -D) and through OpenSSH's sshd, whose Subsystem it is; its
arguments beside those of OpenSSH's own sftp-server. A line a case, as the other programs here.
"""

import os
import pathlib
import pwd
import socket
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

from case_runner import run_all, tell_sum  # noqa: E402
from peers import HOST, check  # noqa: E402
from whole_server import until  # noqa: E402

PATIENCE = 60  # seconds
THEIRS = "/usr/lib/openssh/sftp-server"


class SftpServer:
    def __init__(self, program, folder):
        self.program, self.d = program, folder
        self.served = folder / "served"
        self.served.mkdir()
        (folder / "data").write_bytes(os.urandom(3_000_000))
        (folder / "outside").write_text("secret")
        self.wrappers = 0

    def wrapper(self, *arguments, program=None):
        """A program that is the server with these arguments."""
        self.wrappers += 1
        path = self.d / f"server{self.wrappers}"
        words = " ".join(f"'{word}'" for word in (program or self.program, *arguments))
        path.write_text(f"#!/bin/sh\nexec {words}\n")
        path.chmod(0o755)
        return path

    def batch(self, commands, *arguments, program=None, want=0):
        (self.d / "batch").write_text("\n".join(commands) + "\n")
        done = subprocess.run(
            ["sftp", "-q", "-b", self.d / "batch", "-D", self.wrapper(*arguments, program=program)],
            cwd=self.d, capture_output=True, text=True, timeout=PATIENCE)
        check(done.returncode == want, f"{commands} with {arguments}: {done}")
        return done

    def there_and_back(self):
        """files go there and come back, by sftp -D"""
        for arguments in (["-d", self.served], ["--root", self.served],
                          ["--root", self.d, "-d", "/served", "-e", "-l", "INFO"]):
            done = self.batch(["put data f", "rename f g", "chmod 640 g", "ls -l g", "get g back",
                               "mkdir new", "rmdir new", "rm g"], *arguments)
            check("-rw-r-----" in done.stdout, f"{done}")
            check((self.d / "back").read_bytes() == (self.d / "data").read_bytes(), "changed")
            check(not any(self.served.iterdir()), "something is left")
            (self.d / "back").unlink()
        check("session opened for local user " + pwd.getpwuid(os.getuid()).pw_name in done.stderr,
              f"{done}")
        check("session closed" in done.stderr and "1 files committed" in done.stderr, f"{done}")

    def start_directory(self):
        """-d is where paths begin, and / stays the root"""
        for program in (self.program, THEIRS):
            done = self.batch(["pwd", "ls ../outside"], "-d", self.served, program=program)
            check(str(self.served) in done.stdout, f"{done}")
        for program in (self.program, THEIRS):
            done = self.batch(["pwd", "get data again"], program=program)
            check(f"directory: {self.d.resolve()}\n" in done.stdout, f"not where it was: {done}")
            (self.d / "again").unlink()
            done = self.batch(["pwd"], "-d", "served", program=program)
            check(f"directory: {self.served.resolve()}\n" in done.stdout, f"relative: {done}")
            done = self.batch(["pwd"], "-d", self.d / "absent", program=program)
            check(f"directory: {self.d.resolve()}\n" in done.stdout, f"not there: {done}")
        done = self.batch(["pwd"], "--root", self.served)
        check("directory: /\n" in done.stdout, f"below a root: {done}")
        home = pwd.getpwuid(os.getuid()).pw_dir
        check(home in self.batch(["pwd"], "-d", "%d").stdout, "no home directory")
        done = self.batch(["pwd"], "-e", "-d", self.d / "absent")
        check("absent" in done.stderr, f"{done}")

    def restricted(self):
        """--root is all there is; -R, -p and -P refuse as OpenSSH's do"""
        self.batch(["get outside"], "--root", self.served, want=1)
        self.batch(["get ../outside"], "--root", self.served, want=1)
        os.symlink(self.d / "outside", self.served / "way")
        self.batch(["get way"], "--root", self.served, want=1)
        os.unlink(self.served / "way")
        for program in (self.program, THEIRS):
            self.batch(["ls"], "-R", program=program)
            self.batch([f"mkdir {self.served}/d"], "-R", program=program, want=1)
            self.batch([f"mkdir {self.served}/d"], "-P", "rename,mkdir", program=program, want=1)
            self.batch([f"mkdir {self.served}/d"], "-p", "realpath,mkdir,lstat,stat",
                       program=program)
            self.batch([f"rmdir {self.served}/d"], "-p", "realpath,mkdir,lstat,stat",
                       program=program, want=1)
            os.rmdir(self.served / "d")
        done = subprocess.run([self.program, "-P", "mkdirs"], stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=PATIENCE)
        check(done.returncode == 255, f"an unknown request is taken: {done}")

    def says(self):
        """-Q requests names what OpenSSH's names, -u is the umask"""
        said = [set(subprocess.run([program, "-Q", "requests"], capture_output=True, text=True,
                                   check=True, timeout=PATIENCE).stdout.split())
                for program in (self.program, THEIRS)]
        check(said[1] <= said[0], f"not known: {said[1] - said[0]}")
        for program in (self.program, THEIRS):
            self.batch(["put data f"], "-u", "077", "-d", self.served, program=program)
            check((self.served / "f").stat().st_mode & 0o777 == 0o600, "-u has no effect")
            os.unlink(self.served / "f")
        # OpenSSH's has no -m but where a distribution adds it (Fedora).
        self.batch(["put data f", "mkdir d"], "-m", "664", "-u", "077", "-d", self.served)
        for name, mode in (("f", 0o664), ("d", 0o700)):
            check((self.served / name).stat().st_mode & 0o777 == mode, f"-m and -u: {name}")
        os.unlink(self.served / "f")
        os.rmdir(self.served / "d")
        for program in (self.program, THEIRS):  # words are for whoever else might read them
            done = subprocess.run([program, "-e", "--", "somehost", "sftp"], stdin=subprocess.DEVNULL,
                                  capture_output=True, timeout=PATIENCE)
            check(done.returncode == 0, f"with words: {done}")
        scp = subprocess.run(["scp", "-q", "-s", "-D", self.program, "data", f"there:{self.d}/copied"],
                             cwd=self.d, capture_output=True, timeout=PATIENCE)
        check((self.d / "copied").read_bytes() == (self.d / "data").read_bytes(), f"scp -D: {scp}")
        for wrong in (["-u", "9"], ["-u", "1000"], ["-m", "8"], ["-m", "4755"],
                      ["-l", "LOUD"], ["-f", "X"], ["-d", "%x"]):
            done = subprocess.run([self.program, *wrong], stdin=subprocess.DEVNULL,
                                  capture_output=True, timeout=PATIENCE)
            check(done.returncode == 255 and done.stderr, f"{wrong}: {done}")

    def operations(self):
        """-l INFO tells each operation in a line, as OpenSSH's does; --devices opens /dev/null,
        --set-id sets setuid"""
        commands = ['put data "a b"', 'rename "a b" c', "rm c", "mkdir d", "rmdir d"]
        there = self.served.resolve()
        for program in (self.program, THEIRS):
            done = self.batch(commands, "-e", "-l", "INFO", "-d", there, program=program)
            for line in (f'open "{there}/a b" flags WRITE,CREATE,TRUNCATE mode 0',
                         f'close "{there}/a b" ', f'rename old "{there}/a b" new "{there}/c"',
                         f'remove name "{there}/c"', f'mkdir name "{there}/d" mode 0777',
                         f'rmdir name "{there}/d"'):
                check(line in done.stderr, f"{line} is not in {done}")
        for program, arguments, want in ((self.program, (), 1), (self.program, ("--devices",), 0),
                                         (THEIRS, (), 0)):
            self.batch(["put data /dev/null"], *arguments, program=program, want=want)
        for program, arguments, want in ((self.program, (), 1), (self.program, ("--set-id",), 0),
                                         (THEIRS, (), 0)):
            file = self.served / "set"
            file.write_text("")
            self.batch([f"chmod 6711 {file}"], *arguments, program=program, want=want)
            check((file.stat().st_mode & 0o7777 == 0o6711) == (want == 0), f"{program} {arguments}")
            file.unlink()
        done = self.batch(commands, "-e", "-d", there)
        check("mkdir" not in done.stderr, f"told without -l: {done}")

    def odd_streams(self):
        """a file as standard input, an end in the midst of a request, and what is no SFTP"""
        init = struct.pack(">IBI", 5, 1, 3)
        realpath = struct.pack(">IBII", 10, 16, 1, 1) + b"."
        for sent, status, answers in ((init, 0, 1), (init + realpath, 0, 2),
                                      (init + realpath[:-1], 0, 1), (b"", 0, 0),
                                      (b"SSH-2.0-x\r\n", 1, 0)):
            (self.d / "in").write_bytes(sent)
            with open(self.d / "in", "rb") as file:
                from_file = subprocess.run([self.program, "-e"], stdin=file, capture_output=True,
                                           timeout=PATIENCE)
            from_pipe = subprocess.run([self.program, "-e"], input=sent, capture_output=True,
                                       timeout=PATIENCE)
            for done in (from_file, from_pipe):
                at = found = 0
                while at < len(done.stdout):
                    at += 4 + struct.unpack(">I", done.stdout[at:at + 4])[0]
                    found += 1
                check((done.returncode, found) == (status, answers), f"{sent}: {done}")
        # Who does not read what he asked for is not waited for when he is gone.
        with subprocess.Popen([self.program], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE) as child:
            child.stdout.close()
            try:
                for _ in range(1000):
                    child.stdin.write(init + realpath * 100)
                child.stdin.close()
            except BrokenPipeError:
                child.stdin = None
            check(child.wait(PATIENCE) in (0, 1), f"ended with {child.returncode}")

    def below_sshd(self):
        """OpenSSH's sshd has it as its Subsystem"""
        for name in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.d / name],
                           check=True)
        with socket.create_server((HOST, 0)) as probe:
            port = str(probe.getsockname()[1])
        if os.geteuid() == 0:
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        (self.d / "sshd_config").write_text(
            f"ListenAddress {HOST}:{port}\nHostKey {self.d}/host\nUsePAM no\nStrictModes no\n"
            f"AuthorizedKeysFile {self.d}/user.pub\nPidFile none\n"
            f"Subsystem sftp {self.wrapper('-d', self.served)}\n")
        sshd = subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", "-f", self.d / "sshd_config"],
                                stderr=subprocess.PIPE)
        try:
            def listens():
                try:
                    socket.create_connection((HOST, int(port)), PATIENCE).close()
                    return True
                except OSError:
                    return False
            until(listens, PATIENCE, "sshd does not listen")
            (self.d / "batch").write_text("put data f\nget f back\nrm f\n")
            done = subprocess.run(
                ["sftp", "-q", "-F", "none", "-P", port, "-i", self.d / "user", "-o",
                 "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-b",
                 self.d / "batch", f"{pwd.getpwuid(os.getuid()).pw_name}@{HOST}"],
                cwd=self.d, capture_output=True, text=True, timeout=PATIENCE)
            check(done.returncode == 0, f"{done}")
            check((self.d / "back").read_bytes() == (self.d / "data").read_bytes(), "changed")
        finally:
            sshd.terminate()
            sshd.communicate(timeout=PATIENCE)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory(prefix="sftp-server-") as folder:
        cases = SftpServer(os.path.abspath(sys.argv[1]), pathlib.Path(folder))
        plan = [(case.__doc__, case)
                for case in (cases.there_and_back, cases.start_directory, cases.restricted,
                             cases.says, cases.operations, cases.odd_streams,
                             cases.below_sshd)]
        return tell_sum(*run_all(plan, 4 * PATIENCE))


if __name__ == "__main__":
    sys.exit(main())
