#!/usr/bin/python3
"""The examples do what they say, met by OpenSSH."""

from support import BUILD, build_release, check, client_options, folder, make_key, port_of, run, \
    started

build_release("example_serve_directory", "example_custom_event_loop")
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
print("served")
