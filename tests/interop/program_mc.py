"""Midnight Commander, which has no batch mode: its keys are pressed in a terminal of ours."""

import fcntl
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import struct
import termios
import time

import peers
from peers import HOST, check
from program_clients import Client, version_of

ESCAPE = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|\x1b[=>]|\x1b\][^\x07]*\x07")
SEARCH, END, ENTER = b"\x13", b"\x05", b"\r"
SECONDS = 30


def function_key(number):
    return b"\x1b" + str(number % 10).encode()


class Screen:
    """mc in a terminal, and what it has drawn since a key was pressed last."""

    def __init__(self, argv, environment):
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            try:
                os.execvpe(argv[0], [str(a) for a in argv], environment)
            finally:
                os._exit(127)
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 120, 0, 0))
        self.drawn = b""
        self.alive = True

    def read(self, seconds):
        if not select.select([self.terminal], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self.terminal, 65536)
        except OSError:  # it has ended
            data = b""
        self.drawn += data
        self.alive = self.alive and bool(data)
        return bool(data)

    def text(self):
        return ESCAPE.sub(b" ", self.drawn).decode(errors="replace")

    def wait(self, condition, what):
        deadline = time.monotonic() + SECONDS
        while not condition():
            said = " ".join(self.text().split())[-300:]
            check(self.alive and time.monotonic() < deadline, f"mc: {what}: {said}")
            self.read(0.05)

    def settle(self):
        """Until it draws no more."""
        while self.read(0.3):
            pass

    def press(self, *keys):
        self.settle()
        self.drawn = b""
        for key in keys:
            os.write(self.terminal, key)
            self.settle()

    def end(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.terminal)


class Mc(Client):
    """By libssh2, with a password."""
    title = "mc sftp://"
    asks = True

    def version(self):
        return version_of(["mc", "-V"], r"Commander ([\d.]+)")

    def far(self):
        return f"sftp://{self.server.user}@{HOST}:{self.server.port}/"

    def prepare(self, home):
        known = "".join(f"[{HOST}]:{self.server.port} " + pathlib.Path(f"{key}.pub").read_text()
                        for key in self.setup.host_keys)
        (home / ".ssh").mkdir(exist_ok=True)
        (home / ".ssh" / "known_hosts").write_text(known)

    def visit(self, left, right, *keys, until):
        """With these two panels, of which the left one is in use."""
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        self.prepare(home)
        environment = {**self.environment, "HOME": str(home), "TERM": "xterm", "LC_ALL": "C.UTF-8",
                       "PATH": f"{home}:{os.environ['PATH']}"}
        screen = Screen(["mc", "-b", "-a", "--nosubshell", left, right], environment)
        try:
            if self.asks:  # once: the second panel has the connection of the first
                screen.wait(lambda: "Password" in screen.text(), "no prompt")
                screen.press(peers.PASSWORD.encode(), ENTER)
            # Each panel has the word in its list, and one below it as well.
            screen.wait(lambda: screen.text().count("UP--DIR") >= 3, "no panels")
            screen.press(*keys)
            screen.wait(until, "it is not done")
            screen.settle()
        finally:
            screen.end()

    def found(self, name):
        return SEARCH, name.encode()

    def near(self, name):
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder

    @staticmethod
    def whole(one, other):
        def sizes(path):
            if not path.is_dir():
                return path.stat().st_size if path.exists() else None
            return {p.relative_to(path): p.stat().st_size if p.is_file() else 0
                    for p in path.rglob("*")}
        return lambda: sizes(one) == sizes(other)

    def put(self, local, name):
        near = self.near("near")
        copy = near / name
        (shutil.copytree if local.is_dir() else shutil.copyfile)(local, copy)
        self.setup.own(copy, *copy.rglob("*"))  # it keeps owners, and asks where it may not
        self.visit(near, self.far(), *self.found(name), function_key(5), ENTER,
                   until=self.whole(copy, self.path(name)))

    def get(self, name, local):
        near = self.near("near")
        self.visit(self.far(), near, *self.found(name), function_key(5), ENTER,
                   until=self.whole(self.path(name), near / name))
        shutil.move(near / name, local)

    put_tree = put
    get_tree = get

    def rename(self, name, other):
        self.visit(self.far(), self.far(), *self.found(name), function_key(6), END,
                   other.encode(), ENTER, until=self.path(other).exists)

    def remove(self, name):
        self.visit(self.far(), self.near("near"), *self.found(name), function_key(8), ENTER,
                   until=lambda: not self.path(name).exists())

    remove_folder = remove

    def make_folder(self, name):
        self.visit(self.far(), self.near("near"), function_key(7), name.encode(), ENTER,
                   until=self.path(name).exists)


class McShell(Mc):
    """By commands of a shell (its "fish"), over ssh."""
    title = "mc sh://"
    asks = False

    def far(self):
        return f"sh://{self.server.user}@{HOST}:{self.server.port}{self.setup.served}/"

    def prepare(self, home):
        words = " ".join(peers.openssh_options(self.server))
        (home / "ssh").write_text(f'#!/bin/sh\nexec /usr/bin/ssh {words} "$@"\n')
        (home / "ssh").chmod(0o755)
