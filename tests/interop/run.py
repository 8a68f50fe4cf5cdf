#!/usr/bin/python3
"""Runs stock clients against a server: `run.py build/release/sluiced`.

Everything is on 127.0.0.1 and in one temporary folder. A line a case, `ok` or `FAIL` with the
reason; the last line is `N passed, N failed`. A client that is not installed is a failure. The
exit status is 0 when nothing failed.
"""

import argparse
import os
import pathlib
import pwd
import shutil
import signal
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

import case_runner  # noqa: E402
import cases  # noqa: E402
import peers  # noqa: E402


CASE_SECONDS = 150


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", nargs="?", help="the server; default: sshd from PATH")
    parser.add_argument("--server", choices=("sluiced", "sshd"), default="sluiced",
                        help="what the program is; sshd proves this harness itself")
    parser.add_argument("--only", default="", metavar="REGEX", help="cases whose name fits")
    parser.add_argument("--list", action="store_true", help="names of the cases, without a run")
    parser.add_argument("--large-mib", type=int, default=256, help="the one large file a peer")
    parser.add_argument("--rekey-mib", type=int, default=8, help="file of the rekey cases")
    parser.add_argument("--connections", type=int, default=10_000, help="of the bad-input case")
    parser.add_argument("--clients", help="folder with libssh_client and libssh2_client")
    parser.add_argument("--run-as", help="user that sluiced runs as when this runs as root")
    parser.add_argument("--keep", action="store_true", help="keep the folder and name it")
    parser.add_argument("server_arguments", nargs="*", metavar="-- ARGUMENT",
                        help="more arguments of the server")
    return parser.parse_args()


def user_for(options):
    own = pwd.getpwuid(os.geteuid()).pw_name
    if os.geteuid() != 0 or options.server == "sshd":
        return own
    return options.run_as or "nobody"  # sluiced refuses to run commands as root


def main():
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that our server ends too
    program = options.program or shutil.which(options.server)
    if options.server == "sshd" and program is None:
        program = "/usr/sbin/sshd"
    if program is None or not os.access(program, os.X_OK):
        sys.exit(f"run.py: no server program: {program}")
    program = os.path.abspath(program)
    folder = tempfile.mkdtemp(prefix="interop-")
    servers = []

    def start(config, host_keys=None, **how):
        server = peers.Server(setup, options.server, program, config, options.server_arguments,
                              host_keys, **how)
        servers.append(server)
        return server

    try:
        setup = peers.Setup(folder, user_for(options), options.large_mib << 20)
        try:
            plan = cases.Plan(setup, options.server, start, options.clients, options.rekey_mib << 20,
                              options.connections)
        except (peers.Failure, OSError) as error:
            print(f"FAIL start of the server: {error}\n0 passed, 1 failed")
            return 1
        cases.build(plan)
        if options.list:
            print("\n".join(name for name, _ in plan.list))
            return 0
        passed, failed = case_runner.run_all(plan.list, CASE_SECONDS, options.only)
    finally:
        for server in servers:
            try:
                server.stop()
            except peers.Failure as reason:
                print(f"note: {reason}")
        if options.keep:
            print(f"kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return case_runner.tell_sum(passed, failed)


if __name__ == "__main__":
    sys.exit(main())
