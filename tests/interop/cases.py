"""The cases. Each is a name and a function that returns or raises peers.Failure."""

import functools
import os
import random
import re
import shlex
import shutil
import socket
import subprocess
import threading
import time

import drain
import peers
import whole_server
from peers import HOST, Absent, Failure, check, digest, same

# What sluiced knows and does not offer by itself, or may not: the matrix is to try it all.
EVERYTHING = {
    "KexAlgorithms": "+ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,"
                     "diffie-hellman-group14-sha256,diffie-hellman-group16-sha512,"
                     "diffie-hellman-group18-sha512,mlkem768nistp256-sha256,"
                     "mlkem1024nistp384-sha384,curve448-sha512,diffie-hellman-group15-sha512,"
                     "diffie-hellman-group17-sha512,diffie-hellman-group-exchange-sha256",
    "HostKeyAlgorithms": "+ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521",
    "MACs": "+hmac-sha2-256,hmac-sha2-512",
    "Compression": "yes",
}

# A stock sshd offers more than ssh-audit likes; with this the case itself can be tried on one.
SSHD_FOR_AUDIT = {"KexAlgorithms": "curve25519-sha256",
                  "MACs": "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com"}


class Plan:
    """What the cases share, and the list of them."""

    def __init__(self, setup, kind, start, compiled, rekey_bytes, connections):
        self.setup = setup
        self.kind = kind
        self.start = start  # start(config, host_keys=all of them) -> Server
        self.server = start(EVERYTHING if kind == "sluiced" else {})
        self.compiled = compiled
        self.rekey_bytes = rekey_bytes
        self.connections = connections
        self.offer, self.kexinit = peers.server_offer(self.server.port)
        self.list = []

    def add(self, name, function, *arguments):
        self.list.append((name, functools.partial(function, self, *arguments)))

    def served(self, name):
        return self.setup.served / name


# --- OpenSSH's sftp ----------------------------------------------------------------------------

def openssh_transfer(plan, choice, source, server=None, extra=()):
    name, back = plan.setup.fresh()
    peers.sftp_batch(server or plan.server, [f"put {source} {name}", f"get {name} {back}"], choice,
                     extra)
    same(source, plan.served(name))
    same(source, back)
    back.unlink()
    plan.served(name).unlink()


def sftp_commands(plan, command):
    """One command of the batch language, and what it must have done."""
    setup, small = plan.setup, plan.setup.small
    name, back = setup.fresh("cmd")
    path = plan.served(name)

    def batch(*lines):
        return peers.sftp_batch(plan.server, lines)

    if command in ("put", "get"):
        batch(f"put {small} {name}", f"get {name} {back}")
        same(small, path if command == "put" else back)
    elif command == "ls -l":
        path.write_bytes(b"12345")
        os.chmod(path, 0o640)
        setup.own(path)
        listed = batch(f"ls -l {name}")
        check("-rw-r-----" in listed and " 5 " in listed, f"listed as: {listed.strip()[-120:]}")
        many = plan.served(name + ".d")
        many.mkdir()
        for i in range(1000):
            (many / f"entry-{i:04}").touch()
        setup.own(many)
        count = batch(f"ls -1 {name}.d").count("entry-")
        check(count == 1000, f"{count} entries of 1000")
    elif command == "rename":
        batch(f"put {small} {name}", f"rename {name} {name}.new")
        check(not path.exists(), "the old name is still there")
        same(small, plan.served(name + ".new"))
    elif command == "rm":
        batch(f"put {small} {name}", f"rm {name}")
        check(not path.exists(), "it is still there")
    elif command == "mkdir":
        batch(f"mkdir {name}", f"put {small} {name}/inside")
        same(small, path / "inside")
    elif command == "rmdir":
        batch(f"mkdir {name}", f"rmdir {name}")
        check(not path.exists(), "it is still there")
    elif command == "ln":
        batch(f"put {small} {name}", f"ln {name} {name}.hard")
        check(os.stat(path).st_ino == os.stat(plan.served(name + ".hard")).st_ino,
              "not the same file")
    elif command == "symlink":
        batch(f"put {small} {name}", f"symlink {name} {name}.sym", f"get {name}.sym {back}")
        check(os.readlink(plan.served(name + ".sym")) == name, "points elsewhere")
        same(small, back)
    elif command == "chmod":
        batch(f"put {small} {name}", f"chmod 600 {name}")
        check(os.stat(path).st_mode & 0o777 == 0o600, "another mode")
    elif command == "df":
        check("%" in batch("df"), "no figures")
    elif command == "reget":
        path.write_bytes(small.read_bytes())
        setup.own(path)
        back.write_bytes(small.read_bytes()[:300_000])
        batch(f"reget {name} {back}")
        same(small, back)
    elif command == "reput":
        path.write_bytes(small.read_bytes()[:300_000])
        setup.own(path)
        batch(f"reput {small} {name}")
        same(small, path)
    elif command == "cp":
        batch(f"put {small} {name}", f"cp {name} {name}.copy")
        same(small, plan.served(name + ".copy"))
    elif command == "errors":
        refused = peers.run(
            ["sftp", "-b", "-", "-P", plan.server.port, *peers.openssh_options(plan.server),
             f"{plan.server.user}@{HOST}"],
            stdin=f"get {name}.absent {back}\n".encode(), status=1, env=setup.environment())
        check(b"not found" in refused.stderr, peers.last_line(refused.stderr.decode()))


