#!/usr/bin/python3
"""tools/quickstart as a newcomer meets it: the line it prints transfers files, both ways."""

import shlex

from support import ROOT, check, folder, run, started

with folder() as temporary:
    made = temporary / "quick start"  # a space, for the quoting of the printed line
    argv = [ROOT / "tools" / "quickstart", "--dir", made, "--port", "0"]
    with started(argv, r"^  sftp ") as (process, lines):
        command = shlex.split(lines[-1])
        (temporary / "up").write_bytes(bytes(range(256)) * 4096)
        (temporary / "batch").write_text(
            f'get hello.txt "{temporary}/hello"\nput "{temporary}/up" up\n'
            f'get up "{temporary}/down"\nls -l\n')
        extra = ["-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes",
                 "-b", temporary / "batch"]
        run([command[0], *extra, *command[1:]])
        check("Hello" in (temporary / "hello").read_text(), "the sample file arrives")
        check((temporary / "down").read_bytes() == (temporary / "up").read_bytes(),
              "a file comes back as it was sent")
        check((made / "files" / "up").stat().st_size == 1 << 20, "it is in the served folder")
        host_key = (made / "host_key").read_bytes()
    check(process.returncode == 0, f"it ends well, not with {process.returncode}")

    (temporary / "own").mkdir()
    (temporary / "own" / "mine").write_text("mine")
    with started([*argv, "--root", temporary / "own"], r"^  sftp ") as (_, lines):
        (temporary / "batch").write_text(f'get mine "{temporary}/got"\n')
        command = shlex.split(lines[-1])
        run([command[0], *extra, *command[1:]])
        check((temporary / "got").read_text() == "mine", "a folder of one's own is served")
    check((made / "host_key").read_bytes() == host_key, "keys are made once")
    left = sorted(path.name for path in made.iterdir())
    check(left == ["authorized_keys", "client_key", "client_key.pub", "files", "host_key",
                   "host_key.pub", "known_hosts"], f"nothing else is left: {left}")
print("transferred")
