#!/usr/bin/python3
"""Runs agents, ours and OpenSSH's, with clients, OpenSSH's and ours: `agent.py build/dev/sluice`.

Servers and agents are started here, on 127.0.0.1 and on sockets in a folder of this run. A line a
case, `ok` or `FAIL` with the reason; the last line is `N passed, N failed`. The exit status is 0
when nothing failed.
"""

import contextlib
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

import case_runner  # noqa: E402
import peers  # noqa: E402
from peers import HOST, Failure, check, run  # noqa: E402

CASE_SECONDS = 120
OWN = pwd.getpwuid(os.geteuid()).pw_name
NAMES = ("first", "second")  # of the two servers, in constraints


class Agent:
    """An agent that was started here, and what is asked of it by ssh-add."""

    def __init__(self, bench, argv, environment=None):
        self.bench = bench
        self.socket = bench.folder / bench.setup.fresh("agent")[0]
        self.process = subprocess.Popen(
            [str(a) for a in (*argv, "-D", "-a", self.socket)], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True,
            env={**bench.environment(None), **(environment or {})})
        deadline = time.monotonic() + 15
        while not self.listens():
            check(self.process.poll() is None and time.monotonic() < deadline,
                  "the agent does not listen")
            time.sleep(0.02)

    def listens(self):
        """The socket is there a moment before it may be connected to."""
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self.socket)) == 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Failure("the agent does not end at SIGTERM") from None
        finally:
            self.process.stderr.close()

    def add(self, *arguments, status=0, environment=None):
        """ssh-add with these arguments; gives what it printed."""
        done = run(["ssh-add", *arguments], 60, b"", status,
                   {**self.bench.environment(self), **(environment or {})})
        return done.stdout.decode()

    def listed(self):
        done = run(["ssh-add", "-L"], 60, b"", None, self.bench.environment(self))
        return [] if done.returncode else done.stdout.decode().splitlines()

    def uses(self, public):
        """Has the key sign; not `ssh-add -T`, which wants SHA-1 of RSA keys."""
        done = run(["ssh-keygen", "-Y", "sign", "-n", "test", "-f", public], 60, b"data", 0,
                   self.bench.environment(self))
        check(done.stdout.startswith(b"-----BEGIN SSH SIGNATURE-----"), "there is no signature")

    def restrict(self, *ways):
        """Adds the key of the setup for these ways: "first", "first>second"."""
        arguments = [word for way in ways for word in ("-h", way)]
        self.add("-q", "-H", self.bench.names, *arguments, self.bench.setup.key)


