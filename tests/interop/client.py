#!/usr/bin/python3
"""Runs our client against stock servers: `client.py build/dev/sluice`.

The servers are OpenSSH's sshd, Dropbear's and one on asyncssh, each started here on 127.0.0.1 with
keys and settings of its own. A line a case, `ok` or `FAIL` with the reason; the last line is
`N passed, N failed`. A server that is not installed is a failure. The exit status is 0 when nothing
failed.
"""

import argparse
import concurrent.futures
import contextlib
import hashlib
import os
import pathlib
import pty
import pwd
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

from peers import HOST, PASSWORD, Absent, Failure, Setup, check, last_line, run, variations  # noqa: E402
import case_runner  # noqa: E402
import peers  # noqa: E402

CASE_SECONDS = 120
BIG = 16 << 20
OWN = pwd.getpwuid(os.geteuid()).pw_name
HOME = pwd.getpwuid(os.geteuid()).pw_dir
OPTIONS = {"kex": "KexAlgorithms", "host_key": "HostKeyAlgorithms", "cipher": "Ciphers",
           "mac": "MACs"}


# --- servers -------------------------------------------------------------------------------------

class Peer:
    """A server that was started here."""

    def __init__(self, setup, argv, says=None, port=None, user=OWN, environment=None):
        self.user = user
        number = setup.fresh("peer")[0]
        self.log, self.out = setup.folder / f"{number}.log", setup.folder / f"{number}.out"
        with open(self.log, "wb") as log, open(self.out, "wb") as out:
            self.process = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL,
                                            stdout=out, stderr=log, start_new_session=True,
                                            cwd=setup.folder, env=environment)
        self.port = self.wait(says, port)

    def wait(self, says, port):
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise Failure("the server ended: "
                              + last_line(self.log.read_text(errors="replace")))
            if says and (found := re.search(says, self.out.read_text(errors="replace"))):
                return int(found[1])
            if port:
                with contextlib.suppress(OSError), socket.create_connection((HOST, port), 1):
                    return port
            time.sleep(0.05)
        self.stop()
        raise Failure("the server does not listen")

    def stop(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()


def free_port():
    with socket.create_server((HOST, 0)) as probe:
        return probe.getsockname()[1]


def start_sshd(setup, settings=None):
    program = shutil.which("sshd") or "/usr/sbin/sshd"
    check(os.access(program, os.X_OK), "openssh-server is not installed")
    if os.geteuid() == 0:
        os.makedirs("/run/sshd", mode=0o755, exist_ok=True)  # as its service makes it
    server = peers.Server(setup, "sshd", program, settings)
    server.user = OWN
    return server


def start_dropbear(setup, _settings=None):
    """It reads authorized_keys from the account's home and nowhere else: it gets another home, in a
    mount namespace of its own."""
    program = shutil.which("dropbear") or "/usr/sbin/dropbear"
    check(os.access(program, os.X_OK), "dropbear-bin is not installed")
    home = setup.folder / "dropbear-home"
    key = setup.folder / "dropbear-key"
    if not home.exists():
        (home / ".ssh").mkdir(parents=True, mode=0o700)
        home.chmod(0o700)
        shutil.copy(setup.authorized_keys, home / ".ssh" / "authorized_keys")
        (home / ".ssh" / "authorized_keys").chmod(0o600)
        for kind in ("ed25519", "rsa"):
            run(["dropbearkey", "-t", kind, "-f", f"{key}-{kind}"])
    port = free_port()
    unshare = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--user",
                                                                "--map-current-user"]
    if run([*unshare, "mount", "--bind", home, HOME], status=None).returncode != 0:
        raise Absent("no mount namespaces")
    script = f'mount --bind "{home}" "{HOME}" && exec "{program}" -F -E -m -P "" -s ' \
             f'-r "{key}-ed25519" -r "{key}-rsa" -p {HOST}:{port}'
    return Peer(setup, [*unshare, "sh", "-c", script], port=port)


def start_asyncssh(setup, _settings=None):
    script = pathlib.Path(__file__).with_name("asyncssh_server.py")
    return Peer(setup, [script, setup.host_keys[0], setup.authorized_keys, PASSWORD],
                says=r"listening on (\d+)")


