#!/usr/bin/python3
"""What a connection costs a server: CPU microseconds of sluiced and of OpenSSH's sshd for a key
exchange, a login by ed25519 and the goodbye, without a channel.

    bench/handshake.py [--times N] [--root FOLDER] BUILD_FOLDER

The build folder has sluiced and bench_handshake, which is the client of all. --root adds the sshd
of a folder made by tests/debian13. The CPU time is that of the server's process and of all that it
started and waited for, less what it had used before the first connection.
"""

import argparse
import os
import pathlib
import pwd
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests" / "interop"))
sys.dont_write_bytecode = True

import peers  # noqa: E402

KEX = ("mlkem768x25519-sha256", "sntrup761x25519-sha512@openssh.com", "curve25519-sha256")
ROUNDS = 3


def cpu_seconds(pid):
    """Its own by its clock, to the nanosecond (clock_getcpuclockid(3)); its children's in ticks."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    children_ticks = sum(int(fields[i]) for i in (13, 14))
    return time.clock_gettime((~pid << 3) | 2) + children_ticks / os.sysconf("SC_CLK_TCK")


def children(pid):
    return pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def measure(program, server, key, kex, times):
    """Microseconds a connection; the median of the rounds."""
    pid = server.process.pid
    own = set(children(pid))  # the helper that runs commands
    results = []
    for _ in range(ROUNDS):
        before = cpu_seconds(pid)
        peers.run([program, server.port, server.user, key,
                   f"{server.host_keys[0]}.pub", kex, times], 600,
                  env=server.setup.environment())
        while set(children(pid)) - own:  # until each was waited for
            time.sleep(0.05)
        results.append((cpu_seconds(pid) - before) / times * 1e6)
    return statistics.median(results)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build")
    parser.add_argument("--times", type=int, default=200, help="connections a round, of three")
    parser.add_argument("--root", help="a folder with another sshd, entered by chroot")
    options = parser.parse_args()
    program = os.path.abspath(f"{options.build}/bench_handshake")
    below = options.root + "/tmp" if options.root else None  # whose names are the same from inside
    folder = tempfile.mkdtemp(prefix="handshake-", dir=below)
    servers = []
    try:
        own = pwd.getpwuid(os.geteuid()).pw_name
        setup = peers.Setup(folder, "nobody" if os.geteuid() == 0 else own, 1 << 20)
        host_keys = setup.host_keys[:1]
        ours = peers.Server(setup, "sluiced", os.path.abspath(f"{options.build}/sluiced"),
                            host_keys=host_keys)
        servers.append(("sluiced", ours, KEX))
        for prefix in ([], ["chroot", options.root]) if options.root else ([],):
            if os.geteuid() == 0:
                os.makedirs((prefix[1] if prefix else "") + "/run/sshd", mode=0o755, exist_ok=True)
            sshd = "/usr/sbin/sshd" if prefix else shutil.which("sshd") or "/usr/sbin/sshd"
            server = peers.Server(setup, "sshd", sshd, host_keys=host_keys, prefix=prefix)
            server.user = "root" if prefix else own
            said = subprocess.run([*prefix, "ssh", "-V"], capture_output=True, text=True,
                                  check=True)
            known = peers.run([*prefix, "ssh", "-Q", "kex"]).stdout.decode().split()
            servers.append((re.match(r"\w+\.\d+", said.stderr)[0], server,
                            [k for k in KEX if k in known]))
        print("| CPU µs a connection | " + " | ".join(name for name, _, _ in servers) + " |")
        print("|---" * (len(servers) + 1) + "|")
        for kex in KEX:
            cells = [f"{measure(program, server, setup.key, kex, options.times):.0f}"
                     if kex in knows else "–" for _, server, knows in servers]
            print(f"| {kex} | " + " | ".join(cells) + " |", flush=True)
    finally:
        for _, server, _ in servers:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