SFTP_COMMANDS = ("put", "get", "ls -l", "rename", "rm", "mkdir", "rmdir", "ln", "symlink", "chmod",
                 "df", "reget", "reput", "cp", "errors")


# --- scp and ssh -------------------------------------------------------------------------------

def scp(plan, *arguments):
    peers.run(["scp", "-q", "-P", plan.server.port, *peers.openssh_options(plan.server),
               *arguments], env=plan.setup.environment())


def scp_both_ways(plan, *flags):
    name, back = plan.setup.fresh("scp")
    where = plan.served(name) if "-O" in flags else name
    remote = f"{plan.server.user}@{HOST}:{where}"
    scp(plan, *flags, plan.setup.small, remote)
    same(plan.setup.small, plan.served(name))
    scp(plan, *flags, remote, back)
    same(plan.setup.small, back)


def scp_many_uploads(plan):
    """OpenSSH's scp cuts a file short, and says nothing, where writes are acknowledged out of
    order; that is a matter of chance, so it gets several."""
    for _ in range(25):
        name, _ = plan.setup.fresh("upload")
        scp(plan, plan.setup.small, f"{plan.server.user}@{HOST}:{name}")
        same(plan.setup.small, plan.served(name))


def scp_recursive(plan):
    name, back = plan.setup.fresh("tree")
    tree = plan.setup.folder / f"{name}.source"
    for i in range(5):
        (tree / f"d{i}" / "e").mkdir(parents=True)
        for j in range(8):
            (tree / f"d{i}" / "e" / f"f{j}").write_bytes(os.urandom(1000 * i + j))
    scp(plan, "-r", tree, f"{plan.server.user}@{HOST}:{name}")
    scp(plan, "-r", f"{plan.server.user}@{HOST}:{name}", back)

    def contents(root):
        return {str(p.relative_to(root)): digest(p) for p in root.rglob("*") if p.is_file()}
    check(contents(tree) == contents(plan.served(name)), "the tree on the server differs")
    check(contents(tree) == contents(back), "the tree that came back differs")


def ssh_cat(plan):
    data = os.urandom(64 << 20)
    check(peers.ssh(plan.server, "cat", data).stdout == data, "the bytes differ")


def ssh_stderr(plan):
    done = peers.ssh(plan.server, "echo out; echo err >&2")
    check(done.stdout == b"out\n", f"stdout: {done.stdout!r}")
    check(done.stderr == b"err\n", f"stderr: {done.stderr!r}")


def ssh_exit(plan, status):
    peers.ssh(plan.server, f"exit {status}", status=status)


def ssh_eof_first(plan):
    """The client's EOF comes first, then much output: all of it arrives."""
    done = peers.ssh(plan.server, "cat >/dev/null; head -c 10485760 /dev/zero")
    check(done.stdout == bytes(10 << 20), f"{len(done.stdout)} bytes arrived")


