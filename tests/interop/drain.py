"""Cases about how the server comes to its end: SIGTERM under load, deadlines, FIN and never RST."""

import contextlib
import ctypes
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import threading
import time

import peers
from peers import HOST, check
from whole_server import Client, refuses, until


def sftp_client(server, batch, extra=(), port=None):
    options = peers.openssh_options(server, extra=(("LogLevel", "INFO"),))
    return Client(server, ["sftp", "-b", "-", *extra, "-P", port or server.port, *options,
                           f"{server.user}@{HOST}"], batch.encode())


def forward_to(stack, server):
    """A port that leads to the server by way of a connection to it."""
    with socket.create_server((HOST, 0)) as probe:
        port = probe.getsockname()[1]
    stack.enter_context(Client(server, [
        "ssh", "-p", server.port, *peers.openssh_options(server), "-N", "-L",
        f"{HOST}:{port}:{HOST}:{server.port}", f"{server.user}@{HOST}"]))

    def leads_there():
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), 1):
            return True
    until(leads_there, 60, "ssh -L does not listen")
    return port


def exit_status(client, seconds):
    client.process.stdin.close()
    client.process.stdin = None
    return client.process.wait(seconds)


def logged_in(server):
    """The reports of those who logged in: whoever tries whether it listens still did not."""
    return [report for report in server.reports() if report["user"]]


def source_of(plan, size):
    name, _ = plan.setup.fresh("source")
    path = plan.setup.folder / name
    with open(path, "wb") as file:
        for _ in range(size >> 20):
            file.write(os.urandom(1 << 20))
    return path


def uploads(plan, clients, size, deadline, limit=0, through=False):
    """Clients that upload a file each, all under way; the server has just got its SIGTERM."""
    source = source_of(plan, size)
    server = plan.start({"DrainDeadline": deadline, "AtomicUploads": "yes",
                         "MaxStartups": "200:30:300", "LogLevel": "VERBOSE",
                         "AllowTcpForwarding": "local" if through else "no"})
    before = len(list(plan.setup.served.iterdir()))
    names = [plan.setup.fresh("upload")[0] for _ in range(clients)]
    flags = ("-l", str(limit)) if limit else ()
    stack = contextlib.ExitStack()
    port = forward_to(stack, server) if through else None
    running = [stack.enter_context(sftp_client(server, f"put {source} {name}\n", flags, port))
               for name in names]

    def under_way():
        parts = [path for path in plan.setup.served.iterdir() if path.name.endswith(".part")]
        return len(parts) == clients and all(part.stat().st_size > 0 for part in parts)
    until(under_way, 60, "not all uploads began")
    for name, client in zip(names, running):
        check(client.process.poll() is None, "a client ended too early")
        check(not plan.served(name).exists(), "a file is there under its name before its time")
    server.process.send_signal(signal.SIGTERM)
    return server, source, names, running, stack, before


def sigterm_lossless(plan, clients, size, limit, through=False):
    """All uploads are finished, then the server is gone at once. Where they go through another
    connection to the same server, that ends behind them."""
    server, source, names, running, stack, _ = uploads(plan, clients, size, 60, limit, through)
    with stack:
        until(lambda: refuses(server), 60, "it listens on")
        statuses = [exit_status(client, 60) for client in running]
        ended = time.monotonic()
        status = server.process.wait(20)
        took = time.monotonic() - ended
    check(statuses == [0] * clients, f"clients exited with {sorted(set(statuses))}")
    check(status == 0, f"the server exited with {status}")
    check(took < 1, f"the server took {took:.2f} s after the last client")
    wanted = source.read_bytes()
    for name in names:
        check(plan.served(name).read_bytes() == wanted, f"{name} is not whole")
        plan.served(name).unlink()
    reports = logged_in(server)
    check(len(reports) == clients + through, f"{len(reports)} reports")
    for report in reports:
        check(report["outcome"] == "drained" and report["complete"], f"not drained: {report}")
    for report in (r for r in reports if r["sftp_sessions"]):
        check(report["total"]["files_committed"] == 1, f"not committed: {report}")
        check(report["sftp_sessions"][0]["bytes_written"] == size, f"bytes: {report}")
    source.unlink()
    return took


