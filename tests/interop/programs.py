#!/usr/bin/python3
"""Programs of other people, program by operation, at sluiced; and sluice at theirs.

    programs.py --sluiced build/release/sluiced --sluice build/dev/sluice [--check docs/interop.md]

Prints two tables in Markdown; the last line is `N passed, N failed`. A program that is not installed
is a failure, as is an operation that does not do what it says. --write puts the tables into their
place in docs/interop.md, --check fails where those differ.
"""

import argparse
import hashlib
import os
import pathlib
import pwd
import re
import shutil
import signal
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

import case_runner  # noqa: E402
import matrix  # noqa: E402
import peers  # noqa: E402
import program_clients  # noqa: E402
import program_ways  # noqa: E402
from peers import check, same  # noqa: E402
from program_mc import Mc, McShell  # noqa: E402

CASE_SECONDS = 300
HEADING = "Programs"
INTRODUCTION = """\
Programs of other people at `sluiced --root FOLDER --exec`, and what they do: each cell is run. "–":
the program does not do that. curl (by libssh2) and JSch know no algorithm that is offered to all, and
get those that they know (`OfferToOldClients`). rclone compares sums that it has commands make, whose
paths are not those of SFTP below a root: it needs `--sftp-path-override`, as with a NAS, or
`--sftp-disable-hashcheck`. Written and checked by `tests/interop/programs.py`.
"""


CLIENTS = (*program_clients.CLIENTS, Mc, McShell)


class Cases:
    """One client's operations: the name of the method it has, and what must be so afterwards."""

    def __init__(self, client, folder):
        self.client, self.setup, self.folder = client, client.setup, folder

    def served(self, stem):
        name, _ = self.setup.fresh(stem)
        return name, self.setup.served / name

    def file(self, text=b"text"):
        name, path = self.served("file")
        path.write_bytes(text)
        self.setup.own(path)
        return name, path

    def put(self):
        for size in (0, 1, 32 * 1024 + 5, (1 << 20) + 77):
            source = self.folder / f"put{size}"
            source.write_bytes(os.urandom(size))
            name, path = self.served("put")
            self.client.put(source, name)
            same(source, path)

    def get(self):
        for size in (0, (1 << 20) + 77):
            name, path = self.file(os.urandom(size))
            back = self.folder / f"get{size}"
            self.client.get(name, back)
            same(path, back)

    def list(self):
        name, path = self.served("many")
        path.mkdir()
        for i in range(300):
            (path / f"entry-{i:03}").touch()
        self.setup.own(path)
        found = set(re.findall(r"entry-\d{3}", self.client.list(name)))
        check(len(found) == 300, f"{len(found)} entries of 300")

    def rename(self):
        name, path = self.file()
        self.client.rename(name, f"{name}.new")
        check(not path.exists() and (self.setup.served / f"{name}.new").exists(), "not renamed")

    def remove(self):
        name, path = self.file()
        self.client.remove(name)
        check(not path.exists(), "it is still there")

    def make_folder(self):
        name, path = self.served("folder")
        self.client.make_folder(name)
        check(path.is_dir(), "it is not there")

    def remove_folder(self):
        name, path = self.served("folder")
        path.mkdir()
        self.setup.own(path)
        self.client.remove_folder(name)
        check(not path.exists(), "it is still there")

    def mode(self):
        name, path = self.file()
        self.client.mode(name)
        check(path.stat().st_mode & 0o777 == 0o640, f"mode {path.stat().st_mode & 0o777:o}")

    def link(self):
        target, _ = self.file()
        name, path = self.served("link")
        self.client.link(target, name)
        check(path.is_symlink(), "it is no link")
        check(os.readlink(path).lstrip("/") == target, f"it leads to {os.readlink(path)}")

    def put_tree(self):
        tree = program_ways.write_tree(self.folder / "put_tree")
        name, path = self.served("tree")
        self.client.put_tree(tree, name)
        program_ways.same_tree(tree, path)

    def get_tree(self):
        name, path = self.served("tree")
        program_ways.write_tree(path)
        self.setup.own(path, *path.rglob("*"))
        back = self.folder / "got_tree"
        self.client.get_tree(name, back)
        program_ways.same_tree(path, back)

    def sync(self):
        tree = program_ways.write_tree(self.folder / "sync_tree")
        name, path = self.served("sync")
        self.client.sync(tree, name)
        program_ways.same_tree(tree, path)
        shutil.rmtree(tree / "folder 2")
        (tree / "folder 0" / "new").write_text("new")
        self.client.sync(tree, name)
        program_ways.same_tree(tree, path)

    def go_on_up(self):
        source = self.folder / "whole_up"
        source.write_bytes(os.urandom(500_000))
        name, path = self.file(source.read_bytes()[:123_456])
        self.client.go_on_up(source, name)
        same(source, path)

    def go_on_down(self):
        name, path = self.file(os.urandom(500_000))
        part = self.folder / "whole_down"
        part.write_bytes(path.read_bytes()[:123_456])
        self.client.go_on_down(name, part)
        same(path, part)

    def command(self):
        given = os.urandom(100_000) if self.client.gives_input else b""
        text = "sha256sum | cut -c1-64" if given else "echo said"
        wanted = hashlib.sha256(given).hexdigest() if given else "said"
        check(self.client.command(text, given).decode().strip() == wanted, "another answer")


