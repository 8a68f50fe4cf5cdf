"""What the interop cases need around them: keys, the server under test, the peers' commands.

Every process that is started here is ended here, by its own id.
"""

import contextlib
import hashlib
import json
import os
import pathlib
import pwd
import re
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time

HOST = "127.0.0.1"
KINDS = ("kex", "host_key", "cipher", "mac", "compression")
# Names in a KEXINIT that are no algorithms.
MARKERS = re.compile(r"ext-info-|kex-strict-|kex-guess")
PASSWORD = "correct horse 7"


class Failure(Exception):
    """A case that did not go as it must; the text is the reason."""


class Absent(Exception):
    """A part of this machine that a case may do without (only FUSE)."""


def check(condition, reason):
    if not condition:
        raise Failure(reason)


def last_line(text):
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""


def run(argv, timeout=120, stdin=b"", status=0, env=None, cwd=None):
    """Runs one program to its end; its process group is killed if that does not come in time."""
    argv = [str(a) for a in argv]
    child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, env=env, cwd=cwd, start_new_session=True)
    try:
        out, err = child.communicate(stdin, timeout)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
        raise Failure(f"{argv[0]} did not end within {timeout} s")
    if status is not None and child.returncode != status:
        said = last_line(err.decode(errors="replace") or out.decode(errors="replace"))
        raise Failure(f"{argv[0]} exited with {child.returncode}: {said}")
    return subprocess.CompletedProcess(argv, child.returncode, out, err)


def digest(path):
    hashed = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            hashed.update(block)
    return hashed.hexdigest()


def arrived(path):
    """Waits until it is there: sshfs ends before its server has answered a CLOSE, and it is the CLOSE
    that puts an atomic upload into its place."""
    deadline = time.monotonic() + 20
    while not os.path.lexists(path):
        check(time.monotonic() < deadline, f"{os.path.basename(path)} did not arrive")
        time.sleep(0.01)


def same(path, other):
    arrived(other)
    check(os.path.getsize(path) == os.path.getsize(other),
          f"{os.path.getsize(other)} bytes arrived of {os.path.getsize(path)}")
    check(digest(path) == digest(other), "the bytes that arrived differ")


# --- key exchange offers, read off the wire ----------------------------------------------------

def read_exactly(connection, n):
    data = b""
    while len(data) < n:
        more = connection.recv(n - len(data))
        if not more:
            raise Failure("connection closed before the KEXINIT")
        data += more
    return data


def offer_of(connection, version=b"SSH-2.0-interop\r\n"):
    """The algorithms in the KEXINIT of whoever is at the other end, and its raw packet."""
    connection.settimeout(60)
    connection.sendall(version)
    line = b""
    while True:
        byte = read_exactly(connection, 1)
        line += byte
        if byte != b"\n":
            continue
        if line.startswith(b"SSH-"):
            break
        line = b""
    header = read_exactly(connection, 4)
    body = read_exactly(connection, struct.unpack(">I", header)[0])
    check(body[1] == 20, f"first packet is {body[1]}, not KEXINIT")
    lists, at = [], 18
    for _ in range(10):
        size = struct.unpack(">I", body[at:at + 4])[0]
        lists.append(body[at + 4:at + 4 + size].decode().split(","))
        at += 4 + size
    offer = dict(zip(KINDS, (lists[0], lists[1], lists[2], lists[4], lists[6])))
    offer["kex"] = [name for name in offer["kex"] if not MARKERS.match(name)]
    return offer, header + body


def server_offer(port):
    with socket.create_connection((HOST, port), 10) as connection:
        return offer_of(connection)


