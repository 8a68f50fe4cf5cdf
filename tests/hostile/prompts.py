#!/usr/bin/python3
"""Servers whose texts want to be taken for ours: `prompts.py build/dev/sluiced build/dev/sluice`."""

import asyncssh
from lying_server import (MARK, OURS, TRAPS, Files, Logins, Server, check_shown, on_terminal,
                          serving)
from support import check, main

ANSWER = b"green"
OUR_NAME = b"sluice: "


class Client:
    """For `on_terminal`."""

    def __init__(self, setup):
        self.setup = setup


def prompts(program, setup):
    """every line of keyboard-interactive and of a banner is marked, and none controls the terminal"""
    for trap in TRAPS:
        class Asks(Logins):
            def begin_auth(self, username):
                self.connection.send_auth_banner(trap + b"\n" + trap)
                return True

            def kbdint_auth_supported(self):
                return True

            def get_kbdint_challenge(self, *_):
                return trap, trap, "en", [(trap + b"One? ", True), (trap + b"Two? ", True)]

            def validate_kbdint_response(self, _, responses):
                return list(responses) == [ANSWER.decode()] * 2

        async def done(process):
            process.exit(5)

        with Server(setup, Asks, done) as server:
            argv = server.argv(program, "run", "asked@127.0.0.1", "true")
            shown, status = on_terminal(Client(setup), argv, [(b"One? ", ANSWER), (b"Two? ", ANSWER)])
        check(status == 5, f"{trap}: exited with {status}: {shown}")
        check_shown(shown, [MARK])
        if OURS in trap:
            check(shown.count(MARK) >= 6, f"too few lines are marked: {shown}")


def prompts_without_answer(program, setup):
    """what is only to be read is marked too"""
    class Tells(Logins):
        asked = 0

        def begin_auth(self, username):
            return True

        def kbdint_auth_supported(self):
            return True

        def get_kbdint_challenge(self, *_):
            return TRAPS[0], b"\n".join(TRAPS), "en", []

        def validate_kbdint_response(self, *_):
            return True

    async def done(process):
        process.exit(5)

    with Server(setup, Tells, done) as server:
        argv = server.argv(program, "run", "asked@127.0.0.1", "true")
        shown, status = on_terminal(Client(setup), argv, [])
    check(status == 5, f"exited with {status}: {shown}")
    check_shown(shown, [MARK])
    check(OURS[:10] in shown, "nothing was shown")


def passwords(program, setup):
    """so are the prompts for a password, and the reason why it has to change"""
    for trap in TRAPS:
        class Expired(Logins):
            def begin_auth(self, username):
                return True

            def kbdint_auth_supported(self):
                return False

            def password_auth_supported(self):
                return True

            def validate_password(self, *_):
                raise asyncssh.PasswordChangeRequired(trap, "en")

            def change_password(self, _, old, new):
                return (old, new) == ("old", "new")

        async def done(process):
            process.exit(5)

        with Server(setup, Expired, done) as server:
            argv = server.argv(program, "run", "asked@127.0.0.1", "true")
            shown, status = on_terminal(Client(setup), argv, [(MARK + b"Password: ", b"old"),
                                                              (MARK + b"New password: ", b"new")])
        check(status == 5, f"{trap}: exited with {status}: {shown}")
        check_shown(shown, [MARK])


def reasons(program, setup):
    """why it goes, and how a command ended, is told in lines of ours"""
    for trap in TRAPS:
        text = trap.decode("utf-8", "replace")

        class Goes(Logins):
            def begin_auth(self, username):
                if self.goes:
                    self.connection.disconnect(2, text)
                return False

        async def killed(process):
            process.exit_with_signal(text, False, text)

        for goes in (True, False):
            Goes.goes = goes
            with Server(setup, Goes, killed) as server:
                argv = server.argv(program, "run", "asked@127.0.0.1", "true", flags=["-v"])
                shown, status = on_terminal(Client(setup), argv, [])
            check(status == 255, f"{trap}: exited with {status}: {shown}")
            check_shown(shown, [OUR_NAME])


class Named(Files):
    """A directory with these names, of which each file is empty."""

    def __init__(self, wanted):
        self.wanted = wanted

    def is_directory(self, path):
        return path == b"."

    def names(self, path, batch):
        return self.wanted if batch == 0 else None


def names(program, setup):
    """names are written out where a terminal shows them, and come as they are where none does"""
    wanted = [trap.replace(b"/", b"|").replace(b"\0", b"")[-250:] for trap in TRAPS]
    files = Named(wanted)
    client = Client(setup)

    with Server(setup, serving(files)) as server:
        for flags in ([], ["-l"]):
            shown, status = on_terminal(client, server.argv(program, "ls", "asked@127.0.0.1:.",
                                                            flags=flags), [])
            check(status == 0, f"exited with {status}: {shown}")
            check(len(shown.splitlines()) == len(wanted), f"not a line a name: {shown}")
            check_shown(shown, [b""])
        target = setup.folder / "got"
        argv = server.argv(program, "get", "asked@127.0.0.1:.", target, flags=["-r"])
        shown, status = on_terminal(client, argv, [])
        check(status == 0, f"exited with {status}: {shown}")
        # Progress is drawn over itself, by what we write ourselves.
        check_shown(shown.replace(b"\r\x1b[K", b"\n"), [b"./", b"..."])
        argv = server.argv(program, "get", "asked@127.0.0.1:.", "/dev/null/x", flags=["-r"])
        shown, status = on_terminal(client, argv, [])
        check(status == 1, f"exited with {status}: {shown}")
        check_shown(shown, [OUR_NAME])
    check(sorted(bytes(p.name, "utf-8", "surrogateescape") for p in target.iterdir())
          == sorted(wanted), "other names than those of the server")


if __name__ == "__main__":
    main([prompts, prompts_without_answer, passwords, reasons, names], client=True)
