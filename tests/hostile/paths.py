#!/usr/bin/python3
"""Paths that lead to what is the kernel's: `paths.py build/dev/sluiced`."""

import os
import re
import threading

import paramiko
from support import HOST, PATIENCE, Sluiced, check, main

# What each would tell or do, were it served.
READ = ("/proc/self/mem", "/proc/self/environ", "/proc/self/maps", "/proc/1/environ",
        "/proc/kallsyms", "/proc/self/fd/0", "/proc/self/root/etc/passwd", "/proc/thread-self/mem",
        "/sys/kernel/notes", "/dev/mem", "/dev/zero")
WRITTEN = ("/proc/self/mem", "/proc/self/oom_score_adj", "/proc/sys/kernel/core_pattern",
           "/proc/self/comm", "/dev/null")
LISTED = ("/proc", "/proc/self", "/proc/self/fd", "/proc/self/task", "/sys", "/dev/pts",
          "/sys/kernel")


def refused(server, line, words="ermission denied|not permitted|No such file|not found|not a regular file"):
    said = server.sftp([line], status=None)
    check(re.search(words, said), f"{line}: {said}")
    return said


def nothing_of_the_kernel(program, setup):
    """a root of / has no process, no kernel and no device in it"""
    for settings in ((), ("Landlock no", "Seccomp no")):  # the file system itself refuses
        with Sluiced(program, setup, settings=settings, served="/") as server:
            for path in READ:
                refused(server, f"get {path} {setup.folder}/got")
            for path in WRITTEN:
                refused(server, f"put {setup.small} {path}")
            for path in LISTED:
                refused(server, f"ls {path}")
            for line in ("chmod 777 /proc/self/mem", "ln -s /x /proc/self/x", "mkdir /proc/self/x",
                         "rm /proc/self/comm", "rename /proc/self/comm /tmp/x",
                         f"rename {setup.served}/good /proc/self/x"):
                refused(server, line)
            check("root" in server.sftp(["ls /"]), "the root itself is not served")
            check((setup.served / "good").exists(), "a file went into procfs")


def links_to_the_kernel(program, setup):
    """a link into procfs leads nowhere, though the root is /"""
    link = setup.served / "link"
    link.symlink_to("/proc/self")
    memory = setup.served / "memory"
    memory.symlink_to("/proc/self/mem")
    with Sluiced(program, setup, served="/") as server:
        for line in (f"ls {link}/", f"get {memory} {setup.folder}/got",
                     f"put {setup.small} {memory}", f"get {link}/mem {setup.folder}/got"):
            refused(server, line)
        said = server.sftp([f"ls -l {setup.served}"])
        check("link" in said, "a link is not listed")


def below_the_root_only(program, setup):
    """a root below it leads to neither, by no way of writing a path"""
    (setup.served / "link").symlink_to("/proc/self/mem")
    with Sluiced(program, setup) as server:
        for path in ("/proc/self/mem", "../../../../proc/self/mem", "link", "/../proc/self/mem",
                     "good/../../../proc/self/mem"):
            refused(server, f"get {path} {setup.folder}/got", "No such file|not found|Not a dir")
        server.serves()


def mounting(program, setup, mounts):
    """A program that runs `program` where these are mounted: (what, where)."""
    script = setup.folder / "mounting"
    lines = "".join(f'mount --bind "{what}" "{where}" && ' for what, where in mounts)
    script.write_text("#!/bin/sh\n"
                      "exec unshare --mount --propagation private sh -c '"
                      f'{lines}exec "{program}" "$@"\' sluiced "$@"\n')
    script.chmod(0o755)
    return script