def client_offer(argv_for_port, env=None):
    """What a client offers: it is run against a listener that reads its KEXINIT and hangs up."""
    with socket.create_server((HOST, 0)) as listener:
        listener.settimeout(60)
        argv = [str(a) for a in argv_for_port(listener.getsockname()[1])]
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL, env=env, start_new_session=True)
        try:
            connection, _ = listener.accept()
            with connection:
                return offer_of(connection, b"SSH-2.0-OpenSSH_9.9\r\n")[0]
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def variations(ours, theirs):
    """Each algorithm that both know, alone, the others at their defaults."""
    for kind in KINDS:
        for name in ours[kind]:
            if name not in theirs[kind]:
                continue
            choice = {kind: name}
            if kind == "mac":  # it is only used beside a cipher without one of its own
                choice["cipher"] = "aes128-ctr"
            yield f"{kind} {name}", choice


# --- files and keys ----------------------------------------------------------------------------

class Setup:
    """One folder with everything: keys, policy files, files to send, the served directory."""

    KEY_TYPES = (("ed25519", None), ("ecdsa", 256), ("ecdsa", 384), ("ecdsa", 521), ("rsa", 3072))

    def __init__(self, folder, run_as, large_bytes):
        self.folder = pathlib.Path(folder)
        self.account = pwd.getpwnam(run_as)
        self.folder.chmod(0o755)
        self.served = self.folder / "served"
        self.home = self.folder / "home"
        self.served.mkdir()
        self.home.mkdir()
        self.host_keys = []
        for kind, bits in self.KEY_TYPES:
            path = self.folder / f"host_{kind}{bits or ''}"
            self.make_key(path, kind, bits)
            self.host_keys.append(path)
        self.key = self.folder / "user_key"
        self.make_key(self.key, "ed25519", None)
        self.key_rsa = self.folder / "user_key_rsa"
        self.make_key(self.key_rsa, "rsa", 3072)
        self.authorized_keys = self.folder / "authorized_keys"
        self.authorized_keys.write_text("".join(
            pathlib.Path(f"{key}.pub").read_text() for key in (self.key, self.key_rsa)))
        hashed = run(["openssl", "passwd", "-6", PASSWORD]).stdout.decode().strip()
        self.users = self.folder / "users"
        self.users.write_text(f"{self.account.pw_name}:{hashed}\n")
        self.small = self.folder / "small"
        self.small.write_bytes(os.urandom(1 << 20))
        self.large = self.folder / "large"
        with open(self.large, "wb") as file:
            for _ in range(large_bytes >> 20):
                file.write(os.urandom(1 << 20))
        self.own(self.served, self.authorized_keys, self.users)
        self.counter = 0
        self.lock = threading.Lock()

    @staticmethod
    def make_key(path, kind, bits):
        argv = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "interop", "-f", path]
        run(argv + (["-b", bits] if bits else []))

    def own(self, *paths):
        if os.geteuid() == 0:
            for path in paths:
                os.chown(path, self.account.pw_uid, self.account.pw_gid)

    def fresh(self, stem="file"):
        """A new name below the served directory, and where what comes back may be put."""
        with self.lock:
            self.counter += 1
            name = f"{stem}{self.counter}"
        return name, self.folder / f"back-{name}"

    def environment(self):
        return {**os.environ, "HOME": str(self.home), "SSH_AUTH_SOCK": "", "LC_ALL": "C"}


# --- servers -----------------------------------------------------------------------------------