def ssh_stalled(plan):
    """The reader stalls at a full window, then takes everything; the status comes behind it."""
    argv = ["ssh", "-p", plan.server.port, *peers.openssh_options(plan.server),
            f"{plan.server.user}@{HOST}", "head -c 67108864 /dev/zero; exit 7"]
    script = shlex.join(str(a) for a in argv)
    done = peers.run(["bash", "-c", f"set -o pipefail; {script} | (sleep 2; wc -c)"], status=7,
                     env=plan.setup.environment())
    check(done.stdout.strip() == b"67108864", f"{done.stdout.strip().decode()} bytes arrived")


def ssh_killed(plan):
    import python_peers
    peers.ssh(plan.server, "kill -TERM $$", status=255)
    result = python_peers.asyncssh_run(plan.server, "echo before; kill -KILL $$")
    check(result.stdout == b"before\n", "output before the signal is lost")
    check(result.exit_signal is not None and result.exit_signal[0] == "KILL",
          f"exit signal {result.exit_signal}, status {result.exit_status}")


def dropbear_exec(plan):
    setup = plan.setup
    key = setup.folder / "dropbear_key"
    if not key.exists():
        peers.run(["dropbearconvert", "openssh", "dropbear", setup.key, key])
    data = os.urandom(1 << 20)
    done = peers.run(["dbclient", "-y", "-y", "-i", key, "-p", plan.server.port,
                      f"{plan.server.user}@{HOST}", "cat"], stdin=data, env=setup.environment())
    check(done.stdout == data, "the bytes differ")


def forward_stdio(plan):
    """Half-closes go through, and only what is permitted; not for a key that may not."""
    data = os.urandom(16 << 20)
    with socket.create_server((HOST, 0)) as target:
        port = target.getsockname()[1]

        def answer():
            with target.accept()[0] as connection:
                arrived = bytearray()
                while piece := connection.recv(1 << 16):
                    arrived += piece
                connection.sendall(arrived[::-1])
        server = plan.start({"AllowTcpForwarding": "local", "PermitOpen": f"{HOST}:{port}"})
        argv = ["ssh", "-p", server.port, *peers.openssh_options(server), f"{server.user}@{HOST}"]
        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        done = peers.run([*argv, "-W", f"{HOST}:{port}"], stdin=data,
                         env=plan.setup.environment())
        check(done.stdout == data[::-1], "the bytes differ")
        thread.join(20)
        for what in (f"localhost:{port}", f"{HOST}:{server.port}"):
            done = peers.run([*argv, "-W", what], status=None, env=plan.setup.environment())
            check(done.returncode == 255, f"{what} was reached")
    restricted = plan.setup.folder / "restricted_key"
    plan.setup.make_key(restricted, "ed25519", None)
    with open(plan.setup.authorized_keys, "a", encoding="ascii") as file:
        file.write("no-port-forwarding " + restricted.with_suffix(".pub").read_text())
    argv = [str(restricted) if a == str(plan.setup.key) else a for a in argv]
    with socket.create_server((HOST, 0)) as target:
        server = plan.start({"AllowTcpForwarding": "local"})
        argv[argv.index("-p") + 1] = server.port
        peers.run([*argv, "true"], env=plan.setup.environment())
        done = peers.run([*argv, "-W", f"{HOST}:{target.getsockname()[1]}"], status=None,
                         env=plan.setup.environment())
        check(done.returncode == 255, "a key that may not forward did")


# --- the other clients -------------------------------------------------------------------------

def psftp_transfer(plan, source, config, flags=()):
    """PuTTY takes no list of algorithms, so the server is the one that has a single one."""
    name, back = plan.setup.fresh()
    server = plan.start(config) if config else plan.server
    try:
        peers.psftp(server, [f"put {source} {name}", f"get {name} {back}"], flags)
    finally:
        if config:
            server.stop()
    same(source, plan.served(name))
    same(source, back)
    back.unlink()
    plan.served(name).unlink()


def psftp_commands(plan):
    name, _ = plan.setup.fresh("psftp")
    peers.psftp(plan.server, [f"mkdir {name}", f"cd {name}", f"put {plan.setup.small} a", "ls",
                              "mv a b", "chmod 600 b", "del b", "cd ..", f"rmdir {name}"])
    check(not plan.served(name).exists(), "something is left")