OPERATIONS = (("put", "put"), ("get", "get"), ("list", "list"), ("rename", "rename"),
              ("remove", "remove"), ("make_folder", "make folder"),
              ("remove_folder", "remove folder"), ("mode", "mode"), ("link", "link"),
              ("put_tree", "put tree"), ("get_tree", "get tree"), ("sync", "sync"),
              ("go_on_up", "go on up"), ("go_on_down", "go on down"), ("command", "command"))


class Tables:
    def __init__(self, options, setup):
        self.options, self.setup = options, setup
        self.results = {}  # by name of the case
        self.cases = []
        self.servers = {}

    def server_with(self, config):
        key = tuple(sorted(config.items()))
        if key not in self.servers:
            self.servers[key] = peers.Server(self.setup, "sluiced", self.options.sluiced, config)
        return self.servers[key]

    def folder(self, name):
        folder = self.setup.folder / re.sub(r"\W+", "-", name)
        folder.mkdir(exist_ok=True)
        return folder

    def add(self, name, function):
        def run():
            self.results[name] = "no"
            function()
            self.results[name] = "yes"
        self.cases.append((name, run))

    def plan(self):
        for kind in CLIENTS:
            client = kind(self.server_with(kind.config), self.folder(kind.title))
            cases = Cases(client, client.folder)
            for operation, title in OPERATIONS:
                if getattr(client, operation, None):
                    self.add(f"{kind.title}: {title}", getattr(cases, operation))
        for program, what, _, function in program_ways.WAYS:
            self.add(f"{program}: {what}",
                     lambda function=function, program=program: function(
                         self.server_with({}), self.folder(program)))
        self.add("rclone serve sftp: put -r, get -r, ls",
                 lambda: program_ways.rclone_serves(self.setup, self.options.sluice,
                                                    self.folder("rclone serve")))

    def cell(self, name):
        return self.results.get(name, "not run")

    def text(self):
        lines = [INTRODUCTION,
                 "| | " + " | ".join(title for _, title in OPERATIONS) + " |",
                 "|---" * (len(OPERATIONS) + 1) + "|"]
        for kind in CLIENTS:
            cells = [self.cell(f"{kind.title}: {title}") if getattr(kind, operation, None) else "–"
                     for operation, title in OPERATIONS]
            version = kind(self.server_with(kind.config), self.folder(kind.title)).version()
            lines.append(f"| {kind.title} {version} | " + " | ".join(cells) + " |")
        lines += ["", "| program | version | what it does | |", "|---|---|---|---|"]
        for program, what, package, _ in program_ways.WAYS:
            lines.append(f"| {program} | {program_ways.dpkg(package)} | {what} | "
                         f"{self.cell(f'{program}: {what}')} |")
        name = "rclone serve sftp: put -r, get -r, ls"
        lines.append(f"| rclone serve sftp | {program_ways.dpkg('rclone')} | `sluice` put -r, "
                     f"get -r, ls | {self.cell(name)} |")
        return "\n".join(lines) + "\n"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sluiced", required=True, type=os.path.abspath)
    parser.add_argument("--sluice", required=True, type=os.path.abspath)
    parser.add_argument("--only", default="", metavar="REGEX", help="cases whose name fits")
    parser.add_argument("--write", metavar="FILE", help="put the tables into that page")
    parser.add_argument("--check", metavar="FILE", help="fail where that page has others")
    return parser.parse_args()


def main():
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what we started ends too
    folder = tempfile.mkdtemp(prefix="programs-")
    tables = None
    try:
        user = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        tables = Tables(options, peers.Setup(folder, user, 1 << 20))
        tables.plan()
        passed, failed = case_runner.run_all(tables.cases, CASE_SECONDS, options.only)
        text = tables.text()
    finally:
        for server in tables.servers.values() if tables else ():
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)
    print(f"\n{text}")
    if options.write:
        before, _, behind = matrix.page_parts(options.write, HEADING)
        pathlib.Path(options.write).write_text(before + text + behind)
    if options.check and not options.only:
        if matrix.page_parts(options.check, HEADING)[1] == text:
            passed += 1
        else:
            print(f"FAIL {options.check} has other tables")
            failed += 1
    return case_runner.tell_sum(passed, failed)


if __name__ == "__main__":
    sys.exit(main())
