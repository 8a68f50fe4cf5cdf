#!/usr/bin/python3
"""Both programs, started by somebody careless: `starts.py build/dev/sluiced build/dev/sluice`.

Signals ignored and blocked, standard descriptors closed, core files wanted."""

import os
import pathlib
import resource
import signal
import socket
import subprocess
import sys

from support import HOST, PATIENCE, Sluiced, check, main, until

CLOSED = ((0,), (1,), (2,), (0, 1, 2))
CLIENT = os.path.abspath(sys.argv[2])


def starter(setup, program, closed=(), signals=False, cores=False):
    """A program that starts `program` so, with its arguments."""
    script = setup.folder / setup.fresh("starter")[0]
    lines = ["#!/usr/bin/python3", "import os, resource, signal, sys"]
    if signals:
        lines += ["signal.signal(signal.SIGCHLD, signal.SIG_IGN)",
                  "signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())"]
    if cores:
        lines += ["most = resource.getrlimit(resource.RLIMIT_CORE)[1]",
                  "resource.setrlimit(resource.RLIMIT_CORE, (most, most))"]
    lines += [f"os.close({fd})" for fd in closed]
    lines += [f"os.execv({str(program)!r}, [{str(program)!r}, *sys.argv[1:]])", ""]
    script.write_text("\n".join(lines))
    script.chmod(0o755)
    return script


def client_options(server, more=()):
    options = ["-F", "none", "-i", server.setup.key, "-p", server.port,
               "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no",
               "-o", "UserKnownHostsFile=/dev/null", *more]
    return [str(o) for o in options]


def sluice(program, server, command, status, out, more=(), closed=()):
    """Runs a command with input that never ends, unless that is closed."""
    reads, writes = os.pipe()
    child = subprocess.Popen([str(program), "run", *client_options(server, more), f"user@{HOST}",
                              command], stdin=reads, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, env=server.setup.environment(),
                             start_new_session=True)
    try:
        said, errors = child.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
        check(False, f"sluice does not end, closed: {closed}")
    finally:
        os.close(reads)
        os.close(writes)
    check(child.returncode == status,
          f"sluice exited with {child.returncode}, not {status}, closed: {closed}: {errors}")
    check(1 in closed or said == out, f"sluice printed {said}, closed: {closed}")


def signals_of_the_server(program, setup):
    """SIGCHLD ignored and every signal blocked: the server knows its commands' ends, and ends"""
    with Sluiced(starter(setup, program, signals=True), setup, ["--exec"]) as server:
        for command, status in (("exit 7", 7), ("cat; exit 0", 0), ("kill -9 $$", 255)):
            sluice(CLIENT, server, "echo in; " + command, status, b"in\n", ["-n"])


def signals_of_the_client(program, setup):
    """SIGCHLD ignored and every signal blocked: commands, Match exec and ProxyCommand of the client"""
    careless = starter(setup, CLIENT, signals=True)
    with Sluiced(program, setup, ["--exec"]) as server:
        sluice(careless, server, "echo in; exit 7", 7, b"in\n")
        relay = setup.folder / "relay"
        relay.write_text("#!/usr/bin/python3\nimport os, select, socket, sys\n"
                         "s = socket.create_connection((sys.argv[1], int(sys.argv[2])))\n"
                         "ends = {s.fileno(): 1, 0: s.fileno()}\n"
                         "while ends:\n"
                         "    for fd in select.select(list(ends), [], [])[0]:\n"
                         "        data = os.read(fd, 65536)\n"
                         "        if not data:\n"
                         "            sys.exit(0)\n"
                         "        os.write(ends[fd], data)\n")
        relay.chmod(0o755)
        sluice(careless, server, "echo in; exit 6", 6, b"in\n",
               ["-o", f"ProxyCommand={relay} {HOST} {server.port}"])
        config = setup.folder / "config"
        config.write_text('Match exec "exit 0"\n  User grace\nMatch exec "exit 1"\n  Port 1\n'
                          'Match exec "kill -9 $$"\n  Port 2\nHost *\n  Port 3\n')
        done = subprocess.run([careless, "config", "-F", config, "host.example"], timeout=PATIENCE,
                              capture_output=True, text=True, env=setup.environment())
        check(done.returncode == 0 and "user grace\n" in done.stdout and "port 3\n" in done.stdout,
              f"Match exec: {done.returncode}: {done.stderr}")
        child = subprocess.Popen([careless, "run", *client_options(server), f"user@{HOST}",
                                  "echo in; sleep 1000"], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, env=setup.environment())
        check(child.stdout.readline() == b"in\n", "the command does not run")
        child.terminate()
        check(child.wait(PATIENCE) == -signal.SIGTERM, "SIGTERM does not end the client")
        child.stdout.close()