def lftp_transfer(plan, choice, source):
    name, back = plan.setup.fresh()
    peers.lftp(plan.server, [f"put {source} -o {name}", f"get {name} -o {back}"], choice)
    same(source, plan.served(name))
    same(source, back)
    back.unlink()
    plan.served(name).unlink()


def lftp_commands(plan):
    name, back = plan.setup.fresh("lftp")
    peers.lftp(plan.server, [f"mkdir {name}", f"put {plan.setup.small} -o {name}/a",
                             f"mv {name}/a {name}/b", f"mirror {name} {back}", f"rm -r {name}"])
    same(plan.setup.small, back / "b")
    check(not plan.served(name).exists(), "something is left")


class Mounted:
    """The served directory, mounted by sshfs while it is entered."""

    def __init__(self, plan, choice, server=None):
        server = server or plan.server
        if not os.access("/dev/fuse", os.R_OK | os.W_OK) or not shutil.which("fusermount3"):
            raise Absent("FUSE is not usable on this machine, sshfs did not run")
        self.point = plan.setup.folder / plan.setup.fresh("mount")[0]
        self.point.mkdir()
        options = peers.openssh_options(server, choice)[2:]
        options = [o for o in options if o != "-i" and not o.startswith("/")]
        argv = ["sshfs", "-f", "-p", str(server.port), "-o",
                f"IdentityFile={plan.setup.key}", *options,
                f"{server.user}@{HOST}:", str(self.point)]
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        env=plan.setup.environment(), start_new_session=True)

    def __enter__(self):
        deadline = time.monotonic() + 10
        while not os.path.ismount(self.point):
            if self.process.poll() is not None:
                said = peers.last_line(self.process.stderr.read().decode(errors="replace"))
                if "fuse" in said.lower() and "permitted" in said.lower():
                    raise Absent(f"FUSE is not usable on this machine, sshfs did not run: {said}")
                raise Failure(f"sshfs ended: {said}")
            if time.monotonic() > deadline:
                self.__exit__()
                raise Failure("sshfs did not mount within 10 s")
            time.sleep(0.02)
        return self.point

    def __exit__(self, *_):
        subprocess.run(["fusermount3", "-u", "-z", str(self.point)], stderr=subprocess.DEVNULL)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def sshfs_transfer(plan, choice, source):
    name, back = plan.setup.fresh()
    with Mounted(plan, choice) as point:
        shutil.copyfile(source, point / name)
        shutil.copyfile(point / name, back)
    same(source, plan.served(name))
    same(source, back)
    back.unlink()
    plan.served(name).unlink()


def sshfs_atomic(plan):
    """With AtomicUploads a file is looked at by its path while it is written."""
    server = plan.start({"AtomicUploads": "yes"})
    try:
        sshfs_files(plan, server)
        name, _ = plan.setup.fresh("atomic")
        with Mounted(plan, {}, server) as point:
            with open(point / name, "wb") as file:
                file.write(b"x" * 100_000)
                file.flush()
                os.fsync(file.fileno())
                os.chmod(point / name, 0o604)
                check(not plan.served(name).exists(), "it is there before it is whole")
                os.rename(point / name, point / f"{name}.moved")
                file.write(b"y" * 100_000)
        served = plan.served(f"{name}.moved")
        peers.arrived(served)
        check(served.read_bytes() == b"x" * 100_000 + b"y" * 100_000, "the bytes differ")
        check(served.stat().st_mode & 0o777 == 0o604, "another mode")
        check(not list(plan.setup.served.glob(".*.part")), "a temporary file is left")
    finally:
        server.stop()


def sshfs_files(plan, server=None):
    name, _ = plan.setup.fresh("sshfs")
    with Mounted(plan, {}, server) as point:
        top = point / name
        top.mkdir()
        for i in range(50):
            (top / f"f{i}").write_bytes(b"x" * i)
        check(len(os.listdir(top)) == 50, "entries are missing")
        os.rename(top / "f1", top / "g1")
        os.symlink("g1", top / "link")
        check((top / "link").read_bytes() == b"x", "the link leads elsewhere")
        os.truncate(top / "f40", 7)
        check((top / "f40").stat().st_size == 7, "truncate did nothing")
        os.statvfs(point)
        shutil.rmtree(top)
    check(not plan.served(name).exists(), "something is left")


