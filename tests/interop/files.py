#!/usr/bin/python3
"""Runs `sluice get`, `put` and `ls` against OpenSSH's server: `files.py build/dev/sluice`.

The server is started here on 127.0.0.1. A line a case, `ok` or `FAIL` with the reason; the last
line is `N passed, N failed`. The exit status is 0 when nothing failed.
"""

import os
import pathlib
import pwd
import shutil
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

import case_runner  # noqa: E402
import peers  # noqa: E402
from peers import HOST, check, run, same  # noqa: E402

CASE_SECONDS = 120
LARGE = 64 << 20
SIZES = (0, 1, 32767, 32768, 32769, 255 * 1024, 261120, 261121, 3_000_000)


class Case:
    def __init__(self, program, setup, server):
        self.program, self.setup, self.server = program, setup, server
        self.host = f"{pwd.getpwuid(os.geteuid()).pw_name}@{HOST}"
        self.known = setup.folder / "known_hosts"

    def sluice(self, command, *arguments, status=0, settings=()):
        argv = [self.program, command, "-p", self.server.port, "-i", self.setup.key]
        for setting in ("BatchMode=yes", "IdentityAgent=none", f"UserKnownHostsFile={self.known}",
                        "StrictHostKeyChecking=accept-new", *settings):
            argv += ["-o", setting]
        return run([str(a) for a in [*argv, *arguments]], CASE_SECONDS, b"", status,
                   self.setup.environment())

    def at(self, path):
        return f"{self.host}:{path}"

    def fresh(self, stem):
        return self.setup.fresh(stem)[1]

    def file(self, size):
        path = self.fresh("file")
        path.write_bytes(os.urandom(size))
        return path

    # --- cases ---

    def there_and_back(self, size, settings=()):
        source, name, back = self.file(size), self.fresh("there"), self.fresh("back")
        self.sluice("put", source, self.at(name), settings=settings)
        same(source, name)
        self.sluice("get", self.at(name), back, settings=settings)
        same(source, back)

    def sizes(self):
        for size in SIZES:
            self.there_and_back(size)

    def large(self, cipher):
        self.there_and_back(LARGE, (f"Ciphers={cipher}",))

    def directories(self):
        tree = self.fresh("tree")
        (tree / "a" / "b").mkdir(parents=True)
        (tree / "empty").mkdir()
        for number in range(20):
            (tree / "a" / "b" / f"file {number}").write_bytes(os.urandom(number * 1000))
        there, back = self.fresh("there"), self.fresh("back")
        self.sluice("put", "-r", tree, self.at(there))
        self.sluice("get", "-r", self.at(there), back)
        run(["diff", "-r", tree, back])
        self.sluice("get", self.at(there), back, status=1)

    def names(self):
        source, folder = self.file(10), self.fresh("folder")
        folder.mkdir()
        self.sluice("put", source, self.at(folder))
        self.sluice("put", source, self.at(f"{folder}/named"))
        listed = self.sluice("ls", self.at(folder)).stdout.decode().splitlines()
        check(listed == sorted([source.name, "named"]), f"listed {listed}")
        details = self.sluice("ls", "-l", self.at(folder)).stdout.decode()
        check(details.startswith("-rw") and "named" in details, f"listed {details}")

    def preserve(self):
        source, there, back = self.file(10), self.fresh("there"), self.fresh("back")
        source.chmod(0o640)
        os.utime(source, (1_000_000_000, 1_100_000_000))
        self.sluice("put", "--preserve", source, self.at(there))
        self.sluice("get", "--preserve", self.at(there), back)
        for path in (there, back):
            status = path.stat()
            check(status.st_mode & 0o7777 == 0o640, f"mode {status.st_mode:o}")
            check(int(status.st_mtime) == 1_100_000_000, f"mtime {status.st_mtime}")

    def special_modes(self):
        """Setuid and setgid come and go only where they are asked for by name."""
        source = self.file(10)
        source.chmod(0o6755)
        for option, want in (("--preserve", 0o755), ("--preserve-special", 0o6755)):
            back = self.fresh("back")
            self.sluice("get", option, self.at(source), back)
            check(back.stat().st_mode & 0o7777 == want, f"{option}: {back.stat().st_mode:o}")

    def failures(self):
        back = self.fresh("back")
        self.sluice("get", self.at("/no/such/file"), back, status=1)
        check(not back.exists(), "a file was left")
        self.sluice("put", "/no/such/file", self.at("x"), status=1)
        self.sluice("put", self.file(1), self.at("/no/such/folder/x"), status=1)
        self.sluice("ls", self.at("/no/such/folder"), status=1)
        self.sluice("get", "no-host", status=255)
        self.sluice("ls", f"{HOST}:/", settings=("User=nobody-at-all",), status=255)
        self.sluice("ls", self.at("/"), settings=("Ciphers=aes256-cbc",), status=255)


def main():
    program = os.path.abspath(sys.argv[1])
    sshd = shutil.which("sshd") or "/usr/sbin/sshd"
    if not os.access(sshd, os.X_OK):
        sys.exit("files.py: openssh-server is not installed")
    if os.geteuid() == 0:
        os.makedirs("/run/sshd", mode=0o755, exist_ok=True)  # as its service makes it
    folder = tempfile.mkdtemp(prefix="interop-files-")
    try:
        setup = peers.Setup(folder, pwd.getpwuid(os.geteuid()).pw_name, 0)
        with peers.Server(setup, "sshd", sshd) as server:
            case = Case(program, setup, server)
            plan = [("sizes", case.sizes), ("names", case.names), ("directories", case.directories),
                    ("preserve", case.preserve), ("special modes", case.special_modes),
                    ("failures", case.failures)]
            for cipher in ("aes128-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes256-ctr"):
                plan.append((f"large {cipher}", lambda cipher=cipher: case.large(cipher)))
            passed, failed = case_runner.run_all(plan, CASE_SECONDS)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return case_runner.tell_sum(passed, failed)


if __name__ == "__main__":
    sys.exit(main())
