#!/usr/bin/python3
"""The same closings by asyncssh and by sluice: `closing.py build/dev/closing_subject`.

Prints the table of docs/closing.md; the exit status is 1 where sluice loses something. Where both
ends close, both are the subject's; else the client is OpenSSH's.
"""

import asyncio
import json
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

import asyncssh

OPTIONS = ["-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
           "-o", "LogLevel=ERROR", "-o", "BatchMode=yes"]
BIG, REKEY, BOTH, WINDOW = 8 << 20, 1_000_000, 1_000_000, 256 * 1024
PATIENCE = 30  # seconds until it counts as hanging


# --- asyncssh ----------------------------------------------------------------------------------

class Everybody(asyncssh.SSHServer):
    connection = None
    lost = None

    def connection_made(self, connection):
        Everybody.connection = connection

    def begin_auth(self, username):
        return False


def key():
    return asyncssh.generate_private_key("ssh-ed25519")


async def asyncssh_writer(said, size, rekey):
    """The handler writes, and the server closes the connection right behind it."""
    ended = asyncio.Event()

    async def handle(process):
        process.stdout.write("x" * size)
        Everybody.connection.close()
        ended.set()
    more = {"rekey_bytes": rekey} if rekey else {}
    server = await asyncssh.listen("127.0.0.1", 0, server_factory=Everybody,
                                   server_host_keys=[key()], process_factory=handle, **more)
    said.put_port(server.sockets[0].getsockname()[1])
    await ended.wait()
    await Everybody.connection.wait_closed()
    server.close()
    return {}


async def asyncssh_slow_write(said):
    """A write is being served when the server closes the connection and waits for that."""
    state = {"began": asyncio.Event(), "finished": False}

    class Slow(asyncssh.SFTPServer):
        async def write(self, file_obj, offset, data):
            state["began"].set()
            await asyncio.sleep(0.5)
            state["finished"] = True
            return super().write(file_obj, offset, data)
    with tempfile.TemporaryDirectory() as folder:
        server = await asyncssh.listen(
            "127.0.0.1", 0, server_factory=Everybody, server_host_keys=[key()],
            sftp_factory=lambda chan: Slow(chan, chroot=folder))
        said.put_port(server.sockets[0].getsockname()[1])
        await state["began"].wait()
        Everybody.connection.close()
        await Everybody.connection.wait_closed()
        server.close()
        return {"handler_finished": "yes" if state["finished"] else "no"}


async def asyncssh_both():
    """Each end has written more than the other's window, reads nothing and closes."""
    arrived = {"client": 0, "server": 0}

    async def handle(process):
        process.stdin.channel.pause_reading()
        process.stdout.write("s" * BOTH)
        process.close()
        await process.wait_closed()
    server = await asyncssh.listen("127.0.0.1", 0, server_factory=Everybody,
                                   server_host_keys=[key()], process_factory=handle, window=WINDOW)
    port = server.sockets[0].getsockname()[1]
    async with asyncssh.connect("127.0.0.1", port, username="ada", known_hosts=None,
                                client_keys=None) as client:
        process = await client.create_process("write", window=WINDOW)
        process.stdin.write("c" * BOTH)
        process.close()
        try:
            await asyncio.wait_for(process.wait_closed(), PATIENCE)
            arrived["hang"] = False
        except asyncio.TimeoutError:
            arrived["hang"] = True
            client.abort()
    server.close()
    return arrived


class Said:
    """The port, from the loop's thread."""

    def __init__(self):
        self.ready, self.port, self.result = threading.Event(), None, None

    def put_port(self, port):
        self.port = port
        self.ready.set()

    def run(self, function, *arguments):
        def body():
            async def bounded():
                return await asyncio.wait_for(function(self, *arguments), 3 * PATIENCE)
            try:
                self.result = asyncio.run(bounded())
            except asyncio.TimeoutError:
                self.result = {"hang": True}
        self.thread = threading.Thread(target=body, daemon=True)
        self.thread.start()
        self.ready.wait(10)
        return self.port

    def end(self):
        self.thread.join(3 * PATIENCE + 5)
        return self.result


