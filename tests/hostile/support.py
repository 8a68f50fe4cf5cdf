"""What hostile programs share: a server with all of its restrictions on, a client that behaves, and
figures of the server's cost in units that can be counted."""

import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "interop"))

from peers import HOST, Failure, Setup, check, run  # noqa: E402, F401

PATIENCE = 60  # seconds, for what comes at once on a machine that is not busy
ROOT = os.geteuid() == 0


class Sluiced:
    """A running sluiced. As root it becomes `nobody`, and its host key stays root's."""

    def __init__(self, program, setup, arguments=(), settings=(), stdout=None, stderr=None,
                 served=None):
        self.setup = setup
        self.log = setup.folder / (setup.fresh("server")[0] + ".log")
        self.out = setup.folder / (self.log.stem + ".out")
        argv = [program, "--listen", f"{HOST}:0", "--root", served or setup.served,
                "--host-key", setup.host_keys[0], "--authorized-keys", setup.authorized_keys,
                "--users", setup.users, *arguments]
        if ROOT:
            argv += ["-o", f"User {setup.account.pw_name}"]
        # Tests fail to log in on purpose. The first value counts: those of `settings` win.
        for setting in [*settings, "PerSourcePenaltyExemptList 127.0.0.0/8,::1"]:
            argv += ["-o", setting]
        with open(self.log, "wb") as log, open(self.out, "wb") as out:
            self.process = subprocess.Popen(
                [str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=stdout or out,
                stderr=stderr or log, start_new_session=True)
        self.pid = self.process.pid
        self.port = self.wait_for(r"listening on 127\.0\.0\.1:(\d+)") if stdout is None else None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise Failure("the server did not end after SIGTERM")

    def wait_for(self, pattern):
        found = None

        def said():
            nonlocal found
            check(self.process.poll() is None, f"the server has ended: {self.words()}")
            found = re.search(pattern, self.out.read_text(errors="replace"))
            return found

        until(said, f"the server does not say {pattern}")
        return int(found[1])

    def words(self):
        return self.log.read_text(errors="replace")[-2000:]

    def status(self, field, pid=None):
        text = pathlib.Path(f"/proc/{pid or self.pid}/status").read_text()
        return re.search(rf"^{field}:\s+(.*)$", text, re.M)[1]

    def children(self):
        return [int(p) for p in
                pathlib.Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]

    def resident(self):
        """Bytes."""
        return int(self.status("VmRSS").split()[0]) * 1024

    def cpu(self):
        """Seconds of this process, all threads."""
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def options(self, key=None):
        return ["-F", "none", "-i", key or self.setup.key, "-o", "IdentitiesOnly=yes",
                "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no",
                "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]

    def ssh(self, command, status=0):
        """What a command printed, both streams."""
        done = run(["ssh", *self.options(), "-p", self.port, f"user@{HOST}", command], PATIENCE,
                   status=status, env=self.setup.environment())
        return (done.stdout + done.stderr).decode(errors="replace")

    def sftp(self, lines, status=0):
        done = run(["sftp", *self.options(), "-P", self.port, "-b", "-", f"user@{HOST}"], PATIENCE,
                   "".join(f"{line}\n" for line in lines).encode(), status,
                   env=self.setup.environment())
        return (done.stdout + done.stderr).decode(errors="replace")

    def serves(self):
        """A client that behaves is served."""
        check("good" in self.sftp(["ls good"]), "a client that behaves is not served")


def until(condition, reason, seconds=PATIENCE):
    deadline = time.monotonic() + seconds
    while not condition():
        check(time.monotonic() < deadline, reason)
        time.sleep(0.02)


@contextlib.contextmanager
def setup():
    """Keys, policy files and a served directory with one file, gone after the block."""
    folder = tempfile.mkdtemp(prefix="hostile-")
    try:
        made = Setup(folder, "nobody" if ROOT else os.environ.get("USER", "nobody"), 0)
        good = made.served / "good"
        good.write_text("good")
        made.own(good)
        yield made
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main(kinds, client=False):
    """Runs each function of `kinds` with the server that the command line names, or the client that
    it names behind it."""
    program = os.path.abspath(sys.argv[2 if client else 1])
    failed = 0
    for kind in kinds:
        name = kind.__doc__.splitlines()[0]
        try:
            with setup() as made:
                kind(program, made)
            print(f"ok   {name}")
        except (Failure, OSError, subprocess.SubprocessError, AssertionError) as reason:
            failed += 1
            print(f"FAIL {name}: {reason}")
    sys.exit(1 if failed else 0)
