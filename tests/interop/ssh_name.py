#!/usr/bin/python3
"""Runs other people's programs with our client in ssh's place: `ssh_name.py build/dev/sluice
build/dev/sluiced`.

A link named ssh leads to our client. scp, sftp, rsync, git and sshfs call it as they call ssh,
against OpenSSH's sshd and, where a command is enough, against sluiced with --exec, both started here
on 127.0.0.1; and it is called as scripts do. A line a case, `ok` or `FAIL` with the reason, `none`
where a part of the machine is missing; the last line is `N passed, N failed`. The exit status is 0
when nothing failed.
"""

import contextlib
import os
import pathlib
import pwd
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

import case_runner  # noqa: E402
import peers  # noqa: E402
from peers import HOST, Absent, check, run, same  # noqa: E402

CASE_SECONDS = 180
OBJECTS = 10_000


class Echo:
    """A listener that sends back what it got when that has ended, and ends."""

    def __init__(self):
        self.listener = socket.create_server((HOST, 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            with contextlib.suppress(OSError):
                connection = self.listener.accept()[0]
                with connection:
                    data = b""
                    while piece := connection.recv(65536):
                        data += piece
                    connection.sendall(b"back: " + data)
                continue
            return

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()


class Case:
    """Programs that call ssh, against one server."""

    def __init__(self, ssh, setup, server, program):
        self.ssh, self.setup, self.server, self.program = ssh, setup, server, program
        self.user = server.user
        self.config = setup.folder / f"config-{server.kind}"
        self.config.write_text(
            f"Host there\nHostName {HOST}\nPort {server.port}\nUser {self.user}\n"
            f"IdentityFile {setup.key}\nIdentityAgent none\nBatchMode yes\n"
            f"UserKnownHostsFile {setup.folder}/known_hosts\nStrictHostKeyChecking accept-new\n")
        self.config.chmod(0o600)
        self("--", "true")  # so that the server is known from here on

    def environment(self, **more):
        return {**self.setup.environment(), **{k: str(v) for k, v in more.items()}}

    def __call__(self, *words, stdin=b"", status=0, host="there", env=None):
        before, after = [], []
        for word in words:
            (after if after or word == "--" else before).append(word)
        argv = [self.ssh, "-F", self.config, *before, host, *after[1:]]
        return run(argv, CASE_SECONDS, stdin, status, env or self.environment())

    def fresh(self, stem="file"):
        return self.setup.fresh(stem)[1]

    # --- as scripts call it ---

    def commands(self):
        done = self("--", "printf", "%s-", "a", "b; echo err >&2; cat; exit 7", stdin=b"in", status=7)
        check(done.stdout == b"a-b-in", f"came back: {done.stdout}")
        check(done.stderr == b"err\n", f"and on standard error: {done.stderr}")
        done = self("-n", "--", "cat", stdin=b"in")
        check(done.stdout == b"", f"-n: {done.stdout}")
        # Options behind the host, up to the command.
        done = run([self.ssh, f"-F{self.config}", "there", "-nT", "-oLogLevel=ERROR", "echo", "-n", "x"],
                   CASE_SECONDS, env=self.environment())
        check(done.stdout == b"x", f"behind the host: {done.stdout}")
        self("--", "kill -KILL $$", status=255)
        done = self("-q", "--", "kill -TERM $$", status=255)
        check(done.stderr == b"", f"-q: {done.stderr}")

    def as_ansible_calls_it(self):
        done = self("-o", "ControlMaster=auto", "-o", "ControlPersist=60s", "-o", "ConnectTimeout=10",
                    "-o", "KbdInteractiveAuthentication=no", "-o", "PasswordAuthentication=no", "-o",
                    "PreferredAuthentications=gssapi-with-mic,gssapi-keyex,hostbased,publickey", "-o",
                    f'User="{self.user}"', "-o", 'ControlPath="/tmp/ansible-%h-%p-%r"', "-tt", "--",
                    "/bin/sh -c 'echo ok && sleep 0'")
        check(done.stdout == b"ok\n", f"came back: {done.stdout}")
        check(done.stderr.count(b"\n") == 1 and b"no terminal" in done.stderr, f"said {done.stderr}")

    def shell(self):
        done = self("-T", stdin=b"echo from $((40 + 2))\nexit 5\n", status=5)
        check(b"from 42\n" in done.stdout, f"a shell without a terminal: {done.stdout}")
        done = self(stdin=b"exit 3\n", status=3)
        check(b"Pseudo-terminal will not be allocated" in done.stderr, f"no word: {done.stderr}")
        done = self("-tt", "--", "exit 4", status=4)
        check(b"no terminal" in done.stderr, f"-tt: no word: {done.stderr}")

    def destinations(self):
        options = ["-F", "none", "-i", self.setup.key, "-oBatchMode=yes", "-oIdentityAgent=none",
                   "-oStrictHostKeyChecking=no", "-oUserKnownHostsFile=/dev/null"]
        for words in ([f"ssh://{self.user}@{HOST}:{self.server.port}"],
                      [f"-p{self.server.port}", "-l", self.user, HOST],
                      [f"-p{self.server.port}", "-4aCkx", f"{self.user}@{HOST}"]):
            done = run([self.ssh, *options, *words, "echo yes"], CASE_SECONDS, env=self.environment())
            check(done.stdout == b"yes\n", f"{words}: {done.stdout}")

    def streams(self):
        with Echo() as echo:
            done = self("-W", f"{HOST}:{echo.port}", stdin=b"there")
            check(done.stdout == b"back: there", f"-W: {done.stdout}")
        with socket.create_server((HOST, 0)) as taken:
            port = taken.getsockname()[1]
        done = self("-W", f"{HOST}:{port}", status=255)
        check(b"stdio forwarding failed" in done.stderr, f"-W to nowhere: {done.stderr}")

    def through_itself(self):
        command = shlex.join([self.ssh, "-F", str(self.config), "-W", f"{HOST}:{self.server.port}",
                              "there"])
        done = self("-o", f"ProxyCommand={command}", "--", "echo through")
        check(done.stdout == b"through\n", f"a ProxyCommand by -W: {done.stdout}")
        done = run(["ssh", *peers.openssh_options(self.server), "-o", f"ProxyCommand={command}", "-p",
                    self.server.port, f"{self.user}@{HOST}", "echo through"], CASE_SECONDS,
                   env=self.environment())
        check(done.stdout == b"through\n", f"the same below OpenSSH's client: {done.stdout}")

    def forwards(self):
        port = peers.free_port()
        with Echo() as echo:
            # Its connection ends with its proxy command, and that is said.
            pid = self.fresh("pid")
            proxy = shlex.join([self.ssh, "-F", str(self.config), "-W", f"{HOST}:{self.server.port}",
                                "there"])
            argv = [self.ssh, "-F", self.config, "-N", "-L", f"{port}:{HOST}:{echo.port}", "-o",
                    "ProxyCommand=" + shlex.join(["sh", "-c", f"echo $$ > {pid}; exec {proxy}"]), "there"]
            child = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL,
                                     stderr=subprocess.PIPE, env=self.environment())
            try:
                check(self.reached(port) == b"back: x", "nothing came through -L")
                os.kill(int(pid.read_text()), 15)
                said = child.communicate(timeout=60)[1]
                check(child.returncode == 255 and b"the connection has ended" in said,
                      f"-N ended with {child.returncode} and said {said}")
            finally:
                child.kill()
                child.wait()
            with socket.create_server((HOST, port)):
                self("-o", "ExitOnForwardFailure=yes", "-N", "-L", f"{port}:{HOST}:{echo.port}",
                     status=255)
                done = self("-L", f"{port}:{HOST}:{echo.port}", "--", "echo all the same")
                check(done.stdout == b"all the same\n", "a port that is taken ended the session")
        done = self("-R", "1:a:1", "-D", "2", "-X", "--", "true")
        for word in (b"-R", b"-D", b"-X"):
            check(word in done.stderr, f"nothing said of {word}: {done.stderr}")
        for words in (("-R", "1:a:1"), ("-D", "2"), ("-L", "/s:a:1")):
            self("-o", "ExitOnForwardFailure=yes", *words, "--", "true", status=255)

    def descriptors(self):
        """-L accepts again after it had no descriptor left for a connection."""
        most = 32
        port = peers.free_port()
        with Echo() as echo, contextlib.ExitStack() as held:
            argv = [self.ssh, "-F", self.config, "-N", "-L", f"{port}:{HOST}:{echo.port}", "there"]
            child = subprocess.Popen(
                ["prlimit", f"--nofile={most}:{most}", *map(str, argv)], stdin=subprocess.DEVNULL,
                stderr=subprocess.PIPE, env=self.environment())
            try:
                check(self.reached(port) == b"back: x", "nothing came through -L")
                for _ in range(most + 8):
                    held.enter_context(socket.create_connection((HOST, port), 10))
                said = b""
                while b"cannot accept" not in said:
                    said = child.stderr.readline()
                    check(said != b"", "-L has ended")
                held.close()
                check(self.reached(port) == b"back: x", "-L accepts no more")
            finally:
                child.kill()
                child.wait()

    def reached(self, port):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection((HOST, port), 10) as c:
                c.sendall(b"x")
                c.shutdown(socket.SHUT_WR)
                data = b""
                while piece := c.recv(100):
                    data += piece
                return data
            time.sleep(0.05)
        return None

    def background(self):
        mark = self.fresh("mark")
        done = self("-f", "--", f"sleep 1; echo $$ > {mark}; echo out")
        check(done.stdout == b"out\n", f"-f: {done.stdout}")
        deadline = time.monotonic() + 60
        while not mark.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        check(mark.exists(), "the command in the background did not run")
        self("-f", "-o", "PreferredAuthentications=password", "--", "true", status=255)
        # With -N nothing is held open that a caller waits for, and the process stays.
        port = peers.free_port()
        with Echo() as echo:
            done = self("-f", "-N", "-L", f"{port}:{HOST}:{echo.port}")
            check(done.stdout == b"", f"-f -N: {done.stdout}")
            try:
                check(self.reached(port) == b"back: x", "nothing came through -f -N -L")
            finally:
                self.end(f"{port}:{HOST}:{echo.port}")

    def end(self, word):
        """The process of ours that has this word on its command line."""
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            with contextlib.suppress(OSError):
                if word.encode() in (entry / "cmdline").read_bytes().split(b"\0"):
                    os.kill(int(entry.name), 15)

    def words(self):
        done = run([self.ssh, "-V"], env=self.environment())
        check(re.search(rb"OpenSSH_\d+\.\d+", done.stderr), f"-V: {done.stderr}")
        for what in ("cipher", "cipher-auth", "mac", "kex", "key", "key-cert", "key-plain", "key-sig",
                     "sig", "protocol-version", "HostKeyAlgorithms", "help"):
            done = run([self.ssh, "-Q", what], env=self.environment())
            check(done.stdout.strip(), f"-Q {what} is empty")
        run([self.ssh, "-Q", "nonsense"], status=255, env=self.environment())
        done = self("-G", "-p", "99", "-o", "Tunnel=no")
        check(b"\nport 99\n" in b"\n" + done.stdout, f"-G: {done.stdout}")
        check(b"hostname 127.0.0.1\n" in done.stdout, "-G does not know the host")
        for words in (["-Z", "x"], ["-p"], [], ["-p", "x", "there"], ["-O", "check", "there"],
                      ["-L", "1", "there"], ["-s", "there"]):
            run([self.ssh, "-F", self.config, *words], status=255, env=self.environment())
        log = self.fresh("log")
        done = self("-v", "-E", log, "--", "echo err >&2")
        check(done.stderr == b"err\n", f"-E: {done.stderr}")
        check(b"NEWKEYS sent" in log.read_bytes(), "-E: nothing of the key exchange in the file")

    def banners(self):
        """What a server tells people is on standard error, also where -E takes the log away."""
        text = self.fresh("banner")
        text.write_text("Behave\x1b[2J.\n")
        text.chmod(0o644)
        with peers.Server(self.setup, self.server.kind, self.program, {"Banner": text}) as greeting:
            there = ("-p", greeting.port, "-o", "StrictHostKeyChecking=no", "-o",
                     "UserKnownHostsFile=/dev/null")
            log = self.fresh("log")
            for words in (("-E", log), ()):
                done = self(*there, *words, "--", "true")
                check(done.stderr == f"({self.user}@{HOST}) Behave\\x1b[2J.\n".encode(), f"{done}")
            check(b"Behave" not in log.read_bytes(), "in the log")
            done = self(*there, "-q", "--", "true")
            check(done.stderr == b"", f"-q: {done}")

    def settings(self):
        done = self("-o", "PermitLocalCommand=yes", "-o", "LocalCommand=echo %p; cat", "--", "echo far",
                    stdin=b"here\n")
        check(done.stdout == f"{self.server.port}\nhere\nfar\n".encode(), f"came back: {done.stdout}")
        done = self("-o", "LocalCommand=echo here", "--", "echo far")
        check(done.stdout == b"far\n", f"not permitted: {done.stdout}")
        unknown = ("-o", "UserKnownHostsFile=/none", "-o", "StrictHostKeyChecking=yes")
        self(*unknown, "--", "true", status=255)
        self(*unknown, "-o", "NoHostAuthenticationForLocalhost=yes", "--", "true")
        self(*unknown, "-o", "NoHostAuthenticationForLocalhost=yes", "-o", "HostKeyAlias=x", "--",
             "true", status=255)
        for setting, flags, said in (("CheckHostIP=yes", (), True), ("CheckHostIP=yes", ("-q",), False),
                                     ("VisualHostKey=yes", (), False),
                                     ("VisualHostKey=yes", ("-v",), True)):
            done = self("-o", setting, *flags, "--", "true")
            word = setting.split("=")[0].encode() + b" has no effect"
            check((word in done.stderr) == said, f"{setting} {flags}: {done.stderr}")
        done = self("-o", "RefuseConnection=elsewhere", "--", "true", status=255)
        check(b"elsewhere" in done.stderr, f"RefuseConnection: {done.stderr}")

    def run_follows(self):
        """`sluice run` does what the settings say of sessions and forwards."""
        def sluice(*words, status=0, stdin=b""):
            argv = [os.path.realpath(self.ssh), "run", "-F", self.config, *words]
            return run(argv, CASE_SECONDS, stdin, status, self.environment())

        with socket.create_server((HOST, 0)) as taken:
            forward = f"LocalForward={taken.getsockname()[1]} {HOST}:1"
            sluice("-o", forward, "there", "true")
            sluice("-o", forward, "-o", "ExitOnForwardFailure=yes", "there", "true", status=255)
        sluice("-o", "SessionType=subsystem", "there", "sftp")
        done = sluice("-o", "SessionType=subsystem", "there", "true", status=255)
        check(b"the subsystem was refused" in done.stderr, f"a subsystem true: {done.stderr}")
        sluice("-o", "SessionType=none", "there", "true", status=255)
        sluice("there", status=255)

    # --- programs ---

    def scp(self):
        source = self.setup.small
        for how in ("-O", "-s"):  # the old protocol, and SFTP
            there, back = self.fresh("there"), self.fresh("back")
            options = ["scp", "-q", how, "-p", "-S", self.ssh, "-F", self.config]
            if how == "-s" and self.server.kind == "sluiced":
                there = pathlib.Path("/") / self.setup.fresh("there")[0]
            run([*options, source, f"there:{there}"], CASE_SECONDS, env=self.environment())
            run([*options, f"there:{there}", back], CASE_SECONDS, env=self.environment())
            same(source, back)
        tree = self.fresh("tree")
        (tree / "a").mkdir(parents=True)
        for i in range(30):
            (tree / "a" / f"f {i}").write_bytes(os.urandom(i * 999))
        there = self.fresh("there")
        run(["scp", "-q", "-O", "-r", "-S", self.ssh, "-F", self.config, tree, f"there:{there}"],
            CASE_SECONDS, env=self.environment())
        run(["diff", "-r", tree, there])

    def sftp(self):
        name, back = self.setup.fresh("sftp")
        batch = f"put {self.setup.small} {name}\nget {name} {back}\nrm {name}\n"
        run(["sftp", "-S", self.ssh, "-F", self.config, "-b", "-", "there"], CASE_SECONDS,
            batch.encode(), env=self.environment())
        same(self.setup.small, back)

    def rsync(self):
        if not shutil.which("rsync"):
            raise Absent("rsync is not installed")
        tree, there, back = self.fresh("tree"), self.fresh("there"), self.fresh("back")
        (tree / "a" / "b").mkdir(parents=True)
        for i in range(200):
            (tree / "a" / "b" / f"f {i}").write_bytes(os.urandom(i * 100))
        (tree / "link").symlink_to("a")
        remote = shlex.join([self.ssh, "-F", str(self.config)])
        options = ["rsync", "-a", "--delete", "-e", remote]
        run([*options, f"{tree}/", f"there:{there}/"], CASE_SECONDS, env=self.environment())
        (there / "extra").write_text("x")
        (tree / "a" / "b" / "f 7").unlink()
        run([*options, f"{tree}/", f"there:{there}/"], CASE_SECONDS, env=self.environment())
        run(["diff", "-r", "--no-dereference", tree, there])
        run([*options, f"there:{there}/", f"{back}/"], CASE_SECONDS, env=self.environment())
        run(["diff", "-r", "--no-dereference", tree, back])

    def git(self):
        bare, work, clone = self.fresh("bare"), self.fresh("work"), self.fresh("clone")
        environment = self.environment(
            GIT_SSH_COMMAND=shlex.join([self.ssh, "-F", str(self.config)]),
            GIT_CONFIG_GLOBAL="/dev/null", GIT_CONFIG_SYSTEM="/dev/null")

        def git(*words, at=None, stdin=b""):
            argv = ["git", *(("-C", at) if at else ()), *words]
            return run(argv, CASE_SECONDS, stdin, env=environment).stdout.decode().strip()

        def commit(files, number):
            """No files of their own, which would take longer than all else."""
            stream = f"commit refs/heads/main\ncommitter a <a@b> {number} +0000\ndata 1\nx\n"
            stream += "" if number == 1 else "from refs/heads/main^0\n"
            for i in range(files):
                text = f"{number} {i}\n"
                stream += f"M 644 inline d{i % 100}/{number}-{i}\ndata {len(text)}\n{text}\n"
            git("fast-import", "--quiet", at=work, stdin=stream.encode())
            return git("rev-parse", "main", at=work)

        for repository in (bare, work):
            git("init", "-q", "--bare", "-b", "main", repository)
        run(["chown", "-R", self.user, bare])
        first = commit(OBJECTS, 1)
        git("push", "-q", f"there:{bare}", "main", at=work)
        git("clone", "-q", "--bare", f"there:{bare}", clone)
        check(git("rev-parse", "main", at=clone) == first, "clone: another commit")
        second = commit(3, 2)
        git("push", "-q", f"ssh://{self.user}@there:{self.server.port}{bare}", "main", at=work)
        git("fetch", "-q", "origin", "main:main", at=clone)
        check(git("rev-parse", "main", at=clone) == second, "fetch: another commit")
        git("fsck", "--strict", at=clone)
        found = git("rev-list", "--objects", "main", at=clone).count("\n") + 1
        check(found > OBJECTS, f"{found} objects arrived")
        # As a program of its own, which git knows by its name.
        environment.pop("GIT_SSH_COMMAND")
        environment["GIT_SSH"] = str(self.wrapper())
        git("ls-remote", f"there:{bare}", at=work)

    def wrapper(self):
        folder = self.fresh("bin")
        folder.mkdir()
        path = folder / "ssh"
        path.write_text(f'#!/bin/sh\nexec {shlex.quote(self.ssh)} -F {shlex.quote(str(self.config))} "$@"\n')
        path.chmod(0o755)
        return path

    def sshfs(self):
        if not os.access("/dev/fuse", os.R_OK | os.W_OK) or not shutil.which("fusermount3"):
            raise Absent("FUSE is not usable on this machine, sshfs did not run")
        point = self.fresh("mount")
        point.mkdir()
        argv = ["sshfs", "-f", "-F", str(self.config), "-o", f"ssh_command={self.ssh}",
                f"there:{'' if self.server.kind == 'sluiced' else self.setup.served}", str(point)]
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                 env=self.environment(), start_new_session=True)
        try:
            deadline = time.monotonic() + 60
            while not os.path.ismount(point):
                if child.poll() is not None:
                    said = peers.last_line(child.stderr.read().decode(errors="replace"))
                    if "fuse" in said.lower():
                        raise Absent(f"FUSE is not usable on this machine: {said}")
                    raise peers.Failure(f"sshfs ended: {said}")
                check(time.monotonic() < deadline, "sshfs did not mount")
                time.sleep(0.05)
            name = self.setup.fresh("sshfs")[0]
            shutil.copyfile(self.setup.small, point / name)
            same(self.setup.small, point / name)
            (point / name).unlink()
        finally:
            subprocess.run(["fusermount3", "-u", "-z", str(point)], stderr=subprocess.DEVNULL)
            child.terminate()
            child.wait()