# --- sluice ------------------------------------------------------------------------------------

class Program:
    """closing_subject, which prints its port and then what became of it."""

    def __init__(self, program, scenario):
        self.process = subprocess.Popen([program, scenario], stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def end(self):
        try:
            return json.loads(self.process.communicate(timeout=3 * PATIENCE)[0])
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return {"hang": True}


# --- the clients -------------------------------------------------------------------------------

def ssh_reads(port):
    """A client that reads after a while: how many bytes, and whether the end came."""
    ssh = subprocess.Popen(["ssh", *OPTIONS, "-p", str(port), "x@127.0.0.1", "go"],
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.DEVNULL)
    time.sleep(0.5)
    watch = threading.Timer(PATIENCE, ssh.kill)
    watch.start()
    total = 0
    while chunk := ssh.stdout.read(1 << 16):
        total += len(chunk)
    hang = not watch.is_alive()
    watch.cancel()
    status = ssh.wait()
    return total, status, hang


def sftp_puts(port):
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / "source"
        source.write_bytes(b"x" * 1000)
        return subprocess.run(["sftp", *OPTIONS, "-P", str(port), "-b", "-", "x@127.0.0.1"],
                              input=f"put {source} there\n".encode(), timeout=2 * PATIENCE,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode


# --- the table ---------------------------------------------------------------------------------

def outcome(total, of, status, hang):
    return f"{total:,} of {of:,} bytes arrived; " + ("hangs" if hang else f"ssh exits {status}")


def main():
    program = sys.argv[1]
    rows = []
    for name, scenario, size, rekey in (
            ("8 MiB, then close", "write_then_close", BIG, 0),
            ("1 MB, then close during a key exchange", "close_during_rekey", REKEY, 100_000)):
        said = Said()
        theirs = outcome(*ssh_reads_of(said.run(asyncssh_writer, size, rekey), size))
        said.end()
        subject = Program(program, scenario)
        ours = outcome(*ssh_reads_of(subject.port, size))
        # ssh may be quicker to say that it goes than we are.
        ours += f"; report: {'complete' if subject.end().get('complete') else 'incomplete'}"
        rows.append((name, theirs, ours))

    both = asyncio.run(asyncssh_both())
    subject = Program(program, "both_close").end()
    if "hang" in subject:
        ours = "hangs"
    else:
        client, server = subject["client"]["total"], subject["server"]["total"]
        named = all(a["bytes_sent"] == b["bytes_received"] and
                    a["bytes_sent"] + a["bytes_undelivered"] == BOTH
                    for a, b in ((client, server), (server, client)))
        ours = "both end; the reports name every byte: " + ("yes" if named else "no")
    rows.insert(1, ("both ends close with more than a window unsent",
                    "hangs" if both["hang"] else "both end; nothing tells what was lost", ours))

    said = Said()
    theirs = sftp_puts(said.run(asyncssh_slow_write))
    their_end = said.end()
    subject = Program(program, "close_under_handler")
    status = sftp_puts(subject.port)
    our_end = subject.end()

    def handled(end, exit_status):
        return (f"handler finished before closed: {end.get('handler_finished', 'hangs')}; "
                f"sftp exits {exit_status}")
    rows.append(("close while a write handler runs", handled(their_end, theirs),
                 handled(our_end, status)))

    print(f"| scenario | asyncssh {asyncssh.__version__} | sluice |\n|---|---|---|")
    for row in rows:
        print("| " + " | ".join(row) + " |")
    expected = (f"{BIG:,} of {BIG:,} bytes arrived; ssh exits 0; report: complete",
                "both end; the reports name every byte: yes",
                f"{REKEY:,} of {REKEY:,} bytes arrived; ssh exits 0; report: complete",
                "handler finished before closed: yes; sftp exits 0")
    return 0 if tuple(row[2] for row in rows) == expected else 1


def ssh_reads_of(port, size):
    total, status, hang = ssh_reads(port)
    return total, size, status, hang


if __name__ == "__main__":
    sys.exit(main())
