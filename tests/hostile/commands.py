#!/usr/bin/python3
"""A command that looks for what is the server's: `commands.py build/dev/sluiced`."""

import os
import signal
import subprocess

from support import HOST, ROOT, Sluiced, check, main, until


def process_is_restricted(program, setup):
    """the server's process is restricted, as /proc tells"""
    with Sluiced(program, setup, ["--exec"]) as server:
        server.serves()
        for pid in [server.pid]:
            check(server.status("NoNewPrivs", pid) == "1", "no_new_privs is not set")
            check(server.status("Seccomp", pid) == "2", "seccomp does not filter")
            for field in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
                check(int(server.status(field, pid), 16) == 0, f"{field} is not empty")
            check(os.stat(f"/proc/{pid}/mem").st_uid == 0, "it can be inspected")
        for thread in os.listdir(f"/proc/{server.pid}/task"):
            path = f"{server.pid}/task/{thread}"
            check(server.status("Seccomp", path) == "2", f"thread {thread} is not filtered")
            check(int(server.status("CapEff", path), 16) == 0, f"thread {thread} has capabilities")
        if ROOT:
            ids = server.status("Uid").split()
            check(set(ids) == {str(setup.account.pw_uid)}, f"it runs as {ids}")
            groups = server.status("Groups").split()
            check("0" not in groups, f"it is in root's group: {groups}")
        check("landlock=on" in server.words() and "seccomp=on" in server.words(),
              f"the log does not say what is on: {server.words()}")


def command_reads_no_key(program, setup):
    """a command reads neither the host key nor the server's memory"""
    with Sluiced(program, setup, ["--exec"]) as server:
        helper = server.children()
        check(len(helper) == 1, f"one helper, not {helper}")
        key = setup.host_keys[0]
        if ROOT:
            said = server.ssh(f"cat {key}; exit 3", 3)
            check("Permission denied" in said and "PRIVATE" not in said, said)
        for pid in (server.pid, helper[0]):
            for name in ("mem", "fd", "environ", "maps", "auxv"):
                said = server.ssh(f"cat /proc/{pid}/{name}; ls /proc/{pid}/{name}; exit 3", 3)
                check("ermission denied" in said or "Input/output error" in said,
                      f"/proc/{pid}/{name}: {said[:300]}")
        # The descriptors of a command are its own three, and that of the folder which ls reads.
        said = server.ssh("ls -l /proc/self/fd | grep -c '[0-9] -> '")
        check(said.strip() == "4", f"a command has descriptors: {said}")
        server.serves()


def ends_with_its_helper(program, setup):
    """when the server is killed, its helper and its commands end too"""
    server = Sluiced(program, setup, ["--exec"])
    helper = server.children()[0]
    client = subprocess.Popen(["ssh", *[str(o) for o in server.options()], "-p", str(server.port),
                               f"user@{HOST}", "echo $$; exec sleep 1000"],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, env=setup.environment())
    command = int(client.stdout.readline())
    os.kill(server.pid, signal.SIGKILL)
    server.process.wait()
    client.wait()
    client.stdout.close()
    for pid in (helper, command):
        until(lambda: not os.path.exists(f"/proc/{pid}"), f"process {pid} is left behind")


def nothing_is_inherited(program, setup):
    """descriptors of whoever starts it are closed, and 0 to 2 are open"""
    left = os.open("/etc/passwd", os.O_RDONLY)
    os.set_inheritable(left, True)
    wrapper = setup.folder / "wrapper"
    wrapper.write_text(f'#!/bin/bash\nexec 9</etc/passwd <&- 3</etc/passwd\nexec "{program}" "$@"\n')
    wrapper.chmod(0o755)
    with Sluiced(wrapper, setup, ["--exec"]) as server:
        for pid in (server.pid, server.children()[0]):
            targets = {fd: os.readlink(f"/proc/{pid}/fd/{fd}")
                       for fd in os.listdir(f"/proc/{pid}/fd")}
            check("/etc/passwd" not in targets.values(), f"{pid} inherited {targets}")
            check(targets["0"] == "/dev/null", f"{pid}: descriptor 0 is {targets['0']}")
        check(server.ssh("echo in").strip() == "in", "a command does not run")
    os.close(left)


def root_says_whom(program, setup):
    """as root it starts only for a user, or where root is allowed by name"""
    argv = [program, "--listen", f"{HOST}:0", "--root", setup.served, "--host-key",
            setup.host_keys[0], "--authorized-keys", setup.authorized_keys]
    argv = [str(a) for a in argv]
    for more, words in (([], "started as root"), (["-o", "User root"], "started as root"),
                        (["-o", "User no-such-user"], "there is no user"),
                        (["-o", "User nobody", "-o", "Group no-such-group"], "there is no group"),
                        (["-o", "Group nogroup"], "give User beside it"),
                        (["-o", "User -froot"], "User"), (["-o", "User a:b"], "User"),
                        (["--exec", "--allow-root"], "commands would run as root")):
        if not ROOT and words in ("started as root", "commands would run as root"):
            continue
        done = subprocess.run([*argv, *more], capture_output=True, text=True, timeout=60)
        check(done.returncode == 2 and words in done.stderr, f"{more}: {done}")


def switched_off(program, setup):
    """what a setting turns off is said to be off"""
    with Sluiced(program, setup, settings=["Landlock no", "Seccomp no"]) as server:
        server.serves()
        check(server.status("Seccomp") == "0" and server.status("NoNewPrivs") == "1",
              "settings do not hold")
        check("landlock=off" in server.words() and "seccomp=off" in server.words(),
              f"the log does not say so: {server.words()}")


if __name__ == "__main__":
    main([process_is_restricted, command_reads_no_key, ends_with_its_helper, nothing_is_inherited,
          root_says_whom, switched_off])
