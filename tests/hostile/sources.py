#!/usr/bin/python3
"""Sources that leave or fail to log in, again and again: `sources.py build/dev/sluiced`."""

import socket

import paramiko
from support import HOST, PATIENCE, Sluiced, check, main, until

HOSTILE, OTHER = "127.0.0.2", "127.0.0.3"
PENALTIES = ("PerSourcePenaltyExemptList none",
             "PerSourcePenalties noauth:10 authfail:30 min:60 max:1h")


def connect(server, source):
    return socket.create_connection((HOST, server.port), PATIENCE, source_address=(source, 0))


def first_words(server, source):
    """What the server says before it is told anything."""
    with connect(server, source) as one:
        try:
            return one.recv(255)
        except ConnectionResetError:
            return b""


def refused(server, source):
    return not first_words(server, source).startswith(b"SSH-2.0-")


def fail_to_log_in(server, source):
    with connect(server, source) as one:
        transport = paramiko.Transport(one)
        try:
            transport.start_client(timeout=PATIENCE)
            try:
                transport.auth_password("ada", "wrong")
            except paramiko.AuthenticationException:
                pass
        finally:
            transport.close()


def leaving(program, setup):
    """a source that connects and leaves is refused after a while, and others are served"""
    with Sluiced(program, setup, settings=PENALTIES) as server:
        served = 0
        while served < 100 and not refused(server, HOSTILE):
            served += 1
        check(3 <= served < 100, f"{served} connections were served")
        check(first_words(server, HOSTILE) in (b"Not allowed at this time\r\n", b""),
              "other words than OpenSSH's")
        for _ in range(500):
            refused(server, HOSTILE)
        check(refused(server, HOSTILE), "it is served again")
        check(not refused(server, OTHER), "another source is refused")
        server.serves()
        log = server.log.read_text()
        check(log.count("source_refused") == 1, "not one line says that it is refused")
        check(log.count(f"peer={HOSTILE}") < 400, "its refused connections are lines")


def failing(program, setup):
    """a source that fails to log in is refused after a while, and others are served"""
    with Sluiced(program, setup, settings=PENALTIES) as server:
        tries = 0
        while tries < 20 and not refused(server, HOSTILE):
            try:
                fail_to_log_in(server, HOSTILE)
            except (paramiko.SSHException, EOFError, OSError):
                break
            tries += 1
        check(1 <= tries < 20, f"{tries} tries")
        until(lambda: refused(server, HOSTILE), "it is served")
        check(not refused(server, OTHER), "another source is refused")
        server.serves()
        check("source_refused" in server.log.read_text(), "the log does not say it")


def costing(program, setup):
    """a source that costs a processor much is refused for that alone"""
    settings = ("PerSourcePenaltyExemptList none",
                "PerSourcePenalties noauth:0 authfail:0 cpu:1000 min:1 max:1h")
    with Sluiced(program, setup, settings=settings) as server:
        tries = 0
        while tries < 200 and "source_refused" not in server.log.read_text():
            try:
                fail_to_log_in(server, HOSTILE)
            except (paramiko.SSHException, EOFError, OSError):
                pass
            tries += 1
        check(tries < 200, "200 key exchanges and passwords cost it nothing")
        check(not refused(server, OTHER), "another source is refused")
        server.serves()


def exempt(program, setup):
    """sources that are exempt are always served, and by default none is"""
    settings = (f"PerSourcePenaltyExemptList {OTHER}/32", "PerSourcePenalties noauth:1h")
    with Sluiced(program, setup, settings=settings) as server:
        for _ in range(50):
            check(not refused(server, OTHER), "an exempt source is refused")
        refused(server, HOSTILE)
        until(lambda: refused(server, HOSTILE), "another is not")
        server_log = server.log.read_text()
        check(OTHER not in "".join(line for line in server_log.splitlines()
                                   if "source_refused" in line), "an exempt source is named")


def startups(program, setup):
    """connections of a source that wait for a login are limited, and others are served"""
    with Sluiced(program, setup, settings=["PerSourceMaxStartups 3"]) as server:
        waiting = [connect(server, HOSTILE) for _ in range(3)]
        for one in waiting:
            check(one.recv(255).startswith(b"SSH-2.0-"), "one of three is refused")
        for _ in range(20):
            check(refused(server, HOSTILE), "a fourth is served")
        check(not refused(server, OTHER), "another source is refused")
        server.serves()
        for one in waiting:
            one.close()
        until(lambda: not refused(server, HOSTILE), "it is refused after they have left")


if __name__ == "__main__":
    main([leaving, failing, costing, exempt, startups])