def asyncssh_transfer(plan, choice, source):
    import python_peers
    name, back = plan.setup.fresh()
    python_peers.asyncssh_transfer(plan.server, choice, source, name, back)
    same(source, plan.served(name))
    same(source, back)
    back.unlink()


def asyncssh_many(plan):
    import python_peers
    fresh = [plan.setup.fresh("many") for _ in range(8)]
    python_peers.asyncssh_many_channels(plan.server, plan.setup.small, [f[0] for f in fresh],
                                        [f[1] for f in fresh])
    for _, back in fresh:
        same(plan.setup.small, back)


def asyncssh_symlink(plan):
    import python_peers
    name, _ = plan.setup.fresh("link")
    python_peers.asyncssh_symlink(plan.server, "where/it/leads", name)
    check(os.readlink(plan.served(name)) == "where/it/leads", "points elsewhere")


def asyncssh_windows(plan):
    import python_peers
    name, back = plan.setup.fresh("windows")
    python_peers.asyncssh_small_windows(plan.server, plan.setup.small, name, plan.served(name),
                                        back)
    check(back.read_bytes() == plan.setup.small.read_bytes()[:100_000], "the bytes differ")


def asyncssh_password(plan):
    import python_peers
    python_peers.asyncssh_password(plan.server)


def openssh_rsa_key(plan, algorithm):
    name, _ = plan.setup.fresh("rsa")
    argv = [str(plan.setup.key_rsa) if a == str(plan.setup.key) else a
            for a in peers.openssh_options(plan.server, extra=(
                ("PubkeyAcceptedAlgorithms", algorithm),))]
    peers.run(["sftp", "-b", "-", "-P", plan.server.port, *argv, f"{plan.server.user}@{HOST}"],
              stdin=f"put {plan.setup.small} {name}\n".encode(), env=plan.setup.environment())
    same(plan.setup.small, plan.served(name))


def wrong_key(plan):
    other = plan.setup.folder / "other_key"
    if not other.exists():
        plan.setup.make_key(other, "ed25519", None)
    argv = [str(other) if a == str(plan.setup.key) else a
            for a in peers.openssh_options(plan.server)]
    done = peers.run(["ssh", *argv, "-p", plan.server.port, f"{plan.server.user}@{HOST}", "true"],
                     status=255, env=plan.setup.environment())
    check(b"Permission denied" in done.stderr, peers.last_line(done.stderr.decode()))


def openssh_password(plan):
    name, _ = plan.setup.fresh("password")
    options = peers.openssh_options(plan.server, extra=(
        ("BatchMode", "no"), ("PubkeyAuthentication", "no"), ("NumberOfPasswordPrompts", "1")))
    peers.run(["sshpass", "-p", peers.PASSWORD, "sftp", "-q", "-P", plan.server.port, *options,
               f"{plan.server.user}@{HOST}"], env=plan.setup.environment(),
              stdin=f"put {plan.setup.small} {name}\n".encode())
    same(plan.setup.small, plan.served(name))


def paramiko_transfer(plan, choice, source):
    import python_peers
    name, back = plan.setup.fresh()
    python_peers.paramiko_transfer(plan.server, choice, source, name, back)
    same(source, plan.served(name))
    same(source, back)
    back.unlink()


def c_library_transfer(plan, library, choice, source):
    name, back = plan.setup.fresh()
    program = peers.c_client(plan.setup, library, plan.compiled)
    known = peers.c_transfer(plan.server, program, choice, source, name, back)
    check(known, f"{library} does not take an algorithm that it offers")
    same(source, plan.served(name))
    same(source, back)
    back.unlink()


# --- audit, rekey, bad input -------------------------------------------------------------------

NEWER_THAN_SSH_AUDIT = ("mlkem768x25519-sha256", "sntrup761x25519-sha512",
                        "sntrup761x25519-sha512@openssh.com")