def closed_in_the_server(program, setup):
    """standard descriptors closed: the server opens them, and serves"""
    for closed in CLOSED:
        with socket.create_server((HOST, 0)) as probe:
            port = probe.getsockname()[1]
        with Sluiced(starter(setup, program, closed), setup,
                     ["--exec", "--listen", f"{HOST}:{port}"], ["LogLevel DEBUG"],
                     stdout=subprocess.DEVNULL) as server:
            server.port = port

            def listens():
                check(server.process.poll() is None, f"the server has ended: {server.words()}")
                with socket.socket() as s:
                    return s.connect_ex((HOST, port)) == 0
            until(listens, "the server does not listen")
            for fd in closed:
                target = os.readlink(f"/proc/{server.pid}/fd/{fd}")
                check(target == "/dev/null", f"descriptor {fd} of the server is {target}")
            sluice(CLIENT, server, "echo in; exit 7", 7, b"in\n")
            server.serves()


def closed_in_the_client(program, setup):
    """standard descriptors closed: the client's commands end, with their status"""
    with Sluiced(program, setup, ["--exec"]) as server:
        for closed in CLOSED:
            careless = starter(setup, CLIENT, closed)
            # What is closed is at its end: the command that reads it gets none.
            command = "cat; exit 7" if 0 in closed else "exit 7"
            sluice(careless, server, f"echo in; echo err >&2; {command}", 7, b"in\n", (), closed)


def closed_in_the_agent(program, setup):
    """standard descriptors closed: the agent serves, and its command ends"""
    del program
    for closed in CLOSED:
        careless = starter(setup, CLIENT, closed)
        listed = setup.folder / "listed"
        listed.unlink(missing_ok=True)
        command = f"ssh-add -q {setup.key} && ssh-add -l >{listed}; exit 7"
        done = subprocess.run([careless, "agent", "sh", "-c", command], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              timeout=PATIENCE, env=setup.environment())
        check(done.returncode == 7, f"sluice agent exited with {done.returncode}, closed: {closed}")
        check(listed.read_text().count("\n") == 1, f"the agent has no key, closed: {closed}")


def no_core_file(program, setup):
    """core files wanted: the client has none, nor its agent, and what they start may have them"""
    del program
    most = resource.getrlimit(resource.RLIMIT_CORE)[1]
    path = setup.folder / "agent.socket"
    agent = subprocess.Popen([starter(setup, CLIENT, cores=True), "agent", "-D", "-a", path],
                             stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             cwd=setup.folder, env=setup.environment())
    until(path.exists, "the agent does not listen")
    limits = pathlib.Path(f"/proc/{agent.pid}/limits").read_text().splitlines()
    core = next(line for line in limits if line.startswith("Max core file size")).split()
    check(core[4] == "0", f"core files may be: {core}")
    agent.send_signal(signal.SIGSEGV)
    _, status = os.waitpid(agent.pid, 0)
    agent.returncode = status
    check(os.WIFSIGNALED(status) and not os.WCOREDUMP(status), f"a core file of {status}")
    done = subprocess.run([starter(setup, CLIENT, cores=True), "agent", "sh", "-c", "ulimit -Hc"],
                          capture_output=True, text=True, timeout=PATIENCE,
                          env=setup.environment())
    want = "unlimited" if most == resource.RLIM_INFINITY else None
    check(want is None or done.stdout.strip() == want, f"the agent's command has {done.stdout}")


if __name__ == "__main__":
    main([signals_of_the_server, signals_of_the_client, closed_in_the_server, closed_in_the_client,
          closed_in_the_agent, no_core_file])
