"""What programs that attack our client share: a server that says what it likes, and our client on a
terminal or with its memory watched."""

import asyncio
import pathlib
import re
import struct
import threading
import warnings

from support import HOST, PATIENCE, check

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import asyncssh

from client import on_terminal  # noqa: E402, F401  of tests/interop

USER = "asked"
MARK = f"({USER}@{HOST}) ".encode()

# What would control a terminal, or be taken for a line of ours, were it shown as it came.
OURS = b"Enter passphrase for key '/home/ada/.ssh/id_ed25519': "
TRAPS = [b"\x1b[2J\x1b[1;1H" + OURS, b"x\n" + OURS, b"x\r" + OURS, b"x\r\n" + OURS, b"x\x0b" + OURS,
         b"x\x08\x08\x08" + OURS, b"\x9b2J" + OURS, b"\xc2\x9b2J" + OURS, b"\x7f\x07\x00" + OURS,
         b"\xe2\x80\xa8" + OURS, b"x" + b" " * 400 + OURS, b"\xe2\x80\xae" + OURS, b"\xff\xfe\xe2\x82",
         b"\t" * 100 + OURS]


class Logins(asyncssh.SSHServer):
    """Lets everybody in at once."""

    def connection_made(self, connection):
        self.connection = connection

    def begin_auth(self, username):
        return False


class Server:
    def __init__(self, setup, logins=Logins, handle=None):
        self.setup, self.logins, self.handle = setup, logins, handle
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def __enter__(self):
        async def listen():
            return await asyncssh.listen(
                HOST, 0, server_factory=self.logins, server_host_keys=[str(self.setup.host_keys[0])],
                process_factory=self.handle, encoding=None)

        # What breaks off when the client goes is no news.
        self.loop.set_exception_handler(lambda *_: None)
        self.thread.start()
        self.listening = asyncio.run_coroutine_threadsafe(listen(), self.loop).result(PATIENCE)
        self.port = self.listening.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_):
        async def stop():
            self.listening.close()
            for task in asyncio.all_tasks():
                if task is not asyncio.current_task():
                    task.cancel()

        asyncio.run_coroutine_threadsafe(stop(), self.loop).result(PATIENCE)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(PATIENCE)

    def argv(self, program, verb, *arguments, settings=(), flags=()):
        known = self.setup.folder / f"known{self.port}"
        key = pathlib.Path(f"{self.setup.host_keys[0]}.pub").read_text()
        known.write_text(f"[{HOST}]:{self.port} {key}")
        argv = [program, verb, *flags, "-F", "none", "-p", self.port]
        for setting in ("IdentityAgent=none", "IdentityFile=none", f"UserKnownHostsFile={known}",
                        *settings):
            argv += ["-o", setting]
        return [str(a) for a in [*argv, *arguments]]


# --- files that it makes up ------------------------------------------------------------------------

def string(data):
    return struct.pack(">I", len(data)) + data


def attributes(directory):
    """Permissions only."""
    return struct.pack(">II", 4, 0o40755 if directory else 0o100644)


class Files:
    """What a server without files says of them. Paths are bytes."""

    size = 0
    entries_told = 0

    def is_directory(self, path):
        return True

    def names(self, path, batch):
        """The names of the batch of that number, or nothing behind the last."""
        return None

    def longname(self, name):
        return b"-rw-r--r-- 1 user user 0 Jan  1 00:00 " + name

    def answer(self, kind, body):
        """One reply to one request, without its id."""
        def text(at=0):
            size = struct.unpack_from(">I", body, at)[0]
            return body[at + 4:at + 4 + size]

        if kind in (7, 17):  # LSTAT, STAT
            return bytes([105]), attributes(self.is_directory(text()))
        if kind in (3, 11):  # OPEN, OPENDIR
            self.handles = getattr(self, "handles", {})
            handle = b"%d" % len(self.handles)
            self.handles[handle] = [text(), 0]
            return bytes([102]), string(handle)
        if kind == 8:  # FSTAT
            return bytes([105]), attributes(False)
        if kind == 12:  # READDIR
            entry = self.handles[text()]
            names = self.names(entry[0], entry[1])
            entry[1] += 1
            if names is not None:
                self.entries_told += len(names)
                return bytes([104]), struct.pack(">I", len(names)) + b"".join(
                    string(name) + string(self.longname(name)) + attributes(self.is_directory(name))
                    for name in names)
        status = 1 if kind in (5, 12) else 0  # EOF for READ and READDIR
        return bytes([101]), struct.pack(">I", status) + string(b"") + string(b"")


class FilesSession(asyncssh.SSHServerSession):
    """SFTP packets, one after the other."""

    def __init__(self, files):
        self.files, self.input = files, bytearray()

    def connection_made(self, chan):
        self.chan = chan

    def subsystem_requested(self, subsystem):
        return subsystem == "sftp"

    def data_received(self, data, datatype):
        self.input += data
        while len(self.input) >= 4:
            end = 4 + struct.unpack_from(">I", self.input)[0]
            if len(self.input) < end:
                return
            packet = bytes(self.input[4:end])
            del self.input[:end]
            if packet[0] == 1:  # INIT
                reply = struct.pack(">BI", 2, 3)
            else:
                kind, rest = self.files.answer(packet[0], packet[5:])
                reply = kind + packet[1:5] + rest
            self.chan.write(string(reply))


def serving(files):
    """Logins to those files."""
    class Serving(Logins):
        def session_requested(self):
            return self.connection.create_server_channel(encoding=None), FilesSession(files)
    return Serving


# --- what the client shows -------------------------------------------------------------------------

def check_shown(shown, beginnings):
    """Nothing controls the terminal, and every line begins as ours or as the server's do."""
    lines = shown.replace(b"\r\n", b"\n").split(b"\n")
    for line in lines:
        check(not re.search(rb"[\x00-\x1f\x7f]", line), f"a control reached the terminal: {line}")
        text = line.decode("utf-8", "surrogateescape")
        check(not re.search("[\x80-\x9f\u2028\u2029\u202a-\u202e\udc80-\udcff]", text),
              f"a control reached the terminal: {line}")
        check(not line or line.startswith(tuple(beginnings)), f"a line that is not marked: {line}")


def peak(pid):
    """Most bytes of memory that a process has had."""
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
        return int(re.search(r"^VmHWM:\s+(\d+)", status.read(), re.M)[1]) * 1024