def ssh_audit(plan):
    """The default configuration, with keys of the types that are common today."""
    keys = [key for key in plan.setup.host_keys if "ecdsa" not in key.name]
    server = plan.start({} if plan.kind == "sluiced" else SSHD_FOR_AUDIT, keys)
    try:
        done = peers.run(["ssh-audit", "-n", "-p", server.port, HOST], status=None,
                         env=plan.setup.environment())
    finally:
        server.stop()
    text = done.stdout.decode(errors="replace")
    check("(kex)" in text, peers.last_line(text) or "ssh-audit said nothing")
    bad, subject = [], ""
    for line in text.splitlines():
        if line.startswith("("):
            subject = line.split("--")[0].strip()
        found = re.search(r"\[(fail|warn)\] (.*)", line)
        # Releases of ssh-audit do not know, or not yet trust, what is newer than they are.
        name = subject.split()[-1] if subject else ""
        newer = found and found[2] in ("unknown algorithm", "using experimental algorithm") and \
            (peers.MARKERS.match(name) or name in NEWER_THAN_SSH_AUDIT)
        if found and not newer:
            bad.append(f"{subject}: {found[1]}, {found[2]}")
    check(not bad, f"{len(bad)} findings: " + "; ".join(bad)[:600])


def rekey(plan, by_client, by_server):
    """Keys are exchanged anew every MiB while data flows, both ways."""
    server = plan.start({"RekeyLimit": "1M"}) if by_server else plan.server
    name = plan.setup.folder / "rekey-source"
    if not name.exists():
        with open(name, "wb") as file:
            for _ in range(plan.rekey_bytes >> 20):
                file.write(os.urandom(1 << 20))
    try:
        openssh_transfer(plan, {}, name, server, (("RekeyLimit", "1M"),) if by_client else ())
    finally:
        if by_server:
            server.stop()


def rekey_peer(plan, transfer):
    """A transfer while the server asks for new keys every 64 KiB."""
    usual, plan.server = plan.server, plan.start(EVERYTHING | {"RekeyLimit": "64K"})
    try:
        transfer({}, plan.setup.small)
    finally:
        plan.server.stop()
        plan.server = usual


def rekey_asyncssh(plan, by_server):
    """asyncssh asks for new keys every 64 KiB; it sends data on until its own NEWKEYS."""
    import python_peers
    server = plan.start({"RekeyLimit": "64K"}) if by_server else plan.server
    name, back = plan.setup.fresh()
    try:
        python_peers.asyncssh_transfer(server, {}, plan.setup.small, name, back,
                                       rekey_bytes=64 * 1024)
        same(plan.setup.small, plan.served(name))
        same(plan.setup.small, back)
    finally:
        if by_server:
            server.stop()


