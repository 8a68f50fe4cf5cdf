#!/usr/bin/python3
"""Names whose server never answers: `resolvers.py build/dev/sluiced`."""

import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading

import paramiko
from support import HOST, PATIENCE, ROOT, Sluiced, check, main, until

SILENT = "127.0.0.99"  # the name server; nobody else's address
CONNECTIONS, NAMES = 4, 10  # of one user; each name is waited for as long as libc has patience


def login(server):
    transport = paramiko.Transport((HOST, server.port))
    key = paramiko.Ed25519Key.from_private_key_file(str(server.setup.key))
    transport.connect(username="user", pkey=key)
    return transport


def slow_names(program, setup):
    """names that nobody resolves hold up neither addresses nor logins"""
    with Sluiced(program, setup, settings=["AllowTcpForwarding local"]) as server:
        before = server.descriptors()
        connections = [login(server) for _ in range(CONNECTIONS)]
        refused = []

        def ask(transport, name):
            try:
                transport.open_channel("direct-tcpip", (name, 80), (HOST, 1), timeout=2 * PATIENCE)
            except (paramiko.SSHException, EOFError) as reason:
                refused.append(reason)

        threads = [threading.Thread(target=ask, args=(t, f"slow{i}-{n}.invalid"))
                   for i, t in enumerate(connections) for n in range(NAMES)]
        for thread in threads:
            thread.start()
        # Behind the one that is looked up 16 may wait, as wire/limits.hpp says.
        until(lambda: len(refused) >= CONNECTIONS * NAMES - 17, "none is refused")
        check(len(refused) < CONNECTIONS * NAMES, "no name is slow: this tests nothing")
        other = login(server)
        through = other.open_channel("direct-tcpip", (HOST, server.port), (HOST, 1),
                                     timeout=PATIENCE)
        through.settimeout(PATIENCE)
        check(through.recv(4) == b"SSH-", "an address waits behind slow names")
        server.serves()
        check(server.descriptors() < before + 32, "names hold descriptors")
        for transport in (*connections, other):
            transport.close()
        for thread in threads:
            thread.join()


def again_with_the_name_server():
    """This program, where /etc/resolv.conf names a server that says nothing."""
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as resolv, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        os.chmod(resolv.name, 0o644)
        resolv.write(f"nameserver {SILENT}\n")
        resolv.flush()
        silent.bind((SILENT, 53))
        target = pathlib.Path("/etc/resolv.conf").resolve()
        own_mounts = ["unshare", "--mount"] + ([] if ROOT else ["--map-root-user"])
        return subprocess.run(
            [*own_mounts, "sh", "-c", 'mount --bind "$0" "$1" && shift && exec "$@"',
             resolv.name, str(target), *sys.argv],
            env={**os.environ, "SILENT_NAME_SERVER": SILENT}, timeout=500).returncode


if __name__ == "__main__":
    if os.environ.get("SILENT_NAME_SERVER"):
        main([slow_names])
    sys.exit(again_with_the_name_server())
