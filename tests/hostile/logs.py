#!/usr/bin/python3
"""Peers that make a log long: `logs.py build/dev/sluiced`."""

import logging
import subprocess

import paramiko
from policy import Authority, key_of
from support import HOST, PATIENCE, Sluiced, check, main, until

SETTINGS = ("LogLevel DEBUG",)
LINES = 64 + 8  # of a connection: its burst, and what comes while it lasts
LINE = 4096     # bytes, of a line of values that are cut


def bounded(server, lines):
    """The log is no longer than that many lines; no line is long."""
    text = server.log.read_bytes()
    check(len(text) <= lines * LINE, f"{len(text)} bytes of log")
    longest = max(len(line) for line in text.splitlines())
    check(longest <= LINE, f"a line of {longest} bytes")
    return text.decode(errors="replace")


def logged_in(server):
    transport = paramiko.Transport((HOST, server.port))
    transport.start_client(timeout=PATIENCE)
    transport.auth_publickey("ada", paramiko.Ed25519Key.from_private_key_file(
        str(server.setup.key)))
    return transport


def certificates(program, setup):
    """refused certificates with long fields are short in the log"""
    authority = Authority(setup.folder)
    key = key_of(setup)
    authority.certify(key, [b"p" * 250] * 20, key_id=b"\x01" * 8000)
    with Sluiced(program, setup, settings=SETTINGS) as server:
        argv = ["ssh", *server.options(key), "-o", f"CertificateFile={key}-cert.pub",
                "-p", server.port, f"ada@{HOST}", "true"]
        for _ in range(5):
            done = subprocess.run([str(a) for a in argv], capture_output=True, timeout=PATIENCE,
                                  env=setup.environment())
            check(done.returncode == 255, f"it got in: {done}")
        log = bounded(server, 100)
        check("(8000 bytes)" in log, "the cut is not marked")
        server.serves()


def channels(program, setup):
    """refused channels by the hundred are a few lines, and one that counts the others"""
    with Sluiced(program, setup, settings=SETTINGS) as server:
        transport = logged_in(server)
        for _ in range(500):
            try:
                transport.open_channel("direct-tcpip", ("h" * 255, 80), (HOST, 1))
                check(False, "a channel is opened")
            except paramiko.ChannelException:
                pass
        server.serves()
        transport.close()
        until(lambda: "lines_dropped" in server.log.read_text(), "nothing says what is left out")
        log = bounded(server, 300)
        check(log.count("forwarding_refused") <= LINES, "a line for each refused channel")
        check(" login " in log, "the login is not there")


def commands(program, setup):
    """long commands and names are cut, and their lines counted"""
    with Sluiced(program, setup, ["--exec"], SETTINGS) as server:
        transport = logged_in(server)
        for _ in range(200):
            session = transport.open_session()
            session.exec_command(": " + "\x01" * 30_000)
            session.close()
        server.serves()
        transport.close()
        for _ in range(3):
            transport = paramiko.Transport((HOST, server.port))
            transport.start_client(timeout=PATIENCE)
            for _ in range(5):
                try:
                    transport.auth_password("\u20ac" * 85, "x" * 1000)
                except (paramiko.SSHException, EOFError):
                    pass
            transport.close()
        until(lambda: "lines_dropped" in server.log.read_text(), "nothing says what is left out")
        log = bounded(server, 400)
        check(log.count("what=") <= LINES + 10, "a line for each command")
        server.serves()


if __name__ == "__main__":
    logging.getLogger("paramiko").setLevel(logging.CRITICAL)  # it tells of each refused channel
    main([certificates, channels, commands])
