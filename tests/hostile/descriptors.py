#!/usr/bin/python3
"""A user who opens all that he can: `descriptors.py build/dev/sluiced`."""

import contextlib
import os
import resource

import paramiko
from support import HOST, PATIENCE, Sluiced, check, main, until

GREEDY = "mallory"


def limited(program, setup, most):
    """A program that runs `program` with at most that many descriptors."""
    script = setup.folder / f"limited-{most}"
    script.write_text(f'#!/bin/sh\nulimit -n {most}\nexec "{program}" "$@"\n')
    script.chmod(0o755)
    return script


def connected(server, setup):
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    client.connect(HOST, server.port, GREEDY, key_filename=str(setup.key), look_for_keys=False,
                   allow_agent=False, timeout=PATIENCE)
    return client


def fill(files):
    """Opens until that is refused; handles stay open with `files`."""
    opened = []
    while len(opened) < 1024:
        try:
            opened.append(files.open("good") if len(opened) % 2 else
                          files._request(paramiko.sftp.CMD_OPENDIR, b"/"))
        except OSError as reason:
            check("oo many open files" in str(reason), f"refused by: {reason}")
            break
    return opened


def taken(server, setup, connections, sessions):
    """How many handles one user gets who opens all that he can, and what is left of them."""
    opened = []
    with contextlib.ExitStack() as stack:
        for _ in range(connections):
            client = connected(server, setup)
            stack.callback(client.close)
            for _ in range(sessions):
                try:
                    files = client.open_sftp()
                except (paramiko.SSHException, EOFError):
                    break  # no descriptor for another session
                opened.append((files, fill(files)))
        server.serves()  # somebody else
        check(opened[0][0].stat("good").st_size == 4, "what is open is not served any more")
        handle = next(h for h in opened[0][1] if isinstance(h, paramiko.SFTPFile))
        check(handle.read(4) == b"good", "what is open cannot be read any more")
        return sum(len(handles) for _, handles in opened)


def of(program, setup, most, connections, sessions):
    with Sluiced(limited(program, setup, most), setup) as server:
        idle = server.descriptors()
        for _ in range(2):  # what was taken is given back
            got = taken(server, setup, connections, sessions)
            check(0 < got <= most // 4, f"{got} handles of {most}")
            until(lambda: server.descriptors() <= idle + 4, "descriptors are left open")
        check("accept_failed" not in server.words(), server.words())


def few(program, setup):
    """of 256 descriptors one user gets a quarter, and others are served beside"""
    of(program, setup, 256, 10, 2)


def more(program, setup):
    """of 1024 descriptors likewise, though a session alone may have that many"""
    of(program, setup, 1024, 4, 3)


def as_many_as_there_are(program, setup):
    """the soft limit is raised, and commands have it as it was"""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    soft = min(hard, 512)
    script = setup.folder / "soft"
    script.write_text(f'#!/bin/sh\nulimit -Sn {soft}\nexec "{program}" "$@"\n')
    script.chmod(0o755)
    with Sluiced(script, setup, ["--exec"]) as server:
        limits = open(f"/proc/{server.pid}/limits").read()
        line = next(x for x in limits.splitlines() if x.startswith("Max open files")).split()
        check(line[3] == line[4] == str(hard), f"the server has {line}")
        check(server.ssh("ulimit -Sn").strip() == str(soft), "a command has another limit")


if __name__ == "__main__":
    main([few, more, as_many_as_there_are])
