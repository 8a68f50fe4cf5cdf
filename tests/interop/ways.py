#!/usr/bin/python3
"""How our client gets to a server, with files of ssh_config(5): `ways.py build/dev/sluice`.

Through other servers (ProxyJump), through commands (ProxyCommand: OpenSSH's `ssh -W`, a relay in
Python), from a certain address, later than at once. The servers are OpenSSH's sshd, started here on
127.0.0.1. A line a case; the last line is `N passed, N failed`.
"""

import argparse
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

from client import OWN, free_port, sha256, start_sshd  # noqa: E402
from peers import HOST, Setup, check, run  # noqa: E402
import case_runner  # noqa: E402

CASE_SECONDS = 120

RELAY = """
import os, socket, sys, threading
there = socket.create_connection((sys.argv[1], int(sys.argv[2])))
if len(sys.argv) > 3:
    open(sys.argv[3], "w").write(str(os.getpid()))
def back():
    while data := there.recv(65536):
        os.write(1, data)
    os._exit(0)
threading.Thread(target=back, daemon=True).start()
while data := os.read(0, 65536):
    there.sendall(data)
there.shutdown(socket.SHUT_WR)
threading.Event().wait(20)
"""


class Ways:
    def __init__(self, program, setup):
        self.program, self.setup = program, setup
        self.near = start_sshd(setup)
        self.far = start_sshd(setup, {"AcceptEnv": "WAY_*"})
        self.relay = setup.folder / "relay.py"
        self.relay.write_text(RELAY)

    def stop(self):
        self.near.stop()
        self.far.stop()

    def config(self, text):
        path = self.setup.folder / self.setup.fresh("config")[0]
        known = self.setup.folder / "known_ways"
        path.write_text(text + f"""
Match all
    BatchMode yes
    IdentityAgent none
    IdentityFile {self.setup.key}
    UserKnownHostsFile {known}
    GlobalKnownHostsFile none
    StrictHostKeyChecking accept-new
Match host {HOST}
    User {OWN}
""")
        path.chmod(0o600)
        return path

    def sluice(self, text, *arguments, verb="run", status=0, stdin=b"", environment=None):
        argv = [self.program, verb, "-F", self.config(text), *arguments]
        return run(argv, 100, stdin, status, {**self.setup.environment(), **(environment or {})})


def named(server, name):
    return f"Host {name}\n    HostName {HOST}\n    Port {server.port}\n"


def through_one(w):
    data = os.urandom(4 << 20)
    text = named(w.near, "near") + named(w.far, "far") + "    ProxyJump near\n"
    done = w.sluice(text, "far", "cat", stdin=data)
    check(done.stdout == data, "what came back differs")
    said = w.sluice(text, "far", "echo $SSH_CONNECTION; exit 7", status=7).stdout.split()
    check(said[3] == str(w.far.port).encode(), f"we are at port {said[3]}")


def through_two(w):
    text = named(w.near, "near") + named(w.far, "far")
    jumps = f"near,{OWN}@{HOST}:{w.far.port}"
    check(w.sluice(text, "-J", jumps, "near", "echo there").stdout == b"there\n", "no output")
    text += "Host inner\n    ProxyJump far\n" + named(w.near, "inner")
    check(w.sluice(text, "-J", "inner", "far", "echo there").stdout == b"there\n", "no output")


def a_hop_that_refuses(w):
    stranger = w.setup.folder / "stranger"
    w.setup.make_key(stranger, "ed25519", None)
    text = named(w.near, "near") + f"    IdentityFile {stranger}\n    IdentitiesOnly yes\n" \
        + "    PreferredAuthentications password\n" + named(w.far, "far")
    done = w.sluice(text, "-J", "near", "far", "true", status=255)
    check(done.stderr.startswith(b"sluice: jump host 127.0.0.1: authentication denied"),
          f"said {done.stderr[:200]}")


def nobody_behind_the_hop(w):
    text = named(w.near, "near") + f"Host far\n    HostName {HOST}\n    Port {free_port()}\n"
    done = w.sluice(text, "-J", "near", "far", "true", status=255)
    check(b"cannot connect to 127.0.0.1 port" in done.stderr, f"said {done.stderr[:200]}")


def by_ssh(w):
    config = w.config(named(w.near, "near"))
    text = named(w.far, "far") + f"    ProxyCommand ssh -F {config} -W %h:%p near\n"
    data = os.urandom(4 << 20)
    check(w.sluice(text, "far", "cat", stdin=data).stdout == data, "what came back differs")


def by_a_relay(w):
    mark = w.setup.folder / "relay.pid"
    text = named(w.far, "far") + f"    ProxyCommand {sys.executable} {w.relay} %h %p {mark}\n"
    data = os.urandom(4 << 20)
    check(w.sluice(text, "far", "cat", stdin=data).stdout == data, "what came back differs")
    check(not pathlib.Path(f"/proc/{mark.read_text()}").exists(), "the command is still there")


def a_command_that_ends(w):
    text = named(w.far, "far") + "    ProxyCommand echo no way >&2; exit 1\n"
    done = w.sluice(text, "far", "true", status=255)
    check(done.stderr.startswith(b"no way\n"), "its standard error is not ours")
    check(b"sluice: " in done.stderr, f"said {done.stderr[:200]}")