def usage_when_quiet(server, descriptors=None, seconds=20):
    """Usage once the descriptors are down to `descriptors`, or after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        usage = server.usage()
        if descriptors is None or usage[0] <= descriptors or time.monotonic() > deadline:
            return usage
        time.sleep(0.1)


def bad_input(plan):
    """Random bytes, cut handshakes and resets; then the server is as it was."""
    server = plan.server
    peers.sftp_batch(server, ["pwd"])
    time.sleep(0.5)
    rng = random.Random(1)
    prefix = b"SSH-2.0-OpenSSH_9.2\r\n"

    def attempt(kind):
        with socket.create_connection((HOST, server.port), 10) as connection:
            if kind == "random":
                connection.sendall(rng.randbytes(rng.randrange(1, 2000)))
            elif kind == "random behind version":
                connection.sendall(prefix + rng.randbytes(rng.randrange(1, 2000)))
            elif kind == "cut handshake":
                whole = prefix + plan.kexinit
                connection.sendall(whole[:rng.randrange(1, len(whole))])
            else:
                connection.sendall((prefix + plan.kexinit)[:rng.randrange(0, 500)])
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                      b"\1\0\0\0\0\0\0\0")

    def burst(count):
        for i in range(count):
            kind = ("random", "random behind version", "cut handshake", "reset")[i % 4]
            try:
                attempt(kind)
            except (ConnectionResetError, BrokenPipeError):
                pass  # the server was faster; that is its good right
    burst(plan.connections // 10)  # so that caches and pools are as full as they get
    time.sleep(1)
    before = usage_when_quiet(server)
    burst(plan.connections)
    check(server.process.poll() is None, "the server is gone")
    after = usage_when_quiet(server, before[0])
    check(after[0] <= before[0], f"{after[0]} descriptors open, {before[0]} before")
    grown = after[1] - before[1]
    check(grown <= 4 << 20, f"resident memory grew by {grown >> 10} KiB")
    time.sleep(2)
    idle = server.usage()[2] - after[2]
    check(idle <= 0.1, f"{idle:.2f} CPU seconds in 2 s without a connection")
    openssh_transfer(plan, {}, plan.setup.small)


# --- the list ----------------------------------------------------------------------------------

PUTTY_CONFIG = {"kex": "KexAlgorithms", "host_key": "HostKeyAlgorithms", "cipher": "Ciphers",
                "mac": "MACs"}


def absent(plan, programs):
    missing = [p for p in programs if not shutil.which(p)]
    check(not missing, f"not installed: {', '.join(missing)}")


def matrix(plan, peer, knows, transfer, *programs):
    """One case an algorithm that both ends know, and the large file. `transfer(choice, source)`."""
    plan.add(f"{peer}: is there", absent, programs)
    try:
        theirs = knows()
    except (Failure, OSError, ImportError) as error:
        reason = str(error)
        plan.add(f"{peer}: what it knows", lambda _plan: check(False, reason))
        return
    for name, choice in peers.variations(plan.offer, theirs):
        plan.add(f"{peer}: {name}", lambda _plan, c=choice: transfer(c, plan.setup.small))
    size = plan.setup.large.stat().st_size >> 20
    plan.add(f"{peer}: {size} MiB", lambda _plan: transfer({}, plan.setup.large))


def psftp_choice(plan, choice, source):
    config = {PUTTY_CONFIG[k]: v for k, v in choice.items() if k in PUTTY_CONFIG}
    if choice.get("compression") == "none":
        config["Compression"] = "no"
    flags = ("-C",) if choice.get("compression", "none") != "none" else ()
    psftp_transfer(plan, source, config, flags)


def library_knows(plan, library):
    program = peers.c_client(plan.setup, library, plan.compiled)
    known = peers.client_offer(
        lambda port: [program, HOST, port, "x", plan.setup.key, "-", "-", "-", "-", "-",
                      plan.setup.small, "x", "/dev/null"], plan.setup.environment())
    # Compression is offered only when it is asked for.
    known["compression"] = ["none", "zlib@openssh.com"]
    return known


def psftp_knows(plan):
    peers.putty_key(plan.setup)
    known = peers.client_offer(
        lambda port: ["psftp", "-batch", "-C", "-P", port, f"x@{HOST}"], plan.setup.environment())
    return known


def build(plan):
    part = functools.partial
    for command in SFTP_COMMANDS:
        plan.add(f"sftp: {command}", sftp_commands, command)
    plan.add("scp: both ways", scp_both_ways)
    plan.add("scp: both ways, old protocol", scp_both_ways, "-O")
    plan.add("scp: 25 uploads", scp_many_uploads)
    plan.add("scp: recursive", scp_recursive)
    plan.add("ssh: 64 MiB through cat", ssh_cat)
    plan.add("ssh: stderr apart", ssh_stderr)
    for status in (0, 1, 7, 255):
        plan.add(f"ssh: exit {status}", ssh_exit, status)
    plan.add("ssh: killed by a signal", ssh_killed)
    plan.add("ssh: a reader that stalls", ssh_stalled)
    plan.add("ssh: 10 MiB behind the client's EOF", ssh_eof_first)
    plan.add("dbclient: 1 MiB through cat", dropbear_exec)
    plan.add("sftp: RSA key, SHA-256", openssh_rsa_key, "rsa-sha2-256")
    plan.add("sftp: RSA key, SHA-512", openssh_rsa_key, "rsa-sha2-512")
    plan.add("ssh: a key that is not authorized", wrong_key)
    if plan.kind == "sluiced":  # sshd asks the system for passwords
        plan.add("sftp: password", openssh_password)
        plan.add("asyncssh: password", asyncssh_password)
        plan.add("server: SIGTERM", whole_server.sigterm)
        plan.add("drain: 64 uploads are finished", drain.sigterm_lossless, 64, 4 << 20, 3_000)
        size = plan.setup.large.stat().st_size
        plan.add(f"drain: an upload of {size >> 20} MiB is finished", drain.sigterm_lossless, 1,
                 size, size >> 8)  # Kbit/s: two seconds
        plan.add("drain: 8 uploads through a jump are finished", drain.sigterm_lossless, 8, 4 << 20,
                 8_000, True)
        plan.add("drain: Dropbear's upload", drain.dropbear_upload)
        plan.add("drain: asyncssh's upload", drain.asyncssh_upload)
        plan.add("drain: a deadline amid 64 uploads", drain.sigterm_deadline, 64, 4 << 20, 8_000)
        plan.add("drain: a second SIGTERM", drain.sigterm_twice)
        plan.add("drain: FIN and no RST", drain.fin_and_no_rst)
        plan.add("drain: socket activation", drain.socket_activation)
        plan.add("forwarding: ssh -W", forward_stdio)
        plan.add("server: JSON log", whole_server.logs, "json")
        plan.add("server: text log", whole_server.logs, "text")
        plan.add("server: a FIFO", whole_server.fifo)
        plan.add("server: atomic uploads", whole_server.atomic_uploads)
        plan.add("server: atomic uploads, sshfs", sshfs_atomic)
    plan.add("ssh: all host keys are learned", whole_server.update_host_keys)
    plan.add("asyncssh: eight sessions at once", asyncssh_many)
    plan.add("asyncssh: a symbolic link", asyncssh_symlink)
    plan.add("asyncssh: window of 64 bytes, packets of 7", asyncssh_windows)
    plan.add("psftp: commands", psftp_commands)
    plan.add("lftp: commands", lftp_commands)
    plan.add("sshfs: files", sshfs_files)

    def asyncssh_knows():
        import python_peers
        return python_peers.asyncssh_knows()

    def paramiko_knows():
        import python_peers
        return python_peers.paramiko_knows()

    matrix(plan, "openssh", peers.openssh_knows, part(openssh_transfer, plan), "ssh", "sftp", "scp")
    matrix(plan, "psftp", part(psftp_knows, plan), part(psftp_choice, plan), "psftp", "puttygen")
    matrix(plan, "lftp", peers.openssh_knows, part(lftp_transfer, plan), "lftp")
    matrix(plan, "sshfs", peers.openssh_knows, part(sshfs_transfer, plan), "sshfs")
    matrix(plan, "asyncssh", asyncssh_knows, part(asyncssh_transfer, plan))
    matrix(plan, "paramiko", paramiko_knows, part(paramiko_transfer, plan))
    for library in ("libssh", "libssh2"):
        matrix(plan, library, part(library_knows, plan, library),
               part(c_library_transfer, plan, library))

    plan.add("ssh-audit: no failure, no warning", ssh_audit)
    size = plan.rekey_bytes >> 20
    plan.add(f"rekey: by the client, {size} MiB", rekey, True, False)
    plan.add(f"rekey: by the server, {size} MiB", rekey, False, True)
    plan.add(f"rekey: by both, {size} MiB", rekey, True, True)
    for peer, transfer in (("psftp", lambda _, source: psftp_transfer(plan, source, None)),
                           ("lftp", part(lftp_transfer, plan)),
                           ("sshfs", part(sshfs_transfer, plan)),
                           ("asyncssh", part(asyncssh_transfer, plan)),
                           ("paramiko", part(paramiko_transfer, plan)),
                           ("libssh", part(c_library_transfer, plan, "libssh")),
                           ("libssh2", part(c_library_transfer, plan, "libssh2"))):
        plan.add(f"rekey: by the server every 64 KiB, {peer}", rekey_peer, transfer)
    plan.add("rekey: by asyncssh every 64 KiB", rekey_asyncssh, False)
    plan.add("rekey: by both every 64 KiB, asyncssh", rekey_asyncssh, True)
    plan.add(f"bad input: {plan.connections} connections", bad_input)
