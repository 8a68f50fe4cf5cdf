#!/usr/bin/python3
"""Peers that cost much before they log in, and a log that nobody reads:
`floods.py build/dev/sluiced`."""

import os
import signal
import socket
import struct
import subprocess
import time

import paramiko
from support import HOST, PATIENCE, Sluiced, check, main, run, until


def key_exchanges(program, setup):
    """before the login there is one key exchange, and no second"""
    with Sluiced(program, setup) as server:
        for _ in range(5):
            before = server.cpu()
            transport = paramiko.Transport((HOST, server.port))
            try:
                transport.start_client(timeout=PATIENCE)
                exchanges = 1
                try:
                    while exchanges < 20:
                        transport.renegotiate_keys()
                        exchanges += 1
                except (paramiko.SSHException, EOFError, OSError):
                    pass
                check(exchanges == 1, f"{exchanges} key exchanges without a login")
            finally:
                transport.close()
            check(server.cpu() - before < 2, "one connection cost seconds of CPU")
        server.serves()


def plain_packet(payload):
    """As sent before keys are in use: blocks of 8 bytes, at least 4 of padding (RFC 4253 §6)."""
    padding = 8 - (5 + len(payload)) % 8
    padding += 8 if padding < 4 else 0
    return struct.pack(">IB", 1 + len(payload) + padding, padding) + payload + b"\0" * padding


def first_kexinit():
    lists = ("curve25519-sha256", "ssh-ed25519", "aes128-ctr", "aes128-ctr", "hmac-sha2-256",
             "hmac-sha2-256", "none", "none", "", "")
    names = b"".join(struct.pack(">I", len(one)) + one.encode() for one in lists)
    return plain_packet(b"\x14" + b"k" * 16 + names + b"\0" * 5)


def pings(program, setup):
    """pings in a key exchange, whose answers nobody reads, are not kept"""
    ping = plain_packet(b"\xc0" + struct.pack(">I", 8) + b"12345678")
    ignored = plain_packet(b"\x02" + struct.pack(">I", 8) + b"12345678")
    connections, megabytes = 40, 4
    with Sluiced(program, setup, settings=["MaxStartups 100"]) as server:
        server.serves()
        held, spent = server.resident(), server.cpu()
        sockets = []
        for n in range(connections):
            one = socket.create_connection((HOST, server.port), PATIENCE)
            sockets.append(one)
            one.settimeout(PATIENCE)
            flood = ping if n % 2 else ignored
            try:
                one.sendall(b"SSH-2.0-hostile\r\n" + first_kexinit())
                for _ in range(megabytes << 4):
                    one.sendall(flood * ((1 << 16) // len(flood)))
            except (ConnectionError, TimeoutError):
                pass
        server.serves()
        # 64 KiB beyond the buffers of a packet each, and what the allocator keeps of it.
        check(server.resident() - held < connections * (256 << 10),
              f"{server.resident() - held} bytes for {connections} connections")
        check(server.cpu() - spent < 10, f"{server.cpu() - spent} s for {connections} connections")
        for one in sockets:
            one.close()


def queries(program, setup):
    """keys that are only asked about count as attempts"""
    keys = []
    for _ in range(20):
        key = setup.folder / setup.fresh("key")[0]
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key])
        keys += ["-i", key]
    with Sluiced(program, setup, settings=["LogLevel VERBOSE"]) as server:
        done = subprocess.run(
            [str(a) for a in ["ssh", "-F", "none", *keys, "-o", "BatchMode=yes", "-o",
                              "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                              "-p", server.port, f"user@{HOST}", "true"]],
            capture_output=True, text=True, timeout=PATIENCE, env=setup.environment())
        check(done.returncode == 255, f"it got in: {done}")
        until(lambda: "closed" in server.words(), "the connection did not end")
        asked = server.log.read_text().count("login_failed")
        check(0 < asked <= 6, f"{asked} keys were looked up for one connection")
        server.serves()


def nobody_reads(program, setup):
    """a log and a standard output that nobody reads stop nobody"""
    read, written = os.pipe()  # full after 64 KiB
    with socket.create_server((HOST, 0)) as probe:
        port = probe.getsockname()[1]
    with Sluiced(program, setup, ["--listen", f"{HOST}:{port}"], ["LogLevel DEBUG"],
                 stdout=written, stderr=written) as server:
        os.close(written)
        server.port = port

        def listening():
            try:
                socket.create_connection((HOST, port), 1).close()
                return True
            except OSError:
                return False

        until(listening, "it does not listen")
        for _ in range(2000):
            with socket.create_connection((HOST, port), PATIENCE) as one:
                one.sendall(b"SSH-2.0-hostile\r\n" + b"\0" * 64)
        server.serves()
        begun = time.monotonic()
        os.kill(server.pid, signal.SIGTERM)
        server.process.wait(PATIENCE)
        check(time.monotonic() - begun < PATIENCE, "the drain did not end")
    os.close(read)


if __name__ == "__main__":
    main([key_exchanges, pings, queries, nobody_reads])
