"""Cases about the server as a program: how it stops, what it logs, what else it tells clients."""

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

import peers
from peers import HOST, check, same


def until(condition, seconds, reason):
    deadline = time.monotonic() + seconds
    while not condition():
        check(time.monotonic() < deadline, reason)
        time.sleep(0.05)


def refuses(server):
    try:
        socket.create_connection((HOST, server.port), 5).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:  # it stood in the queue of a socket that was just closed
        return False
    return False


class Client:
    """A program that runs until the server ends it."""

    def __init__(self, server, argv, stdin=b""):
        environment = server.setup.environment()
        self.process = subprocess.Popen([str(a) for a in argv], stdin=subprocess.PIPE,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        env=environment, start_new_session=True)
        self.process.stdin.write(stdin)
        self.process.stdin.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()

    def said(self):
        """What it had to say, when it has ended."""
        return self.process.communicate(timeout=60)[1].decode(errors="replace")


def sigterm(plan):
    """Idle, running a command or in the middle of a file that never ends: each client hears a
    goodbye, at the deadline at the latest."""
    server = plan.start({"DrainDeadline": "1"})
    options = peers.openssh_options(server, extra=(("LogLevel", "INFO"),))
    name, _ = plan.setup.fresh("endless")
    with open(plan.served(name), "wb") as file:
        file.truncate(1 << 40)
    plan.setup.own(plan.served(name))
    where = f"{server.user}@{HOST}"
    ssh = ["ssh", "-p", server.port, *options]
    sftp = ["sftp", "-b", "-", "-P", server.port, *options, where]
    with Client(server, [*ssh, "-N", where]) as idle, \
            Client(server, [*ssh, where, "cat /dev/zero"]) as command, \
            Client(server, sftp, f"get {name} /dev/null\n".encode()) as transfer:
        until(lambda: server.log.read_text().count(" login ") == 3, 20, "three did not log in")
        time.sleep(0.5)  # so that both are under way
        clients = {"idle": idle, "command": command, "transfer": transfer}
        for what, client in clients.items():
            check(client.process.poll() is None, f"{what}: ended before the server")
        begin = time.monotonic()
        status = server.stop()
        check(status == 1, f"sluiced exited with {status}, though it cut two connections")
        check(time.monotonic() - begin < 8, "it took more than 8 s")
        for what, client in clients.items():
            # sftp's own "Read packet:" is about the pipe from its ssh, which may tear.
            said = re.sub(r"Read packet: .*", "", client.said())
            check(re.search(r"Received disconnect from .*:11: ", said), f"{what}: {said.strip()}")
            check(not re.search(r"reset by peer|Broken pipe|Corrupted", said),
                  f"{what}: {said.strip()}")
    check(refuses(server), "something listens there still")
    log = server.log.read_text()
    check(log.count(" closed ") == 3 and " stopped" in log, "the log does not say so")
    plan.served(name).unlink()


HOSTILE_USER = 'eve\x1b[2J\n{"event":"login"} \u2028'


def logs(plan, form):
    """Every line is whole, and no password is in any of them."""
    import python_peers
    wrong = "wrong horse 9"
    server = plan.start({"LogLevel": "DEBUG", "LogFormat": form})
    try:
        peers.ssh(server, "true")
        python_peers.asyncssh_run(server, "exit 3")
        python_peers.asyncssh_password(server)
        python_peers.paramiko_refused(server, server.user, wrong)
        python_peers.paramiko_refused(server, HOSTILE_USER, wrong)
        with socket.create_connection((HOST, server.port), 10) as connection:
            connection.sendall(b"\xff\x00\x1b[2J not SSH\r\n\r\n")
            while connection.recv(4096):
                pass
        peers.sftp_batch(server, ["pwd"])
    finally:
        server.stop()
    text = server.log.read_bytes().decode()
    for secret in (peers.PASSWORD, wrong):
        check(secret not in text, "a password is in the log")
    lines = text.split("\n")[:-1]
    for line in lines:
        check(line.isprintable(), f"a line that is not plain: {line[:200]!r}")
        if form == "json":
            check(isinstance(json.loads(line), dict), f"no object: {line[:200]}")
        else:
            check(re.match(r"\d{4}-\d\d-\d\dT\S+Z (error|info|verbose|debug) \w+( |$)", line),
                  f"no line of the log: {line[:200]}")
    events = [json.loads(line)["event"] if form == "json" else line.split()[2] for line in lines]
    for event, least in {"listening": 1, "connection": 6, "login": 4, "login_failed": 2,
                         "closed": 6, "key_exchange": 5, "stopped": 1}.items():
        check(events.count(event) >= least, f"{event} is logged {events.count(event)} times")
    check(events.count("connection") == events.count("closed"), "not every connection is closed")