class Server:
    """One running server. `config` holds sshd_config lines: {"Ciphers": "aes128-ctr"}."""

    def __init__(self, setup, kind, program, config=None, extra=(), host_keys=None,
                 handed_over=None, notify=None, prefix=()):
        self.setup, self.kind = setup, kind
        self.host_keys = host_keys or setup.host_keys
        self.user = setup.account.pw_name
        number = setup.fresh("server")[0]
        self.log = setup.folder / f"{number}.log"
        self.out = setup.folder / f"{number}.out"
        lines = "".join(f"{key} {value}\n" for key, value in (config or {}).items())
        if kind == "sshd":
            argv = [*prefix, *self.sshd(program, setup.folder / f"{number}.conf", lines)]
        else:
            argv = [program, "--listen", f"{HOST}:0", "--root", setup.served,
                    "--authorized-keys", setup.authorized_keys, "--users", setup.users, "--exec"]
            for key in self.host_keys:
                argv += ["--host-key", key]
            if "PerSourcePenaltyExemptList" not in (config or {}):  # some fail to log in on purpose
                argv += ["-o", "PerSourcePenaltyExemptList 127.0.0.0/8,::1"]
            if lines:
                path = setup.folder / f"{number}.conf"
                path.write_text(lines)
                argv += ["--config", path]
            if os.geteuid() == 0:  # as an operator would: it becomes that user itself
                argv += ["-o", f"User {setup.account.pw_name}"]
        environment = dict(os.environ)
        pass_fds = ()
        if handed_over is not None:  # as a service manager does: a listening socket as number 3
            pass_fds = (handed_over.fileno(),)
            argv = ["bash", "-c", f'exec 3<&{pass_fds[0]}; LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"',
                    "bash", *argv]
        if notify is not None:
            environment["NOTIFY_SOCKET"] = str(notify)
        with open(self.log, "wb") as log, open(self.out, "wb") as out:
            self.process = subprocess.Popen([str(a) for a in [*argv, *extra]],
                                            stdin=subprocess.DEVNULL, stdout=out, stderr=log,
                                            cwd=setup.served, start_new_session=True, env=environment,
                                            pass_fds=pass_fds)
        self.port = self.wait_for_port()

    def sshd(self, program, path, lines):
        with socket.create_server((HOST, 0)) as probe:
            self.sshd_port = probe.getsockname()[1]
        path.write_text(
            lines + f"Port {self.sshd_port}\nListenAddress {HOST}\nPidFile none\n"
            "StrictModes no\nUsePAM no\nPermitRootLogin yes\nMaxStartups 100:30:300\n"
            f"AuthorizedKeysFile {self.setup.authorized_keys}\n"
            f"Subsystem sftp internal-sftp -d {self.setup.served}\n"
            + "".join(f"HostKey {key}\n" for key in self.host_keys))
        return [program, "-D", "-e", "-f", path]

    def wait_for_port(self):
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise Failure(f"the server ended with {self.process.returncode}: "
                              + last_line(self.log.read_text(errors="replace")))
            if self.kind == "sshd":
                with contextlib.suppress(OSError), \
                        socket.create_connection((HOST, self.sshd_port), 1):
                    return self.sshd_port
            else:
                said = self.out.read_text(errors="replace")
                if found := re.search(r"listening on 127\.0\.0\.1:(\d+)", said):
                    return int(found[1])
            time.sleep(0.02)
        self.stop()
        raise Failure("the server does not say what it listens on")

    def reports(self):
        """What became of its connections, so far: the JSON lines that it printed."""
        lines = self.out.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def stop(self):
        if self.process.poll() is not None:
            return self.process.returncode
        self.process.terminate()
        try:
            return self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Failure("the server did not end within 10 s of SIGTERM")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def usage(self):
        """Open descriptors, resident bytes and CPU seconds so far."""
        pid = self.process.pid
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks = os.sysconf("SC_CLK_TCK")
        return (len(os.listdir(f"/proc/{pid}/fd")),
                int(fields[21]) * os.sysconf("SC_PAGE_SIZE"),
                (int(fields[11]) + int(fields[12])) / ticks)


def free_port():
    with socket.create_server((HOST, 0)) as probe:
        return probe.getsockname()[1]


class Program:
    """A server that is no more than its command line, on a port that was given to it."""

    def __init__(self, setup, argv, port):
        self.port = port
        self.log = setup.folder / (setup.fresh("program")[0] + ".log")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise Failure("the server ended: "
                              + last_line(self.log.read_text(errors="replace")))
            with contextlib.suppress(OSError), socket.create_connection((HOST, port), 1):
                return
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


# --- the peers ---------------------------------------------------------------------------------

OPENSSH_OPTIONS = {"kex": "KexAlgorithms", "host_key": "HostKeyAlgorithms", "cipher": "Ciphers",
                   "mac": "MACs"}


