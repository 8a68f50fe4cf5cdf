#!/usr/bin/python3
"""The examples do what they say, met by OpenSSH."""

import subprocess
import time

from support import BUILD, build_release, check, client_options, folder, make_key, port_of, run, \
    started

build_release("example_serve_directory", "example_custom_event_loop", "example_sftp_sessions",
              "example_orderly_service", "example_upload_and_leave")
with folder() as temporary:
    make_key(temporary / "host")
    make_key(temporary / "user")
    keys = [temporary / "host", temporary / "user.pub"]
    (temporary / "files").mkdir()
    (temporary / "files" / "there").write_bytes(bytes(range(256)) * 1000)

    program = BUILD / "example_serve_directory"
    with started([program, "0", temporary / "files", *keys], "listening") as (process, lines):
        (temporary / "batch").write_text(
            f"get there {temporary}/here\nput {temporary}/here back\nrename back again\n")
        run(["sftp", *client_options(temporary / "user"), "-P", port_of(lines), "-b",
             temporary / "batch", "anybody@127.0.0.1"])
        for name in ("here", "files/again"):
            check((temporary / name).read_bytes() == (temporary / "files/there").read_bytes(), name)
    check(process.returncode == 0, f"it ends well, not with {process.returncode}")

    with started([BUILD / "example_custom_event_loop", *keys], "listening") as (_, lines):
        said = run(["ssh", *client_options(temporary / "user"), "-p", port_of(lines),
                    "anybody@127.0.0.1", "good", "morning"])
        check(said == "You said: good morning\n", f"not an echo: {said}")

    # The server ends the connection behind the last session: the master connection goes by itself.
    with started([BUILD / "example_sftp_sessions", "0", temporary / "files", *keys],
                 "listening") as (process, lines):
        options = client_options(temporary / "user")
        master = subprocess.Popen(["ssh", *options, "-M", "-S", temporary / "control", "-N", "-p",
                                   port_of(lines), "anybody@127.0.0.1"], stdin=subprocess.DEVNULL)
        while not (temporary / "control").exists():
            check(master.poll() is None, "the master connection")
            time.sleep(0.02)
        (temporary / "batch").write_text(f"put {temporary}/here twice\n")
        run(["sftp", *options, "-o", f"ControlPath={temporary}/control", "-b",
             temporary / "batch", "anybody@127.0.0.1"])
        check(master.wait(20) == 255, "the master connection was not ended")
        said = [process.stdout.readline() for _ in range(4)]
        check(said[1] == "anybody has no session left\n", f"said: {said}")
        check("anybody has gone: drained (by us, DISCONNECT 11" in said[2], f"said: {said}")
        check("1 files committed, 0 abandoned" in said[3], f"said: {said}")

    # SIGTERM amid a command: its lines are whole, its status is its own, nothing is lost.
    with started([BUILD / "example_orderly_service", "0", *keys], "listening") as (process, lines):
        client = subprocess.Popen(["ssh", *client_options(temporary / "user"), "-p", port_of(lines),
                                   "anybody@127.0.0.1", "count"], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, text=True)
        check(client.stdout.readline() == "1\n", "the first line")
        process.terminate()
        rest = client.communicate(timeout=30)[0].splitlines()
        check(rest[-1] == "to be continued", f"the last line: {rest[-1:]}")
        check(rest[:-1] == [str(i) for i in range(2, len(rest) + 1)], f"lines: {rest}")
        check(client.returncode == 75, f"the status: {client.returncode}")
        said = process.stdout.readline()
        check(said.startswith("1 connections, 0 of them cut; ") and "0 undelivered" in said, said)
        process.wait(30)  # by itself; a second signal on its last steps would be its end
    check(process.returncode == 0, f"it ends well, not with {process.returncode}")

    # A client that leaves when the server has taken every byte.
    uploads = [temporary / f"upload{i}" for i in range(8)]
    for i, path in enumerate(uploads):
        path.write_bytes(bytes([i]) * 3_000_000)
    with started([BUILD / "example_serve_directory", "0", temporary / "files", *keys],
                 "listening") as (process, lines):
        kind, key = (temporary / "host.pub").read_text().split()[:2]
        (temporary / "known").write_text(f"[127.0.0.1]:{port_of(lines)} {kind} {key}\n")
        said = run([BUILD / "example_upload_and_leave", "127.0.0.1", port_of(lines),
                    temporary / "known", temporary / "user", *uploads])
        check("drained (by us, DISCONNECT 11" in said, f"said: {said}")
        for path in uploads:
            check((temporary / "files" / path.name).read_bytes() == path.read_bytes(), path.name)
print("served")