def dropbear_upload(plan):
    """A command of Dropbear's client takes its input to the end."""
    key = plan.setup.folder / "dropbear_key"
    if not key.exists():
        peers.run(["dropbearconvert", "openssh", "dropbear", plan.setup.key, key])
    server = plan.start({"DrainDeadline": "60"})
    name, _ = plan.setup.fresh("dropbear")
    data = os.urandom(8 << 20)
    with Client(server, ["dbclient", "-y", "-y", "-i", key, "-p", server.port,
                         f"{server.user}@{HOST}", f"cat > {name}"], data[:100_000]) as client:
        until(lambda: plan.served(name).exists() and plan.served(name).stat().st_size != 0, 20,
              "nothing arrived")
        server.process.send_signal(signal.SIGTERM)
        until(lambda: refuses(server), 60, "it listens on")
        client.process.stdin.write(data[100_000:])
        check(exit_status(client, 60) == 0, f"it exited with {client.process.returncode}")
        check(server.process.wait(20) == 0, f"the server exited with {server.process.returncode}")
    check(plan.served(name).read_bytes() == data, "the file is not whole")
    report, = logged_in(server)
    check(report["outcome"] == "drained" and report["complete"], f"not drained: {report}")
    plan.served(name).unlink()


def asyncssh_upload(plan):
    """An upload of asyncssh's is finished; what it begins behind that is refused."""
    import python_peers
    source = source_of(plan, 4 << 20)
    server = plan.start({"DrainDeadline": "60", "AtomicUploads": "yes"})
    name, _ = plan.setup.fresh("asyncssh")

    def under_way():
        return any(path.name.endswith(".part") and path.stat().st_size > 0
                   for path in plan.setup.served.iterdir())
    refused = python_peers.asyncssh_upload_under(
        server, source, name, under_way, lambda: server.process.send_signal(signal.SIGTERM))
    check(refused, "another file was begun while it drains")
    check(server.process.wait(20) == 0, f"the server exited with {server.process.returncode}")
    check(plan.served(name).read_bytes() == source.read_bytes(), "the file is not whole")
    report, = logged_in(server)
    check(report["outcome"] == "drained" and report["complete"], f"not drained: {report}")
    check(report["total"]["files_committed"] == 1, f"not committed: {report}")
    plan.served(name).unlink()
    source.unlink()


def sigterm_deadline(plan, clients, size, limit):
    """What is under its name is whole, the rest is not there, and the reports add up."""
    server, source, names, running, stack, before = uploads(plan, clients, size, 1, limit)
    with stack:
        begin = time.monotonic()
        status = server.process.wait(20)
        took = time.monotonic() - begin
        statuses = [exit_status(client, 30) for client in running]
    check(took < 6, f"it took {took:.2f} s")
    wanted = source.read_bytes()
    whole = 0
    for name, client_status in zip(names, statuses):
        there = plan.served(name).exists()
        if there:
            check(plan.served(name).read_bytes() == wanted, f"{name} is not whole")
            plan.served(name).unlink()
            whole += 1
        else:
            check(client_status != 0, f"{name} is absent and its client exited with 0")
    check(whole < clients, "every upload finished: nothing was shown")
    check(status == 1, f"the server exited with {status}")
    reports = logged_in(server)
    check(len(reports) == clients, f"{len(reports)} reports")
    total = {key: sum(report["total"][key] for report in reports)
             for key in ("files_committed", "files_abandoned")}
    check(total == {"files_committed": whole, "files_abandoned": clients - whole},
          f"{whole} files are there, the reports say {total}")
    for report in reports:
        session = report["sftp_sessions"][0]
        if session["files_committed"]:
            check(session["bytes_written"] == size, f"bytes of a whole file: {report}")
        else:
            check(session["bytes_written"] < size, f"bytes of an abandoned file: {report}")
    left = len(list(plan.setup.served.iterdir()))
    check(left == before, f"{left - before} files more than before are left")
    source.unlink()


