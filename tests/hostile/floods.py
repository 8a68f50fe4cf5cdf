#!/usr/bin/python3
"""Peers that cost much before they log in, and a log that nobody reads:
`floods.py build/dev/sluiced`."""

import os
import signal
import socket
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
    main([key_exchanges, queries, nobody_reads])
