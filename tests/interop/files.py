#!/usr/bin/python3
"""Runs `sluice get`, `put` and `ls` against OpenSSH's server: `files.py build/dev/sluice`.

The server is started here on 127.0.0.1. A line a case, `ok` or `FAIL` with the reason; the last
line is `N passed, N failed`. The exit status is 0 when nothing failed.
"""

import os
import pathlib
import pwd
import re
import shutil
import subprocess
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

    def argv(self, command, *arguments, settings=()):
        argv = [self.program, command, "-p", self.server.port, "-i", self.setup.key]
        for setting in ("BatchMode=yes", "IdentityAgent=none", f"UserKnownHostsFile={self.known}",
                        "StrictHostKeyChecking=accept-new", *settings):
            argv += ["-o", setting]
        return [str(a) for a in [*argv, *arguments]]

    def sluice(self, command, *arguments, status=0, settings=(), stdin=b""):
        return run(self.argv(command, *arguments, settings=settings), CASE_SECONDS, stdin, status,
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

    def odd_names(self):
        """Wherever a name is shown, it is in one line and controls nothing."""
        folder = self.fresh("folder")
        folder.mkdir()
        names = {"a\nsluice: all is well": "a\\x0asluice: all is well", "b\x1b[2Jx": "b\\x1b[2Jx",
                 "c\rd": "c\\x0dd", "e\x7f": "e\\x7f"}
        for name in names:
            (folder / name).write_bytes(b"x")
        listed = self.sluice("ls", self.at(folder)).stdout.decode()
        check(listed.splitlines() == sorted(names.values()), f"listed {listed!r}")
        listed = self.sluice("ls", "-l", self.at(folder)).stdout.decode()
        check(len(listed.splitlines()) == len(names) and "\x1b" not in listed, f"-l: {listed!r}")
        back = self.fresh("back")
        self.sluice("get", "-r", self.at(folder), back)
        check(sorted(path.name for path in back.iterdir()) == sorted(names), "other names came")
        for name, shown in names.items():
            missing = self.fresh("missing") / name
            for words in (("get", self.at(missing), self.fresh("x")), ("put", missing, self.at("x")),
                          ("put", self.file(1), self.at(missing)), ("ls", self.at(missing)),
                          ("get", self.at(folder / name), missing)):
                said = self.sluice(*words, status=1).stderr.decode()
                lines = said.removesuffix("\n").split("\n")
                check(len(lines) == 1 and lines[0].startswith("sluice: ") and shown in said and
                      not re.search("[\x00-\x09\x0b-\x1f\x7f]", said), f"{words[0]} said {said!r}")

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

    def folder_modes(self):
        """Folders have the modes of the originals, and with --preserve their times too."""
        tree = self.fresh("tree")
        modes = {"": 0o700, "shut": 0o500, "open": 0o755, "open/inner": 0o550}
        for name in modes:
            (tree / name).mkdir()
            (tree / name / "file").write_text("text")
        for name, mode in modes.items():
            os.utime(tree / name, (1_000_000_000, 1_100_000_000))
            (tree / name).chmod(mode)
        there, back, kept, kept_back = (self.fresh(name) for name in ("there", "back", "kept", "kb"))
        self.sluice("put", "-r", tree, self.at(there))
        self.sluice("get", "-r", self.at(tree), back)
        self.sluice("put", "-r", "--preserve", tree, self.at(kept))
        self.sluice("get", "-r", "--preserve", self.at(kept), kept_back)
        for copy in (there, back, kept, kept_back):
            for name, mode in modes.items():
                check((copy / name / "file").read_text() == "text", f"{copy / name} is not whole")
                found = (copy / name).stat()
                check(found.st_mode & 0o7777 == mode, f"{copy / name}: {found.st_mode:o}")
                timed = int(found.st_mtime) == 1_100_000_000
                check(timed == (copy in (kept, kept_back)), f"{copy / name}: {found.st_mtime}")

    def links_to_folders(self):
        """They are left out and named; with --follow they are gone into, and back is not."""
        tree = self.fresh("tree")
        (tree / "a" / "b").mkdir(parents=True)
        (tree / "a" / "file").write_text("text")
        (tree / "link to file").symlink_to("a/file")
        (tree / "link").symlink_to("a")
        (tree / "a" / "b" / "loop").symlink_to("../..")
        for verb, follow in (("get", False), ("put", False), ("get", True), ("put", True)):
            back = self.fresh("back")
            ends = (self.at(tree), back) if verb == "get" else (tree, self.at(back))
            flags = ["-r", *(["--follow"] if follow else [])]
            said = self.sluice(verb, *flags, *ends, status=1).stderr.decode()
            files = sorted(str(p.relative_to(back)) for p in back.rglob("*") if p.is_file())
            want = ["a/file", "link to file"] + (["link/file"] if follow else [])
            check(files == sorted(want), f"{verb} {flags}: {files}")
            word = "leads back" if follow else "--follow"
            check(said.count(word) == 2, f"{verb} {flags}: {said}")
        # What the user names himself is gone into.
        back = self.fresh("back")
        self.sluice("get", "-r", self.at(tree / "link" / "b"), back, status=1)
        self.sluice("get", "-r", self.at(tree / "link"), self.fresh("back"), status=1)

    def streams(self):
        """- is standard input and output, and what cannot seek is copied in order."""
        content = os.urandom(1_500_000)
        source = self.fresh("source")
        source.write_bytes(content)
        got = self.sluice("get", self.at(source), "-").stdout
        check(got == content, f"{len(got)} bytes came to standard output")
        got = self.sluice("get", self.at(source), "/dev/stdout").stdout
        check(got == content, f"{len(got)} bytes came to /dev/stdout")
        for name in ("-", "/dev/stdin"):
            there = self.fresh("there")
            self.sluice("put", name, self.at(there), stdin=content)
            same(source, there)
        there = self.fresh("there")
        self.sluice("put", "-", self.at(there))
        check(there.read_bytes() == b"", "an empty stream is an empty file")
        fifo = self.fresh("fifo")
        os.mkfifo(fifo)
        writer = subprocess.Popen(["sh", "-c", f"cat '{source}' > '{fifo}'"])
        there = self.fresh("there")
        self.sluice("put", fifo, self.at(there))
        check(writer.wait(CASE_SECONDS) == 0, "not all of the FIFO was read")
        same(source, there)
        # Nothing there is touched where there is nothing here.
        kept = self.fresh("kept")
        kept.write_text("kept")
        said = self.sluice("put", "/no/such/file", self.at(kept), status=1).stderr.decode()
        check("/no/such/file here" in said, f"said {said}")
        check(kept.read_text() == "kept", "the file there was emptied")
        folder = self.fresh("folder")
        folder.mkdir()
        self.sluice("put", "-", self.at(f"{folder}"), status=1)
        self.sluice("get", self.at(folder), "-", status=1)
        with open("/dev/full", "wb") as full:
            argv = self.argv("get", self.at(source), "-")
            done = subprocess.run(argv, stdout=full, stderr=subprocess.PIPE, timeout=CASE_SECONDS,
                                  env=self.setup.environment())
        check(done.returncode == 1 and b"cannot write - here" in done.stderr, f"said {done.stderr}")

    def start_folder(self):
        source = self.file(10)
        self.sluice("put", source, f"{self.host}:")
        for place in (self.host, f"{self.host}:"):
            listed = self.sluice("ls", place).stdout.decode().splitlines()
            check(source.name in listed, f"ls {place} listed {listed}")

    def dates(self):
        source, there = self.file(10), self.fresh("there")
        os.utime(source, (-315_619_200, -315_619_200))
        said = self.sluice("put", "--preserve", source, self.at(there)).stderr.decode()
        check("before 1970" in said and int(there.stat().st_mtime) == 0, f"said {said}")

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
        # Each names the side that it is about.
        for verb, ends, words in (
                ("get", (self.at("/no/such/file"), back), "/no/such/file on the server"),
                ("get", (self.at(self.file(1)), "/no/such/folder/x"), "/no/such/folder/x here"),
                ("put", ("/no/such/file", self.at("x")), "/no/such/file here"),
                ("put", (self.file(1), self.at("/no/such/folder/x")),
                 "/no/such/folder/x on the server")):
            said = self.sluice(verb, *ends, status=1).stderr.decode()
            check(words in said, f"{verb} said {said}")
        self.sluice("get", "no-host", status=255)
        self.sluice("ls", f"{HOST}:/", settings=("User=nobody-at-all",), status=255)
        self.sluice("ls", self.at("/"), settings=("Ciphers=aes256-cbc",), status=255)


def startup_file(program, setup, sshd):
    """A server whose shell prints something before SFTP begins."""
    words = "Welcome to this machine"
    with peers.Server(setup, "sshd", sshd, {"ForceCommand": f"echo '{words}'; sleep 1"}) as loud:
        said = Case(program, setup, loud).sluice("ls", f"{loud.user}@{HOST}:", status=255).stderr
    for text in ("is not SFTP", words, "startup file"):
        check(text in said.decode(), f"{text} is not in {said}")


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
            plan = [("sizes", case.sizes), ("names", case.names), ("odd names", case.odd_names), ("directories", case.directories),
                    ("preserve", case.preserve), ("special modes", case.special_modes),
                    ("folder modes", case.folder_modes), ("dates", case.dates),
                    ("links to folders", case.links_to_folders), ("streams", case.streams),
                    ("start folder", case.start_folder),
                    ("startup file", lambda: startup_file(program, setup, sshd)),
                    ("failures", case.failures)]
            for cipher in ("aes128-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes256-ctr"):
                plan.append((f"large {cipher}", lambda cipher=cipher: case.large(cipher)))
            passed, failed = case_runner.run_all(plan, CASE_SECONDS)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return case_runner.tell_sum(passed, failed)


if __name__ == "__main__":
    sys.exit(main())