def sigterm_twice(plan):
    """The second one ends it within 200 ms."""
    server, source, names, running, stack, _ = uploads(plan, 4, 64 << 20, 60, 40_000)
    with stack:
        time.sleep(0.3)
        check(server.process.poll() is None, "it did not wait")
        begin = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        status = server.process.wait(10)
        took = time.monotonic() - begin
        for client in running:
            check(exit_status(client, 30) != 0, "a client that was cut exited with 0")
    check(status == 1, f"it exited with {status}")
    check(took < 0.2, f"it took {took * 1000:.0f} ms")
    for name in names:
        check(not plan.served(name).exists(), "a part is there under its name")
    source.unlink()
    for path in plan.setup.served.iterdir():
        if path.name.endswith(".part"):
            path.unlink()


class Capture:
    """The flags of TCP segments that a port sends on the loopback device."""

    def __init__(self, port):
        self.port, self.flags, self.stopping = port, [], False
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
        self.filter(port)
        self.socket.bind(("lo", 0))
        self.socket.settimeout(0.1)
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def filter(self, port):
        """Only the headers of what that port sends: nothing is to be dropped under load."""
        program = b"".join(struct.pack("HBBI", *instruction) for instruction in (
            (0x30, 0, 0, 9), (0x15, 0, 4, socket.IPPROTO_TCP),  # the protocol
            (0xb1, 0, 0, 0), (0x48, 0, 0, 0), (0x15, 0, 1, port),  # behind the IP header
            (0x06, 0, 0, 96), (0x06, 0, 0, 0)))
        kept = ctypes.create_string_buffer(program)
        self.socket.setsockopt(socket.SOL_SOCKET, 26,  # SO_ATTACH_FILTER
                               struct.pack("HP", len(program) // 8, ctypes.addressof(kept)))

    def run(self):
        while not self.stopping:
            with contextlib.suppress(TimeoutError):
                packet, (_, _, kind, *_) = self.socket.recvfrom(65536)
                header = (packet[0] & 15) * 4
                if kind != socket.PACKET_HOST or packet[9] != socket.IPPROTO_TCP:
                    continue
                source, = struct.unpack_from("!H", packet, header)
                if source == self.port:
                    self.flags.append(packet[header + 13])

    def stop(self):
        self.stopping = True
        self.thread.join()
        self.socket.close()


FIN, RST = 1, 4


def fin_and_no_rst(plan):
    """A client that sends without end is cut at the deadline: FIN, and no RST."""
    server = plan.start({"DrainDeadline": "1", "LogLevel": "VERBOSE"})
    capture = Capture(server.port)
    try:
        options = peers.openssh_options(server, extra=(("LogLevel", "INFO"),))
        with open("/dev/zero", "rb") as endless:
            client = subprocess.Popen(
                ["ssh", "-p", str(server.port), *options, f"{server.user}@{HOST}",
                 "cat > /dev/null"], stdin=endless, stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE, env=server.setup.environment())
        try:
            until(lambda: " session " in server.log.read_text() or client.poll() is not None, 20,
                  "no session")
            time.sleep(0.5)
            server.process.send_signal(signal.SIGTERM)
            said = client.communicate(timeout=60)[1].decode(errors="replace")
        finally:
            if client.poll() is None:
                client.kill()
                client.wait()
        server.process.wait(10)
    finally:
        capture.stop()
    check("Received disconnect" in said, f"the client said: {said.strip()}")
    check(any(flags & FIN for flags in capture.flags), "no FIN was sent")
    check(not any(flags & RST for flags in capture.flags), "RST was sent")
    check(server.reports()[-1]["outcome"] == "deadline", f"{server.reports()}")


def socket_activation(plan):
    """A listening socket that is handed over, and READY=1 and STOPPING=1 to who asked for it."""
    name, _ = plan.setup.fresh("notify")
    path = plan.setup.folder / name
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify, \
            socket.create_server((HOST, 0)) as listener:
        notify.bind(str(path))
        plan.setup.own(path)
        path.chmod(0o777)
        notify.settimeout(60)
        server = plan.start({}, handed_over=listener, notify=path)
        check(server.port == listener.getsockname()[1], "it listens elsewhere")
        check(notify.recv(100) == b"READY=1", "not ready")
        listener.close()
        peers.ssh(server, "true")
        server.process.send_signal(signal.SIGTERM)
        check(notify.recv(100) == b"STOPPING=1", "not stopping")
        check(server.process.wait(10) == 0, "it did not exit with 0")