# --- our client ----------------------------------------------------------------------------------

class Client:
    def __init__(self, program, setup):
        self.program, self.setup = program, setup
        self.known = setup.folder / "known_hosts"

    def argv(self, server, command, options=None, key=None, user=None, flags=(), verb="run"):
        settings = {"BatchMode": "yes", "IdentityAgent": "none", "UserKnownHostsFile": self.known,
                    "StrictHostKeyChecking": "accept-new", **(options or {})}
        argv = [self.program, verb, "-F", "none", "-p", server.port, *flags]
        if key is not False:
            argv += ["-i", key or self.setup.key]
        for name, value in settings.items():
            argv += ["-o", f"{name}={value}"]
        return [str(a) for a in [*argv, f"{user or server.user}@{HOST}", command]]

    def run(self, server, command, stdin=b"", status=0, env=None, **how):
        return run(self.argv(server, command, **how), 100, stdin, status,
                   env or self.setup.environment())


def sha256(data):
    return hashlib.sha256(data).hexdigest()


# --- cases that every server has -------------------------------------------------------------------

def exit_codes(c, server):
    for status in (0, 1, 7, 254):
        c.run(server, f"exit {status}", status=status)


def streams_apart(c, server):
    done = c.run(server, "echo out; echo err >&2", status=0)
    check(done.stdout == b"out\n", f"stdout is {done.stdout[:80]}")
    check(done.stderr == b"err\n", f"stderr is {done.stderr[:80]}")


def killed(c, server):
    done = c.run(server, "echo first; kill -9 $$", status=255)
    check(done.stdout == b"first\n", "what came before is not whole")
    check(b"signal KILL" in done.stderr, f"said {done.stderr[:200]}")


def up(c, server):
    data = os.urandom(BIG)
    said = c.run(server, "sha256sum", data).stdout.decode().split()
    check(said and said[0] == sha256(data), "the bytes that arrived differ")


def down(c, server):
    path = c.setup.folder / "down"
    data = os.urandom(BIG)
    path.write_bytes(data)
    path.chmod(0o644)
    check(c.run(server, f"cat {path}").stdout == data, "the bytes that arrived differ")


def both_ways(c, server):
    data = os.urandom(BIG)
    check(c.run(server, "cat", data).stdout == data, "the bytes that came back differ")


def eof_first(c, server):
    """Acceptance 16: the client's EOF, then 10 MiB of output."""
    done = c.run(server, "cat >/dev/null; head -c 10485760 /dev/zero", b"short")
    check(len(done.stdout) == 10 << 20, f"{len(done.stdout)} bytes arrived")


def slow_reader(c, server):
    """Acceptance 8: what was written before the end is there, however late it is read."""
    path = c.setup.folder / f"late{server.port}"
    data = os.urandom(3 << 20)
    c.run(server, f"sleep 1; cat > {path}", data)
    check(path.read_bytes() == data, "the file is not whole")


def stalled_reader(c, server):
    """Acceptance 1: the reader stalls, then takes everything; the status comes behind it."""
    script = " ".join(f"'{a}'" for a in c.argv(server, "head -c 16777216 /dev/zero; exit 7"))
    done = run(["bash", "-c", f"set -o pipefail; {script} | (sleep 2; wc -c)"], 100, status=7,
               env=c.setup.environment())
    check(done.stdout.strip() == b"16777216", f"{done.stdout.strip().decode()} bytes arrived")


def input_not_wanted(c, server):
    """A command that ends without reading what it is sent."""
    done = c.run(server, "head -c 5; exit 3", b"x" * BIG, status=3)
    check(done.stdout == b"xxxxx", "the output is another")