def openssh_options(server, choice=None, extra=()):
    """Options for ssh, sftp, scp, sshfs and lftp's connect-program."""
    options = ["-F", "none", "-i", str(server.setup.key)]
    settings = {"BatchMode": "yes", "IdentitiesOnly": "yes", "StrictHostKeyChecking": "no",
                "UserKnownHostsFile": "/dev/null", "GlobalKnownHostsFile": "/dev/null",
                "LogLevel": "ERROR"}
    for kind, name in (choice or {}).items():
        if kind == "compression":
            settings["Compression"] = "no" if name == "none" else "yes"
        else:
            settings[OPENSSH_OPTIONS[kind]] = name
    settings.update(extra)
    for key, value in settings.items():
        options += ["-o", f"{key}={value}"]
    return options


def openssh_knows():
    def listed(what):
        return run(["ssh", "-Q", what]).stdout.decode().split()
    return {"kex": listed("kex"), "host_key": listed("HostKeyAlgorithms"),
            "cipher": listed("cipher"), "mac": listed("mac"),
            "compression": ["none", "zlib@openssh.com"]}


def sftp_batch(server, commands, choice=None, extra=(), timeout=300, flags=()):
    """Runs `sftp -b`; every command must succeed."""
    argv = ["sftp", *flags, "-b", "-", "-P", server.port, *openssh_options(server, choice, extra),
            f"{server.user}@{HOST}"]
    return run(argv, timeout, "".join(c + "\n" for c in commands).encode(),
               env=server.setup.environment()).stdout.decode()


def ssh(server, command, stdin=b"", status=0, choice=None, extra=(), timeout=120):
    argv = ["ssh", "-p", server.port, *openssh_options(server, choice, extra),
            f"{server.user}@{HOST}", command]
    return run(argv, timeout, stdin, status, server.setup.environment())


def putty_key(setup):
    path = setup.folder / "user_key.ppk"
    if not path.exists():
        run(["puttygen", setup.key, "-O", "private", "-o", path], env=setup.environment())
    return path


def psftp(server, commands, flags=(), timeout=300):
    setup = server.setup
    script = setup.folder / (setup.fresh("psftp")[0] + ".script")
    script.write_text("".join(c + "\n" for c in commands))
    argv = ["psftp", "-batch", "-i", putty_key(setup), "-P", server.port, *flags]
    for key in setup.host_keys:
        line = run(["ssh-keygen", "-l", "-f", f"{key}.pub"]).stdout.decode().split()
        argv += ["-hostkey", line[1]]
    argv += ["-b", script, f"{server.user}@{HOST}"]
    return run(argv, timeout, env=setup.environment())


def lftp(server, commands, choice=None, timeout=300):
    program = " ".join(["ssh", "-a", "-x", *openssh_options(server, choice)])
    script = (f'set sftp:connect-program "{program}"; set net:max-retries 1; '
              f"set net:timeout 30; set cmd:fail-exit true; set xfer:clobber true; "
              f"open -u {server.user}, sftp://{HOST}:{server.port}; " + "; ".join(commands))
    return run(["lftp", "--norc", "-c", script], timeout, env=server.setup.environment())


def c_client(setup, library, compiled=None):
    """A small client on a C library: given, or compiled here."""
    if compiled and (found := pathlib.Path(compiled) / f"{library}_client").exists():
        return found
    program = setup.folder / f"{library}_client"
    if not program.exists():
        source = pathlib.Path(__file__).with_name(f"{library}_client.c")
        run([shutil.which("cc") or "cc", "-O2", "-o", program, source, f"-l{library[3:]}"])
    return program


def c_transfer(server, program, choice, source, name, back, timeout=300):
    """False where the library does not know an algorithm."""
    algorithms = [choice.get(kind, "-") for kind in KINDS]
    argv = [program, HOST, server.port, server.user, server.setup.key, *algorithms, source, name,
            back]
    done = run(argv, timeout, status=None, env=server.setup.environment())
    if done.returncode == 77:
        return False
    check(done.returncode == 0, last_line(done.stderr.decode(errors="replace"))
          or f"exited with {done.returncode}")
    return True