def update_host_keys(plan):
    """A client that knows one host key learns the others."""
    known, _ = plan.setup.fresh("known_hosts")
    known = plan.setup.folder / known
    for command in ("true", "sleep 1"):  # it learns only from a server that it knows already
        peers.ssh(plan.server, command, extra=(
            ("UserKnownHostsFile", str(known)), ("StrictHostKeyChecking", "accept-new"),
            ("UpdateHostKeys", "yes"), ("HashKnownHosts", "no")))
    learned = {line.split()[2] for line in known.read_text().splitlines()}
    ours = {pathlib.Path(f"{key}.pub").read_text().split()[1] for key in plan.server.host_keys}
    check(learned == ours, f"{len(learned & ours)} of {len(ours)} host keys were learned")


def fifo(plan):
    """Nobody writes to it and nobody will: what asks for it is told so at once."""
    name, back = plan.setup.fresh("fifo")
    path = plan.served(name)
    os.mkfifo(path)
    plan.setup.own(path)
    options = peers.openssh_options(plan.server)
    for command in (f"get {name} {back}", f"put {plan.setup.small} {name}"):
        done = peers.run(["sftp", "-b", "-", "-P", plan.server.port, *options,
                          f"{plan.server.user}@{HOST}"], 20, f"{command}\n".encode(), None,
                         plan.setup.environment())
        check(done.returncode != 0, f"{command.split()[0]} of a FIFO went well")
    listed = peers.sftp_batch(plan.server, [f"ls -l {name}", f"rm {name}"], timeout=60)
    check("prw" in listed, f"listed as: {listed.strip()[-120:]}")
    check(not path.exists(), "it is still there")


def atomic_uploads(plan):
    """With AtomicUploads a put shows the whole file or the old one, also when its client dies."""
    setup = plan.setup
    server = plan.start({"AtomicUploads": "yes"})
    name, _ = setup.fresh("atomic")

    def parts():
        return list(setup.served.glob(f".{name}.*.part"))
    try:
        peers.sftp_batch(server, [f"put {setup.small} {name}", f"chmod 604 {name}"])
        same(setup.small, plan.served(name))
        slow = ["sftp", "-l", "20000", "-b", "-", "-P", server.port,
                *peers.openssh_options(server), f"{server.user}@{HOST}"]
        with Client(server, slow, f"put {setup.large} {name}\n".encode()):
            until(lambda: any(part.stat().st_size for part in parts()), 20, "nothing is written")
            check(".part" not in peers.sftp_batch(server, ["ls -a"]), "it is listed")
            same(setup.small, plan.served(name))
        until(lambda: not parts(), 60, "the half file is still there")
        same(setup.small, plan.served(name))
        peers.sftp_batch(server, [f"put {setup.large} {name}"])
        same(setup.large, plan.served(name))
        check(os.stat(plan.served(name)).st_mode & 0o777 == 0o604, "another mode")
        check(not parts(), "a temporary file is left")
    finally:
        server.stop()
    plan.served(name).unlink()
