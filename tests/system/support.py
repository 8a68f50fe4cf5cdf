"""What the tests of the release build share: the build, keys, a server process, a client."""

import contextlib
import pathlib
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "release"


def run(argv, **options):
    """Runs a program to its end; its output, unless it fails."""
    argv = [str(a) for a in argv]
    done = subprocess.run(argv, stdin=options.pop("stdin", subprocess.DEVNULL), text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=1200, **options)
    if done.returncode != 0:
        sys.exit(f"{' '.join(argv)}: exit status {done.returncode}\n{done.stdout}")
    return done.stdout


def check(condition, text):
    if not condition:
        sys.exit(f"failed: {text}")


def build_release(*targets):
    run(["cmake", "--preset", "release"], cwd=ROOT)
    arguments = ["--target", *targets] if targets else []
    run(["cmake", "--build", BUILD, *arguments])


@contextlib.contextmanager
def folder():
    with tempfile.TemporaryDirectory(prefix="sluice-") as name:
        yield pathlib.Path(name)


def make_key(path):
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path])


@contextlib.contextmanager
def started(argv, until):
    """A server that runs for the block: the lines it printed up to one that `until` fits.
    It is ended by its id, and must end well."""
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=errors, text=True)
        lines = []
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            if re.search(until, line):
                break
        else:
            errors.seek(0)
            sys.exit(f"it ended with {process.wait()}: {lines}\n{errors.read()}")
        try:
            yield process, lines
        except BaseException:
            process.kill()
            process.wait()
            raise
        process.terminate()
        process.wait(timeout=30)


def port_of(lines):
    return re.search(r"listening on \S+:(\d+)", "\n".join(lines))[1]


def client_options(key):
    return ["-F", "none", "-i", key, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes",
            "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
            "-o", "LogLevel=ERROR"]