def included_and_matched(w):
    port = w.setup.folder / "port.conf"
    port.write_text(f"Host far*\n    Port {w.far.port}\nHost *\n    Port 1\n")
    port.chmod(0o600)
    text = f"Include {port}\nMatch originalhost far-away exec \"test %h = far-away\"\n" \
           f"    HostName {HOST}\n"
    check(w.sluice(text, "far-away", "echo there").stdout == b"there\n", "no output")


def variables(w):
    text = named(w.far, "far") + "    SendEnv WAY_* LANG\n    SetEnv WAY_B=\"two words\"\n"
    done = w.sluice(text, "far", "echo $WAY_A, $WAY_B, $WAY_C.", environment={"WAY_A": "one"})
    check(done.stdout == b"one, two words, .\n", f"said {done.stdout}")


def alias(w):
    known = w.setup.folder / "known_alias"
    text = named(w.far, "far") + f"    HostKeyAlias The-Far\n    UserKnownHostsFile {known}\n"
    w.sluice(text, "far", "true")
    check(known.read_text().startswith("the-far "), f"it has {known.read_text()[:60]}")
    strict = text + "    StrictHostKeyChecking yes\n"
    w.sluice(strict, "far", "true")
    w.sluice(strict.replace("The-Far", "other"), "far", "true", status=255)


def remote_command(w):
    text = named(w.far, "far") + "    RemoteCommand echo to %n\n"
    check(w.sluice(text, "far").stdout == b"to far\n", "no output")
    w.sluice(text, "far", "true", status=255)
    w.sluice(named(w.far, "far"), "far", status=255)


def addresses(w):
    text = named(w.far, "far")
    said = w.sluice(text + "    BindAddress 127.0.0.9\n", "far", "echo $SSH_CONNECTION").stdout
    check(said.startswith(b"127.0.0.9 "), f"we come from {said}")
    said = w.sluice(text + "    BindInterface lo\n", "far", "echo $SSH_CONNECTION").stdout
    check(said.startswith(b"127.0.0.1 "), f"we come from {said}")
    w.sluice(text + "    AddressFamily inet\n", "far", "true")
    for wrong in ("AddressFamily inet6", "BindAddress 192.0.2.1", "BindInterface none-such"):
        done = w.sluice(text + f"    {wrong}\n", "far", "true", status=255)
        check(b"sluice: cannot" in done.stderr, f"said {done.stderr[:200]}")


def later(w):
    """A server that is not there at first: by a relay here, which listens after a while."""
    port = free_port()

    def serve():
        time.sleep(1.5)
        with socket.create_server((HOST, port)) as listener:
            near, _ = listener.accept()
        relay = subprocess.Popen([sys.executable, str(w.relay), HOST, str(w.far.port)],
                                 stdin=near, stdout=near)
        near.close()
        relay.wait()

    server = threading.Thread(target=serve)
    text = f"Host far\n    HostName {HOST}\n    Port {port}\n"
    w.sluice(text, "far", "true", status=255)
    server.start()
    w.sluice(text + "    ConnectionAttempts 20\n", "far", "true")
    server.join()


def files(w):
    text = named(w.near, "near") + named(w.far, "far") + "    ProxyJump near\n    Compression yes\n"
    data = os.urandom(4 << 20)
    source, back = w.setup.folder / "ways-source", w.setup.folder / "ways-back"
    source.write_bytes(data)
    name = w.setup.served / "ways-there"
    w.sluice(text, source, f"far:{name}", verb="put")
    w.sluice(text, f"far:{name}", back, verb="get")
    check(sha256(back.read_bytes()) == sha256(data), "the file that came back differs")
    check(b"ways-there" in w.sluice(text, f"far:{w.setup.served}", verb="ls").stdout, "not listed")


def methods(w):
    text = named(w.far, "far") + "    PubkeyAuthentication no\n"
    done = w.sluice(text, "far", "true", status=255)
    check(b"authentication denied" in done.stderr, f"said {done.stderr[:200]}")
    w.sluice(named(w.far, "far") + "    PreferredAuthentications password,publickey\n", "far", "true")


def rekeys(w):
    text = named(w.far, "far") + "    RekeyLimit 1M\n"
    data = os.urandom(8 << 20)
    check(w.sluice(text, "far", "cat", stdin=data).stdout == data, "what came back differs")


CASES = [through_one, through_two, a_hop_that_refuses, nobody_behind_the_hop, by_ssh, by_a_relay,
         a_command_that_ends, included_and_matched, variables, alias,
         remote_command, addresses, later, files, methods, rekeys]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", help="our client")
    parser.add_argument("--only", default="", metavar="REGEX", help="cases whose name fits")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    folder = tempfile.mkdtemp(prefix="interop-")
    ways = None
    try:
        ways = Ways(os.path.abspath(options.program), Setup(folder, OWN, 0))
        cases = [(f.__name__, lambda f=f: f(ways)) for f in CASES]
        passed, failed = case_runner.run_all(cases, CASE_SECONDS, options.only)
    finally:
        if ways is not None:
            ways.stop()
        shutil.rmtree(folder, ignore_errors=True)
    return case_runner.tell_sum(passed, failed)


if __name__ == "__main__":
    sys.exit(main())