def plan_of(case, kind):
    plan = ["commands", "as_ansible_calls_it", "shell", "destinations", "background", "words", "banners",
            "settings", "run_follows", "scp", "sftp", "rsync", "git",
            "sshfs", "streams", "through_itself", "forwards", "descriptors"]
    if kind == "sluiced":
        plan.remove("shell")  # it has none
    return [(f"{kind}: {name.replace('_', ' ')}", getattr(case, name)) for name in plan]


def main():
    program, sluiced = (os.path.abspath(path) for path in sys.argv[1:3])
    only = sys.argv[3] if len(sys.argv) > 3 else ""
    sshd = shutil.which("sshd") or "/usr/sbin/sshd"
    if not os.access(sshd, os.X_OK):
        sys.exit("ssh_name.py: openssh-server is not installed")
    if os.geteuid() == 0:
        os.makedirs("/run/sshd", mode=0o755, exist_ok=True)  # as its service makes it
    folder = tempfile.mkdtemp(prefix="interop-ssh-name-")
    try:
        ssh = pathlib.Path(folder) / "ssh"
        ssh.symlink_to(program)
        os.chmod(folder, 0o755)
        own = pwd.getpwuid(os.geteuid()).pw_name
        for name in ("theirs", "ours"):
            os.mkdir(f"{folder}/{name}")
        their_setup = peers.Setup(f"{folder}/theirs", own, 0)
        our_setup = peers.Setup(f"{folder}/ours", "nobody" if os.geteuid() == 0 else own, 0)
        our_setup.folder.chmod(0o1777)  # sluiced runs as that account
        with peers.Server(their_setup, "sshd", sshd) as theirs, \
                peers.Server(our_setup, "sluiced", sluiced, {"AllowTcpForwarding": "local"}) as ours:
            plan = plan_of(Case(str(ssh), their_setup, theirs, sshd), "sshd")
            plan += plan_of(Case(str(ssh), our_setup, ours, sluiced), "sluiced")
            passed, failed = case_runner.run_all(plan, CASE_SECONDS, only)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return case_runner.tell_sum(passed, failed)


if __name__ == "__main__":
    sys.exit(main())
