#!/usr/bin/python3
"""A server on asyncssh for client.py: `asyncssh_server.py HOST_KEY AUTHORIZED_KEYS PASSWORD`.

Says "listening on PORT". Commands are run by /bin/sh; besides there are:
  no-status   some output, EOF and CLOSE, and no word of how it ended
  no-eof      some output and CLOSE
User `asked` logs in by keyboard-interactive.
"""

import asyncio
import sys

import asyncssh

HOST_KEY, AUTHORIZED_KEYS, PASSWORD = sys.argv[1:4]
OUTPUT = b"y" * 300_000


class Logins(asyncssh.SSHServer):
    def connection_made(self, connection):
        self.connection = connection

    def begin_auth(self, username):
        self.username = username
        if username != "asked":
            self.connection.set_authorized_keys(AUTHORIZED_KEYS)
        return True

    def connection_requested(self, dest_host, dest_port, orig_host, orig_port):
        return True

    def public_key_auth_supported(self):
        return True

    def password_auth_supported(self):
        return self.username != "asked"

    def validate_password(self, username, password):
        return password == PASSWORD

    def kbdint_auth_supported(self):
        return self.username == "asked"

    def get_kbdint_challenge(self, username, lang, submethods):
        return "Two questions", "Answer both.", "en", [("Word: ", False), ("Colour: ", True)]

    def validate_kbdint_response(self, username, responses):
        return list(responses) == [PASSWORD, "green"]


async def copy(reader, writer, close):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    close()


async def handle(process):
    if process.command in ("no-status", "no-eof"):
        process.stdout.write(OUTPUT)
        await process.stdout.drain()
        if process.command == "no-status":
            process.stdout.write_eof()
            process.close()
        else:
            process.channel.abort()
        return
    child = await asyncio.create_subprocess_exec(
        "/bin/sh", "-c", process.command, stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)

    async def feed():
        try:
            await copy(process.stdin, child.stdin, child.stdin.close)
        except (BrokenPipeError, ConnectionResetError):
            pass
    feeding = asyncio.create_task(feed())
    await asyncio.gather(copy(child.stdout, process.stdout, lambda: None),
                         copy(child.stderr, process.stderr, lambda: None))
    status = await child.wait()
    feeding.cancel()
    if status < 0:
        process.exit_with_signal({9: "KILL", 15: "TERM"}[-status])
    else:
        process.exit(status)


async def main():
    server = await asyncssh.listen("127.0.0.1", 0, server_factory=Logins,
                                   server_host_keys=[HOST_KEY], process_factory=handle,
                                   encoding=None, rekey_bytes=4 << 20)
    print(f"listening on {server.sockets[0].getsockname()[1]}", flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