def known_hosts(c, server):
    target = f"[{HOST}]:{server.port}"
    for hashed in ("no", "yes"):
        file = c.setup.folder / f"known{server.port}{hashed}"
        options = {"UserKnownHostsFile": file, "HashKnownHosts": hashed}
        strict = {**options, "StrictHostKeyChecking": "yes"}
        done = c.run(server, "true", status=255, options=strict)
        check(b"is not known" in done.stderr, f"said {done.stderr[:200]}")
        c.run(server, "true", options=options)
        c.run(server, "true", options=strict)
        check((target in file.read_text()) == (hashed == "no"), "the name is not as wanted")
        run(["ssh-keygen", "-F", target, "-f", file])  # OpenSSH finds it there
        changed = file.read_text().splitlines()[0].split()
        changed[2] = (c.setup.folder / "user_key.pub").read_text().split()[1]
        changed[1] = "ssh-ed25519"
        file.write_text(" ".join(changed) + "\n")
        done = c.run(server, "true", status=255, options=options)
        check(b"is not the one that is known" in done.stderr, f"said {done.stderr[:200]}")


def written_by_openssh(c, server):
    """A line that OpenSSH's ssh-keyscan wrote is recognised."""
    file = c.setup.folder / f"scanned{server.port}"
    file.write_bytes(run(["ssh-keyscan", "-p", server.port, HOST]).stdout)
    run(["ssh-keygen", "-H", "-f", file])
    c.run(server, "true", options={"UserKnownHostsFile": file, "StrictHostKeyChecking": "yes"})


def wrong_key(c, server):
    stranger = c.setup.folder / "stranger"
    if not stranger.exists():
        c.setup.make_key(stranger, "ed25519", None)
    done = c.run(server, "true", status=255, key=stranger)
    check(b"authentication denied" in done.stderr, f"said {done.stderr[:200]}")


def rsa_key(c, server):
    c.run(server, "true", key=c.setup.key_rsa)


@contextlib.contextmanager
def agent_with(c, key):
    path = c.setup.folder / c.setup.fresh("agent")[0]
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(path)], stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        agent.stdout.readline()
        run(["ssh-add", "-q", key], env={**c.setup.environment(), "SSH_AUTH_SOCK": str(path)})
        yield path
    finally:
        agent.terminate()
        agent.wait()
        agent.stdout.close()


def agent(c, server):
    for key in (c.setup.key, c.setup.key_rsa):
        with agent_with(c, key) as path:
            options = {"IdentityFile": "none", "IdentityAgent": path}
            c.run(server, "true", key=False, options=options)


# --- connections through a server --------------------------------------------------------------------