class Bench:
    def __init__(self, program, setup, servers):
        self.program, self.setup = program, setup
        self.folder = setup.folder
        self.first, self.second = servers
        self.known, self.names = self.folder / "known", self.folder / "names"
        lines = [(server, pathlib.Path(f"{key}.pub").read_text().split()[:2])
                 for server in servers for key in server.host_keys]
        self.known.write_text("".join(f"[{HOST}]:{server.port} {' '.join(key)}\n"
                                      for server, key in lines))
        self.names.write_text("".join(f"{NAMES[servers.index(server)]} {' '.join(key)}\n"
                                      for server, key in lines))

    def environment(self, agent):
        return {**self.setup.environment(), "SSH_AUTH_SOCK": str(agent.socket) if agent else "",
                "SSH_ASKPASS": "", "DISPLAY": ""}

    def ours(self, environment=None):
        return Agent(self, [self.program, "agent"], environment)

    def theirs(self):
        return Agent(self, ["ssh-agent"])

    def ssh_words(self, server, command, *flags):
        options = ["-F", "none", "-p", server.port]
        for setting in ("BatchMode=yes", "IdentityFile=none", "LogLevel=ERROR",
                        f"UserKnownHostsFile={self.known}", "GlobalKnownHostsFile=/dev/null",
                        "PreferredAuthentications=publickey"):
            options += ["-o", setting]
        return [str(a) for a in ("ssh", *flags, *options, f"{OWN}@{HOST}", command)]

    def ssh(self, agent, server, command, *flags, status=0):
        return run(self.ssh_words(server, command, *flags), 60, b"", status,
                   self.environment(agent)).stdout.decode()

    def sluice(self, agent, server, command, *flags, status=0):
        argv = [self.program, "run", "-p", server.port, *flags]
        for setting in ("BatchMode=yes", f"UserKnownHostsFile={self.known}"):
            argv += ["-o", setting]
        return run([*argv, f"{OWN}@{HOST}", command], 60, b"", status,
                   self.environment(agent)).stdout.decode()

    def script(self, text):
        path = self.setup.fresh("script")[1]
        path.write_text("#!/bin/sh\n" + text + "\n")
        path.chmod(0o755)
        return path

    def hop(self, server, command):
        """A command for a first server that runs another on a second one, by ssh."""
        return " ".join(f"'{word}'" for word in self.ssh_words(server, command))

    # --- our agent, with ssh-add and ssh ---

    def keys_come_and_go(self):
        with self.ours() as agent:
            check(agent.listed() == [], "there is a key at first")
            publics = []
            for kind, bits in (("ed25519", None), ("ecdsa", 256), ("ecdsa", 384), ("ecdsa", 521),
                               ("rsa", 2048)):
                path = self.setup.fresh(f"key-{kind}")[1]
                self.setup.make_key(path, kind, bits)
                agent.add("-q", path)
                agent.uses(f"{path}.pub")
                publics.append(pathlib.Path(f"{path}.pub").read_text().strip())
            check(agent.listed() == publics, "the keys are others")
            check(agent.add("-l").count("\n") == len(publics), "-l does not list them")
            agent.add("-d", path)
            check(agent.listed() == publics[:-1], "-d has not removed the key")
            agent.add("-T", f"{path}.pub", status=1)
            agent.add("-d", path, status=1)
            agent.add("-D")
            check(agent.listed() == [], "-D has left a key")

    def certificates(self):
        with self.ours() as agent:
            authority = self.setup.fresh("authority")[1]
            self.setup.make_key(authority, "ed25519", None)
            for kind in ("ed25519", "ecdsa", "rsa"):
                path = self.setup.fresh(f"certified-{kind}")[1]
                self.setup.make_key(path, kind, None)
                run(["ssh-keygen", "-q", "-s", authority, "-I", "id", "-n", OWN, f"{path}.pub"])
                agent.add("-q", path)  # both: the key, and with its certificate
                if kind != "rsa":
                    agent.add("-T", f"{path}-cert.pub")
            check(len(agent.listed()) == 6, f"{len(agent.listed())} are listed")

    def lock(self):
        with self.ours() as agent:
            agent.add("-q", self.setup.key)
            asked = {word: {"SSH_ASKPASS_REQUIRE": "force",
                            "SSH_ASKPASS": str(self.script(f"echo {word}"))}
                     for word in ("right", "wrong")}
            agent.add("-x", environment=asked["right"])
            check(agent.listed() == [], "a locked agent lists keys")
            agent.add("-T", f"{self.setup.key}.pub", status=1)
            agent.add("-X", environment=asked["wrong"], status=1)
            time.sleep(0.2)  # so long it does not listen to another attempt
            agent.add("-X", environment=asked["right"])
            check(len(agent.listed()) == 1, "the key has not come back")

    def lifetime(self):
        with self.ours() as agent:
            agent.add("-q", "-t", "1", self.setup.key)
            agent.add("-q", "-t", "1000", self.setup.key_rsa)
            deadline = time.monotonic() + 20
            while len(agent.listed()) != 1:
                check(time.monotonic() < deadline, "the key does not expire")
                time.sleep(0.1)
            agent.uses(f"{self.setup.key_rsa}.pub")
        with Agent(self, [self.program, "agent", "-t", "1s"]) as agent:
            agent.add("-q", self.setup.key)
            agent.add("-q", "-t", "1h", self.setup.key_rsa)
            while len(agent.listed()) != 1:
                check(time.monotonic() < deadline, "-t says nothing")
                time.sleep(0.1)
        run([self.program, "agent", "-D", "-t", "1y"], 60, b"", 1, self.environment(None))

    def confirmation(self):
        for answer, status in ((0, 0), (1, 1)):
            asked = self.setup.fresh("asked")[1]
            program = self.script(f'echo "$SSH_ASKPASS_PROMPT $1" > {asked}; exit {answer}')
            with self.ours({"SSH_ASKPASS": str(program)}) as agent:
                agent.add("-q", "-c", self.setup.key)
                agent.add("-T", f"{self.setup.key}.pub", status=status)
                check(asked.read_text().startswith("confirm Allow use of key interop?"),
                      f"asked {asked.read_text()!r}")
        with self.ours() as agent:
            agent.add("-q", "-c", self.setup.key)
            agent.add("-T", f"{self.setup.key}.pub", status=1)

    def command(self):
        """`sluice agent COMMAND` ends with it, and the socket goes."""
        script = f'ssh-add -q {self.setup.key} && ssh-add -l >&2 && echo "$SSH_AUTH_SOCK"; exit 7'
        done = run([self.program, "agent", "sh", "-c", script], 60, b"", 7, self.environment(None))
        path = pathlib.Path(done.stdout.decode().strip())
        check(b"ED25519" in done.stderr, "the command has not seen the agent")
        check(not path.exists() and not path.parent.exists(), "the socket is still there")

    def background(self):
        """`eval $(sluice agent)`, and SIGTERM."""
        script = f'eval "$({self.program} agent)" && ssh-add -q {self.setup.key} && ssh-add -l && ' \
                 'kill "$SSH_AGENT_PID" && echo "$SSH_AUTH_SOCK"'
        done = run(["sh", "-c", script], 60, b"", 0, self.environment(None)).stdout.decode()
        path = pathlib.Path(done.splitlines()[-1])
        deadline = time.monotonic() + 15
        while path.parent.exists():
            check(time.monotonic() < deadline, "the socket stays behind SIGTERM")
            time.sleep(0.05)
        with self.ours() as agent:
            check(agent.socket.stat().st_mode & 0o777 == 0o600, "others may connect")
            agent.process.send_signal(signal.SIGINT)
            check(agent.process.wait(15) == 0, "SIGINT is a failure")
            check(not agent.socket.exists(), "the socket stays behind SIGINT")

    def logins(self):
        with self.ours() as agent:
            self.ssh(agent, self.first, "true", status=255)
            for key in (self.setup.key, self.setup.key_rsa):
                agent.add("-q", key)
                check(self.ssh(agent, self.first, "echo in") == "in\n", "the output is another")
                check(self.sluice(agent, self.first, "echo in") == "in\n", "ours says another")
                agent.add("-q", "-D")

    def forwarding(self):
        with self.ours() as agent:
            agent.add("-q", self.setup.key)
            check("ED25519" in self.ssh(agent, self.first, "ssh-add -l", "-A"), "no key there")
            said = self.ssh(agent, self.first, self.hop(self.second, "echo there"), "-A")
            check(said == "there\n", "the second hop says another")

    # --- destinations ---

    def destinations(self, start, client):
        """Of a key in either agent, by either client: only where it may go, by the ways it may."""
        with start() as agent:
            agent.restrict("first")
            check(client(agent, self.first, "echo in") == "in\n", "not let in where it may go")
            client(agent, self.second, "true", status=255)
        with start() as agent:
            agent.restrict(f"nobody@{NAMES[0]}")
            client(agent, self.first, "true", status=255)

    def hops(self, start, client):
        there = self.hop(self.second, "echo there")
        with start() as agent:
            agent.restrict("first", "first>second")
            check("ED25519" in client(agent, self.first, "ssh-add -l", "-A"), "no key there")
            check(client(agent, self.first, there, "-A") == "there\n", "the hop says another")
            client(agent, self.second, "true", status=255)
        with start() as agent:
            agent.restrict("first")
            client(agent, self.first, "ssh-add -l", "-A", status=1)  # it leads no further
            client(agent, self.first, there, "-A", status=255)

    # --- our client and its forwarding ---

    def only_where_asked_for(self):
        with self.theirs() as agent:
            agent.add("-q", self.setup.key)
            said = self.sluice(agent, self.first, 'echo "[$SSH_AUTH_SOCK]"')
            check(said == "[]\n", "the agent is forwarded without -A")
            script = 'for i in 1 2 3 4 5 6; do ssh-add -l & done; wait'
            said = self.sluice(agent, self.first, script, "-A")
            check(said.count("ED25519") == 6, "not all at once are served")

    def agent_that_is_gone(self):
        """The server's programs are told that there is none; the session is not disturbed."""
        with self.theirs() as agent:
            agent.add("-q", self.setup.key)
            script = f"ssh-add -l; kill {agent.process.pid}; " \
                     f"while kill -0 {agent.process.pid} && [ -e {agent.socket} ]; do sleep 0.1; " \
                     "done 2>/dev/null; ssh-add -l; echo still here"
            said = self.sluice(agent, self.first, script, "-A")
            check("ED25519" in said and said.endswith("still here\n"), f"said {said[-200:]}")

    def left_open(self):
        """A program that stays connected to the agent does not keep us."""
        with self.theirs() as agent:
            agent.add("-q", self.setup.key)
            holder = "import socket,os,time\ns=socket.socket(socket.AF_UNIX)\n" \
                     "s.connect(os.environ['SSH_AUTH_SOCK'])\ns.sendall(bytes([0,0,0,1,11]))\n" \
                     "s.recv(1)\nprint('held',flush=True)\n" \
                     "os.close(1);os.close(2)\ntime.sleep(20)\n"
            path = self.setup.fresh("holder")[1]
            path.write_text(holder)
            begin = time.monotonic()
            script = f"exec 3>&1; /usr/bin/python3 {path} </dev/null 3>&- & " \
                     "sleep 2"
            said = self.sluice(agent, self.first, script, "-A")
            check(said == "held\n", f"said {said!r}")
            check(time.monotonic() - begin < 15, "it waited for the program")

    def cases(self):
        ours, theirs = ("our agent", self.ours), ("ssh-agent", self.theirs)
        yield "our agent: keys come and go", self.keys_come_and_go
        yield "our agent: certificates", self.certificates
        yield "our agent: lock", self.lock
        yield "our agent: lifetime", self.lifetime
        yield "our agent: confirmation", self.confirmation
        yield "our agent: with a command", self.command
        yield "our agent: in the background", self.background
        yield "our agent: logins", self.logins
        yield "our agent: forwarding by ssh", self.forwarding
        for (agent, start) in (ours, theirs):
            for name, client in (("ssh", self.ssh), ("sluice", self.sluice)):
                if start == self.theirs and client == self.ssh:
                    continue  # none of it is ours
                yield f"{agent}: destinations by {name}", \
                    lambda start=start, client=client: self.destinations(start, client)
                yield f"{agent}: hops by {name}", \
                    lambda start=start, client=client: self.hops(start, client)
        yield "sluice run -A: only where it is asked for", self.only_where_asked_for
        yield "sluice run -A: an agent that is gone", self.agent_that_is_gone
        yield "sluice run -A: a connection that stays", self.left_open


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    only = sys.argv[2] if len(sys.argv) > 2 else ""
    sshd = shutil.which("sshd") or "/usr/sbin/sshd"
    if os.geteuid() == 0:
        os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="sluice-agent-") as folder, \
            contextlib.ExitStack() as stack:
        setup = peers.Setup(folder, OWN, 1 << 20)
        servers = []
        for name in NAMES:
            key = pathlib.Path(folder) / f"host_of_{name}"
            setup.make_key(key, "ed25519", None)
            servers.append(stack.enter_context(
                peers.Server(setup, "sshd", sshd, {"AllowAgentForwarding": "yes"},
                             host_keys=[key])))
        return case_runner.tell_sum(*case_runner.run_all(
            Bench(program, setup, servers).cases(), CASE_SECONDS, only))


if __name__ == "__main__":
    sys.exit(main())