def mount_of_the_kernel(program, setup):
    """procfs that is mounted below the root is refused, whatever is asked of it"""
    inside = setup.served / "inside"
    inside.mkdir()
    script = mounting(program, setup, [("/proc", inside)])
    for settings in ((), ("Landlock no", "Seccomp no"), ("SFTPStayOnFilesystem yes",)):
        with Sluiced(script, setup, settings=settings) as server:
            for line in (f"get inside/self/mem {setup.folder}/got", "ls inside", "ls inside/self",
                         f"get inside/self/environ {setup.folder}/got", "cd inside",
                         f"put {setup.small} inside/self/comm", f"put {setup.small} inside/new",
                         "rm inside/self/comm", "mkdir inside/new", "rmdir inside/self",
                         "rename inside/self/comm taken", "rename good inside/good",
                         "ln good inside/good", "ln inside/self/comm taken",
                         "ln -s x inside/link", "chmod 777 inside/self/comm"):
                refused(server, line, "ermission denied|ailure|No such file|not found")
            check("Avail" not in server.sftp(["df inside"], status=None), "statvfs is answered")
            check("inside" in server.sftp(["ls"]), "its name is not listed")
            server.serves()
    check((setup.served / "good").exists() and not (setup.served / "taken").exists(), "it was done")


def mounts_left_out(program, setup):
    """SFTPStayOnFilesystem leaves out what is mounted below the root, of the same disk too"""
    outside = setup.folder / "outside"
    outside.mkdir()
    (outside / "file").write_text("mounted")
    setup.own(outside)
    setup.own(outside / "file")
    inside = setup.served / "inside"
    inside.mkdir()
    (setup.served / "one").write_text("")
    (setup.served / "way").symlink_to("inside")
    script = mounting(program, setup, [(outside, inside), (outside / "file", setup.served / "one")])
    lines = [f"get {path} {setup.folder}/got" for path in ("inside/file", "way/file", "one")]
    lines += ["ls inside", "ls way/", f"put {setup.small} inside/new", f"put {setup.small} one",
              "mkdir inside/new", "rm inside/file", "chmod 600 one", "ln -s x inside/link",
              "rename good inside/good", "rename inside/file taken", "cd inside"]
    with Sluiced(script, setup) as server:
        for line in lines[:5]:
            server.sftp([line])
        check("Avail" in server.sftp(["df inside"]), "statvfs is not answered")
    with Sluiced(script, setup, settings=["SFTPStayOnFilesystem yes"]) as server:
        for line in lines:
            refused(server, line, "ermission denied|ailure|not found")
        check("Avail" not in server.sftp(["df inside"], status=None), "statvfs is answered")
        listed = [line.split() for line in server.sftp(["ls -ln"]).splitlines() if "inside" in line]
        check(listed and listed[0][0].startswith("d---------"), f"more is listed: {listed}")
        server.serves()
    check((outside / "file").read_text() == "mounted" and len(list(outside.iterdir())) == 1,
          "what is mounted has changed")


def dear_paths(program, setup):
    """a path of 4 KiB whose links lead back and forth in a deep directory costs little"""
    at = os.open(setup.served, os.O_RDONLY | os.O_DIRECTORY)
    depth = 800
    for _ in range(depth):
        os.mkdir("a", dir_fd=at)
        here = os.open("a", os.O_RDONLY | os.O_DIRECTORY, dir_fd=at)
        os.close(at)
        at = here
    os.symlink("../a/" * 818, "l", dir_fd=at)
    os.symlink("./" * 2047, "k", dir_fd=at)
    os.close(at)
    dear = ["a/" * depth + name * 900 for name in ("l/", "k/")]
    with Sluiced(program, setup) as server:
        before = server.cpu()
        failed = []

        def ask():
            try:
                client = paramiko.SSHClient()
                client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
                client.connect(HOST, server.port, "user", key_filename=str(setup.key),
                               look_for_keys=False, allow_agent=False, timeout=PATIENCE)
                files = client.open_sftp()
                for _ in range(5):
                    for path in dear:
                        try:
                            files.normalize(path)
                            failed.append("it was resolved")
                        except OSError:
                            pass
                client.close()
            except Exception as reason:
                failed.append(repr(reason))

        asking = [threading.Thread(target=ask) for _ in range(4)]
        for one in asking:
            one.start()
        server.serves()  # meanwhile
        for one in asking:
            one.join()
        check(not failed, failed)
        check(server.cpu() - before < 10, f"{server.cpu() - before} s of CPU for 40 requests")


if __name__ == "__main__":
    main([nothing_of_the_kernel, links_to_the_kernel, below_the_root_only, mount_of_the_kernel,
          mounts_left_out, dear_paths])
