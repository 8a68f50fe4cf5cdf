#!/usr/bin/python3
"""Servers whose directories never end: `listings.py build/dev/sluiced build/dev/sluice`."""

import os
import pathlib
import signal
import struct
import subprocess

from lying_server import Files, Server, peak, serving, string
from support import PATIENCE, check, main, until

MEMORY_MAX = 96 << 20   # bytes: entries to sort, one answer for each directory it is in, and the rest
ENTRIES_SORTED = 100_000  # limits::listing_sorted_max
DEPTH_MAX = 128           # limits::copied_depth_max
NAME_MAX = 1024           # limits::sftp_name_length_max
BATCH = 1000


class Endless(Files):
    """A directory of long names without end. Of each name `directory` says what it is."""

    def __init__(self, longname, directory=False):
        self.line, self.directory = longname, directory

    def is_directory(self, path):
        return path == b"." or self.directory

    def names(self, path, batch):
        return [b"%d-%d" % (batch, i) for i in range(BATCH if self.line < 200 else 8)]

    def longname(self, name):
        return b"-" * self.line + name


def started(argv, **streams):
    return subprocess.Popen(argv, stdin=subprocess.DEVNULL, **streams)


def ended_by(process, number):
    process.send_signal(number)
    status = process.wait(PATIENCE)
    check(status == -number, f"ended with {status}")


def ls(program, setup):
    """ls of a directory without end goes on in bounded memory, says so, and ends when it is told to"""
    for longname, flags, entries in ((10, [], 3_000_000), (60, ["-l"], 1_500_000),
                                     (30_000, ["-l"], 10_000)):
        files = Endless(longname)
        errors = setup.folder / "errors"
        with Server(setup, serving(files)) as server, open(errors, "wb") as err:
            argv = server.argv(program, "ls", "asked@127.0.0.1:.", flags=flags)
            client = started(argv, stdout=subprocess.DEVNULL, stderr=err)
            try:
                until(lambda: files.entries_told > entries or client.poll() is not None,
                      "it does not go on", 300)
                check(client.poll() is None, f"it ended: {errors.read_text()}")
                used = peak(client.pid)
                print(f"     ls {flags} had {used >> 20} MiB at {files.entries_told} entries")
                check(used < MEMORY_MAX, f"{used >> 20} MiB for {files.entries_told} entries")
                if longname < 200:
                    check("too many entries to sort" in errors.read_text(), "it did not say so")
                ended_by(client, signal.SIGTERM)
            finally:
                client.kill()
                client.wait()


def ls_of_many(program, setup):
    """every entry of a directory that is too large to be sorted is shown once"""
    class Many(Endless):
        def names(self, path, batch):
            return super().names(path, batch) if batch * BATCH <= ENTRIES_SORTED else None

    with Server(setup, serving(Many(10))) as server:
        done = subprocess.run(server.argv(program, "ls", "asked@127.0.0.1:."), capture_output=True,
                              timeout=PATIENCE)
    check(done.returncode == 0, f"ended with {done.returncode}")
    shown = done.stdout.split()
    check(len(shown) == len(set(shown)) == ENTRIES_SORTED + BATCH, f"{len(shown)} entries")
    check(b"too many entries to sort" in done.stderr, f"said {done.stderr}")


def ls_into_nowhere(program, setup):
    """a listing without end that nobody reads any more ends"""
    with Server(setup, serving(Endless(10))) as server:
        argv = server.argv(program, "ls", "asked@127.0.0.1:.")
        with open("/dev/full", "wb") as full:
            client = started(argv, stdout=full, stderr=subprocess.PIPE)
        said = client.communicate(timeout=PATIENCE)[1]
        check(client.returncode == 1 and b"standard output" in said, f"{client.returncode}: {said}")


def get(program, setup):
    """get -r of a directory without end goes on in bounded memory, and ends when it is told to"""
    class Nothing(Endless):
        looked_at = 0

        def answer(self, kind, body):
            if kind in (7, 17) and body[4:] != b".":  # so that nothing is written here
                self.looked_at += 1
                return bytes([101]), b"\0\0\0\3" + bytes(8)
            return super().answer(kind, body)

    files = Nothing(10)
    with Server(setup, serving(files)) as server:
        argv = server.argv(program, "get", "asked@127.0.0.1:.", setup.folder / "got", flags=["-r"])
        client = started(argv, stderr=subprocess.DEVNULL)
        try:
            until(lambda: files.entries_told > 20_000 or client.poll() is not None,
                  "it does not go on", 300)
            check(client.poll() is None, "it ended")
            used = peak(client.pid)
            print(f"     get -r had {used >> 20} MiB at {files.entries_told} entries")
            check(used < MEMORY_MAX, f"{used >> 20} MiB for {files.entries_told} entries")
            kept = files.entries_told - files.looked_at
            check(kept <= 2 * BATCH, f"it has asked for {kept} entries more than it has looked at")
            ended_by(client, signal.SIGTERM)
        finally:
            client.kill()
            client.wait()