def read_all(connection):
    """All that comes, and whether it ended by FIN and not by a reset."""
    data = bytearray()
    while True:
        try:
            piece = connection.recv(1 << 16)
        except ConnectionResetError:
            return bytes(data), False
        if not piece:
            return bytes(data), True
        data += piece


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@contextlib.contextmanager
def forwarding(c, server, port):
    """Our client, which forwards to `port` and to one where nobody listens."""
    argv = c.argv(server, f"0:{HOST}:{port}", verb="forward")
    client = subprocess.Popen([*argv, f"0:{HOST}:{free_port()}"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, env=c.setup.environment())
    try:
        ports = [int(re.search(rb"^[0-9.]+:(\d+) to ", client.stdout.readline())[1])
                 for _ in range(2)]
        yield client, ports
    finally:
        if client.poll() is None:
            client.kill()
        client.wait()
        client.stdout.close()


def forwards(c, server):
    """Acceptance 21, as far as a server of others has a part in it: all of them make an EOF of a
    reset, and have the last chunk before it."""
    data, answer = os.urandom(BIG), os.urandom(BIG)
    with socket.create_server((HOST, 0)) as target, \
            forwarding(c, server, target.getsockname()[1]) as (client, ports):
        target.settimeout(60)

        def join():
            near = socket.create_connection((HOST, ports[0]), 20)
            far, _ = target.accept()
            far.settimeout(60)
            near.settimeout(60)
            return near, far

        near, far = join()
        with near, far, concurrent.futures.ThreadPoolExecutor() as pool:
            arrived = pool.submit(read_all, far)
            near.sendall(data)
            near.shutdown(socket.SHUT_WR)
            check(arrived.result() == (data, True), "what went there differs, or did not end")
            arrived = pool.submit(read_all, near)
            far.sendall(answer)
            far.close()
            check(arrived.result() == (answer, True), "what came back differs, or did not end")

        near, far = join()
        with near:
            far.sendall(b"the last chunk")
            time.sleep(0.2)  # Dropbear meets a reset before it reads
            reset(far)
            check(read_all(near)[0] == b"the last chunk", "the last chunk from there is lost")

        near, far = join()
        with far:
            near.sendall(b"the last chunk")
            reset(near)
            check(read_all(far)[0] == b"the last chunk", "the last chunk to there is lost")

        try:
            with socket.create_connection((HOST, ports[1]), 20) as refused:
                refused.settimeout(60)
                check(read_all(refused) == (b"", False), "nobody listens there: it is not reset")
        except ConnectionResetError:
            pass  # so soon that connecting already tells of it

        near, far = join()
        with near, far:
            near.sendall(b"x")
            check(far.recv(1) == b"x", "it is not joined")
            client.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            check(client.poll() is None, "it did not wait for what is open")
            near.sendall(b"still here")
            near.shutdown(socket.SHUT_WR)
            check(read_all(far) == (b"still here", True), "what was sent while it drains is lost")
            far.close()
            check(read_all(near) == (b"", True), "no end")
        check(client.wait(20) == 0, f"it exited with {client.returncode}")


# --- on a terminal ---------------------------------------------------------------------------------

def on_terminal(c, argv, answers):
    """Runs it with a terminal; each pair is what it must ask and what it gets. Gives what it showed
    and its status."""
    child, terminal = pty.fork()
    if child == 0:
        os.execve(argv[0], argv, c.setup.environment())
    shown, left, seen = b"", list(answers), 0
    deadline = time.monotonic() + 30
    try:
        while time.monotonic() < deadline:
            if left and left[0][0] in shown[seen:]:
                seen = len(shown)
                os.write(terminal, left.pop(0)[1] + b"\n")
            if not select.select([terminal], [], [], 0.1)[0]:
                continue
            try:
                data = os.read(terminal, 4096)
            except OSError:
                break
            if not data:
                break
            shown += data
        else:
            os.kill(child, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    finally:
        os.close(terminal)
    check(not left, f"was not asked {left[:1]}: {shown[-200:]}")
    return shown, status


def asked_for_host_key(c, server):
    for answer, status in ((b"no", 255), (b"yes", 5)):
        options = {"BatchMode": "no", "StrictHostKeyChecking": "ask",
                   "UserKnownHostsFile": c.setup.folder / f"asked{server.port}"}
        argv = c.argv(server, "exit 5", options=options)
        shown, got = on_terminal(c, argv, [(b"continue connecting", answer)])
        check(b"SHA256:" in shown, "no fingerprint was shown")
        check(got == status, f"exited with {got}")
    c.run(server, "exit 5", status=5, options={**options, "BatchMode": "yes",
                                                "StrictHostKeyChecking": "yes"})


def asked_for_password(c, server):
    argv = c.argv(server, "exit 5", key=False,
                  options={"BatchMode": "no", "IdentityFile": "none"})
    shown, status = on_terminal(c, argv, [(b") Password: ", b"wrong"),
                                          (b") Password: ", PASSWORD.encode())])
    check(status == 5, f"exited with {status}")
    check(PASSWORD.encode() not in shown, "the password was shown")


def asked_for_passphrase(c, server):
    key = c.setup.folder / "sealed_key"
    if not key.exists():
        shutil.copy(c.setup.key, key)
        run(["ssh-keygen", "-q", "-p", "-P", "", "-N", "open sesame", "-f", key])
    argv = c.argv(server, "exit 5", key=key, options={"BatchMode": "no"})
    shown, status = on_terminal(c, argv, [(b"passphrase", b"open sesame")])
    check(status == 5, f"exited with {status}")
    check(b"sesame" not in shown, "the passphrase was shown")


def asked_by_prompts(c, server):
    argv = c.argv(server, "exit 5", key=False, user="asked",
                  options={"BatchMode": "no", "IdentityFile": "none"})
    shown, status = on_terminal(c, argv, [(b"Word: ", PASSWORD.encode()), (b"Colour: ", b"green")])
    check(status == 5, f"exited with {status}")
    mark = f"(asked@{HOST}) ".encode()
    for line in (b"Two questions", b"Answer both.", b"Word: ", b"Colour: green"):
        check(mark + line in shown, f"not shown as the server's: {line}")
    check(PASSWORD.encode() not in shown, "the password was shown")


# --- what the user is told and asked ----------------------------------------------------------------

def asked_by_a_program(c, server):
    """SSH_ASKPASS, for a host key and a passphrase."""
    key = c.setup.folder / "asked_key"
    if not key.exists():
        shutil.copy(c.setup.key, key)
        run(["ssh-keygen", "-q", "-p", "-P", "", "-N", "open sesame", "-f", key])
    asked = c.setup.folder / "asked"
    program = c.setup.folder / "askpass"
    program.write_text(f"#!/bin/sh\necho \"$1\" >> '{asked}'\n"
                       "case $1 in *passphrase*) echo open sesame;; *) echo yes;; esac\n")
    program.chmod(0o700)
    known = c.setup.folder / "known_by_program"
    argv = c.argv(server, "exit 5", key=key,
                  options={"BatchMode": "no", "UserKnownHostsFile": known,
                           "StrictHostKeyChecking": "ask"})
    env = {**c.setup.environment(), "SSH_ASKPASS": str(program)}
    run(argv, 100, status=5, env={**env, "SSH_ASKPASS_REQUIRE": "force"})
    said = asked.read_text()
    check(f"[{HOST}]:{server.port}" in said, f"the port was not named: {said}")
    check("passphrase" in said, f"asked {said}")
    asked.unlink()
    known.unlink()
    run(argv, 100, status=255, env={**env, "SSH_ASKPASS_REQUIRE": "never"})
    check(not asked.exists(), "it was asked although it never may be")


def told_why(c, server):
    """In words, each thing once."""
    exposed = c.setup.folder / "exposed_key"
    shutil.copy(c.setup.key, exposed)
    exposed.chmod(0o644)
    rsa_host = {"HostKeyAlgorithms": "rsa-sha2-512", "RequiredRSASize": "4096",
                "UserKnownHostsFile": "/dev/null"}
    for options, key, words in (
            ({}, exposed, "permissions 0644 are too open"),
            ({"ProxyCommand": "/no/such/program here"}, None,
             "proxy command ended with status 127: /no/such/program here"),
            (rsa_host, None, "RSA of 3072 bits, less than the 4096 of RequiredRSASize"),
            ({"RequiredRSASize": "4096"}, c.setup.key_rsa, "RSA of 3072 bits, less than the 4096")):
        said = c.run(server, "true", status=255, options=options, key=key).stderr.decode()
        check(said.count(words) == 1, f"not told once: {words}: {said}")


def changed_key(c, server):
    """StrictHostKeyChecking=no lets it pass, warns, and sends no password."""
    known = c.setup.folder / "known_changed"
    other = pathlib.Path(f"{c.setup.key}.pub").read_text()
    known.write_text(f"[{HOST}]:{server.port} {other}")
    options = {"StrictHostKeyChecking": "no", "UserKnownHostsFile": known}
    done = c.run(server, "exit 5", status=5, options=options)
    check(b"WARNING: THE HOST KEY HAS CHANGED" in done.stderr, f"said {done.stderr}")
    check(str(known).encode() + b":1" in done.stderr, f"said {done.stderr}")
    check(known.read_text() == f"[{HOST}]:{server.port} {other}", "the file was changed")
    c.run(server, "true", status=255, options={**options, "StrictHostKeyChecking": "accept-new"})
    argv = c.argv(server, "true", key=False,
                  options={**options, "BatchMode": "no", "IdentityFile": "none"})
    shown, status = on_terminal(c, argv, [])
    check(status == 255 and b"assword:" not in shown, f"a password was asked for: {shown}")
    # Nothing is kept in /dev/null, and nothing is said of that.
    done = c.run(server, "true", options={"UserKnownHostsFile": "/dev/null",
                                          "StrictHostKeyChecking": "no"})
    check(done.stderr == b"", f"said {done.stderr}")


# --- cases of one server ---------------------------------------------------------------------------

def without_status(c, server):
    """Acceptance 17."""
    done = c.run(server, "no-status", status=255)
    check(len(done.stdout) == 300_000, f"{len(done.stdout)} bytes arrived")
    check(b"did not say how" in done.stderr, f"said {done.stderr[:200]}")


def without_eof(c, server):
    done = c.run(server, "no-eof", status=255)
    check(len(done.stdout) == 300_000, f"{len(done.stdout)} bytes arrived")
    check(b"not whole" in done.stderr, f"said {done.stderr[:200]}")


def rekeys(c, setup, start):
    server = start(setup, {"RekeyLimit": "1M"})
    try:
        both_ways(c, server)
    finally:
        server.stop()


def algorithm(c, server, choice):
    options = {OPTIONS[kind]: name for kind, name in choice.items() if kind in OPTIONS}
    options["UserKnownHostsFile"] = c.setup.folder / c.setup.fresh("known")[0]
    options.setdefault("MACs", "+hmac-sha2-256")  # Dropbear has no other
    data = os.urandom(300_000)
    check(c.run(server, "cat", data, options=options).stdout == data, "the bytes differ")


def our_offer(c):
    """Everything we know, from what we refuse to take for an algorithm."""
    names = {}
    for kind, keyword in OPTIONS.items():
        offer = peers.client_offer(lambda port: c.argv(
            argparse.Namespace(port=port, user=OWN), "true",
            options={keyword: "+" + ",".join(BY_CHOICE[kind])} if kind in BY_CHOICE else {}),
            c.setup.environment())
        names[kind] = offer[kind]
    names["compression"] = []
    return names


BY_CHOICE = {"kex": ["ecdh-sha2-nistp256", "ecdh-sha2-nistp384", "ecdh-sha2-nistp521",
                     "diffie-hellman-group14-sha256", "mlkem768nistp256-sha256",
                     "mlkem1024nistp384-sha384", "curve448-sha512", "diffie-hellman-group15-sha512",
                     "diffie-hellman-group17-sha512"],
             "mac": ["hmac-sha2-256", "hmac-sha2-512"]}

EVERYWHERE = (exit_codes, streams_apart, killed, up, down, both_ways, eof_first, slow_reader,
              stalled_reader, input_not_wanted, known_hosts, written_by_openssh, wrong_key, rsa_key,
              agent, asked_for_host_key, asked_for_passphrase, forwards)


def plan(c, setup, servers):
    """Pairs of a name and a function."""
    started = {}

    def server(name):
        if name not in started:
            started[name] = servers[name](setup)
        return started[name]

    cases = []
    for name in servers:
        for case in EVERYWHERE:
            cases.append((f"{name} {case.__name__}",
                          lambda n=name, f=case: f(c, server(n))))
    for case in (asked_for_password, asked_by_prompts, without_status, without_eof):
        cases.append((f"asyncssh {case.__name__}", lambda f=case: f(c, server("asyncssh"))))
    for case in (asked_by_a_program, told_why, changed_key):
        cases.append((f"sshd {case.__name__}", lambda f=case: f(c, server("sshd"))))
    cases.append(("sshd rekeys", lambda: rekeys(c, setup, start_sshd)))

    def algorithms(name):
        tried = 0
        ours, theirs = our_offer(c), peers.server_offer(server(name).port)[0]
        failed = []
        for label, choice in variations(ours, theirs):
            tried += 1
            try:
                algorithm(c, server(name), choice)
            except Failure as reason:
                failed.append(f"{label}: {reason}")
        check(not failed, "; ".join(failed))
        check(tried > 5, f"only {tried} algorithms in common")
    for name in servers:
        cases.append((f"{name} every algorithm", lambda n=name: algorithms(n)))
    return cases, started


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", help="our client")
    parser.add_argument("--only", default="", metavar="REGEX", help="cases whose name fits")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    folder = tempfile.mkdtemp(prefix="interop-")
    started = {}
    try:
        setup = Setup(folder, OWN, 0)
        client = Client(os.path.abspath(options.program), setup)
        cases, started = plan(client, setup, {"sshd": start_sshd, "dropbear": start_dropbear,
                                              "asyncssh": start_asyncssh})
        passed, failed = case_runner.run_all(cases, CASE_SECONDS, options.only)
    finally:
        for server in started.values():
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)
    return case_runner.tell_sum(passed, failed)


if __name__ == "__main__":
    sys.exit(main())