def depth(program, setup):
    """directories in each other without end are given up at the cap, in bounded memory"""
    class Deep(Endless):
        def names(self, path, batch):
            return [b"d"] if batch == 0 else None

    files = Deep(10, directory=True)
    target = setup.folder / "got"
    with Server(setup, serving(files)) as server:
        argv = server.argv(program, "get", "asked@127.0.0.1:.", target, flags=["-r"])
        done = subprocess.run(argv, capture_output=True, timeout=PATIENCE)
    check(done.returncode == 1, f"ended with {done.returncode}")
    check(b"directories in each other" in done.stderr, f"said {done.stderr}")
    levels = sum(1 for _ in os.walk(target))
    check(levels == DEPTH_MAX, f"{levels} directories")


def full_and_deep(program, setup):
    """and so are they where every answer on the way is as large as it may be"""
    class Full(Endless):
        def names(self, path, batch):
            return [b"d"] + [b"%d" % i for i in range(8000)]

        def longname(self, name):
            return b""

        def is_directory(self, path):
            return path == b"." or path.endswith(b"d")

    files = Full(0)
    errors = setup.folder / "errors"
    with Server(setup, serving(files)) as server, open(errors, "wb") as err:
        argv = server.argv(program, "get", "asked@127.0.0.1:.", setup.folder / "got", flags=["-r"])
        client = started(argv, stderr=err)
        try:
            until(lambda: b"in each other" in errors.read_bytes() or client.poll() is not None,
                  "it does not come to the cap", 300)
            used = peak(client.pid)
            print(f"     get -r had {used >> 20} MiB in {DEPTH_MAX} directories")
            check(used < MEMORY_MAX, f"{used >> 20} MiB in {DEPTH_MAX} directories")
            ended_by(client, signal.SIGTERM)
        finally:
            client.kill()
            client.wait()


class Traps(Files):
    """Names that lead elsewhere, among one that does not."""

    wanted = [b".", b"..", b"", b"../up", b"/abs", b"a/b", b"nul\0byte", b"x" * (NAME_MAX + 1), b"good"]

    def is_directory(self, path):
        return path in (b".", b"..", b"./..", b"./.")

    def names(self, path, batch):
        return self.wanted if batch == 0 else None


def names(program, setup):
    """names that are none of entries are refused, and said to be; '.' and '..' are not gone into"""
    files = Traps()
    outer = setup.folder / "outer"
    outer.mkdir()
    with Server(setup, serving(files)) as server:
        got = subprocess.run(server.argv(program, "get", "asked@127.0.0.1:.", outer / "inner",
                                         flags=["-r"]), capture_output=True, timeout=PATIENCE)
        listed = subprocess.run(server.argv(program, "ls", "asked@127.0.0.1:."), capture_output=True,
                                timeout=PATIENCE)
    made = sorted(str(p.relative_to(outer)) for p in pathlib.Path(outer).rglob("*"))
    check(made == ["inner", "inner/good"], f"made {made}")
    check(listed.stdout == b"good\n", f"listed {listed.stdout}")
    for done in (got, listed):
        check(done.returncode == 1, f"ended with {done.returncode}")
        check(b"names left out" in done.stderr and b": 6" in done.stderr, f"said {done.stderr}")


def words(program, setup):
    """what a server says to an error is shown, without what would control a terminal"""
    class Full(Files):
        def is_directory(self, path):
            return False

        def answer(self, kind, body):
            if kind == 3:
                return bytes([101]), (struct.pack(">I", 4) + string(b"quota of 3 files\x1b[2J\n")
                                      + string(b""))
            return super().answer(kind, body)

    source = setup.folder / "source"
    source.write_text("text")
    with Server(setup, serving(Full())) as server:
        done = subprocess.run(server.argv(program, "put", source, "asked@127.0.0.1:there"),
                              capture_output=True, timeout=PATIENCE)
    check(done.returncode == 1, f"ended with {done.returncode}")
    want = b"cannot open there on the server: failure (quota of 3 files?[2J?)"
    check(want in done.stderr, f"said {done.stderr}")


if __name__ == "__main__":
    main([ls, ls_of_many, ls_into_nowhere, get, depth, full_and_deep, names, words], client=True)
