#!/usr/bin/python3
"""Every algorithm that we know, alone, with every stock program that has it, both ways.

    matrix.py --sluiced build/release/sluiced --sluice build/dev/sluice \\
              --known build/dev/tests/known_algorithms

The peers are those of this machine, or with --root those of a folder to be entered by chroot
(tests/debian13). Each connection is restricted to the one name, at one end at least, and carries
bytes that are compared. What a peer has is asked of the peer. A name that it has and we do not must
be among those that are left out with a reason; so must one of ours that it has and that cannot be
run.

Prints a table in Markdown; the last line is `N passed, N failed`. --write puts the table into its
place in docs/interop.md, --check fails where that one differs.
"""

import argparse
import concurrent.futures
import functools
import os
import pathlib
import pwd
import re
import shutil
import signal
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

import peers  # noqa: E402
from matrix_peers import (KINDS, Asyncssh, Dropbear, Libssh, OpenSsh, OurClient,  # noqa: E402
                          Place, Putty, World)

TITLES = {"kex": "key exchange", "host_key": "host key", "user_key": "user key",
          "cipher": "cipher", "mac": "MAC", "compression": "compression"}

# Names of peers that we do not have, and why.
LEFT_OUT = (
    (r"^(ext-info-|kex-strict-|kexguess)", "a mark"),
    (r"^gss-", "Kerberos"),
    (r"group1-sha1|group14-sha1|group-exchange-sha1|group1-", "SHA-1 over the transcript"),
    (r"@ssh\.com$", "another name of one vendor, with other bytes"),
    (r"^rsa(1024|2048)-", "RFC 4432: the server sees the secret alone"),
    (r"1\.3\.132\.0\.10|secp256k1", "a curve that nobody else uses"),
    (r"^sntrup4591761", "withdrawn"),
    (r"ssh-dss|^ssh-dsa", "1024 bits and SHA-1"),
    (r"^x509v3-", "RFC 6187: X.509"),
    (r"^(3des|des|blowfish|cast128|arcfour|seed|twofish|idea|serpent)", "old, or nobody's default"),
    (r"-(sdctr|lysator)|rijndael", "another name of AES-CBC"),
    (r"md5|ripemd", "MD5, RIPEMD"),
    (r"-96", "a MAC cut short: who has it has the whole"),
    (r"hmac-sha2-256-96|hmac-sha2-512-96", "a MAC cut short"),
    (r"^zlib$", "before the login: memory for strangers"),
    (r"^none$", "no protection"),
    (r"mldsa", "in no release of OpenSSH yet"),
)

# Names of ours that a peer has and that no connection can be made with, and why: kind and name of
# the algorithm, the peer with its version and which end it is.
UNDER_THE_OLD = "has it as ssh-rsa-cert-v01@openssh.com"
CANNOT = (
    (r"^(user|host)_key (sk|webauthn)-", r"", "needs a security key"),
    (r"^user_key rsa-sha2-.*-cert-", r"^asyncssh 2\.10\..* client|^libssh .* client", UNDER_THE_OLD),
    (r"^host_key rsa-sha2-.*-cert-", r"^asyncssh 2\.10\..* server", UNDER_THE_OLD),
)


# --- the matrix -----------------------------------------------------------------------------------

RUN, ABSENT = "yes", "–"


def why_not(kind, name, peer, direction):
    for algorithm, end, reason in CANNOT:
        if re.search(algorithm, f"{kind} {name}") and \
                re.search(end, f"{peer.title} {peer.version} {direction}"):
            return reason
    return None


class Matrix:
    def __init__(self, world, peer_list, only):
        self.world, self.peers, self.only = world, peer_list, only
        self.cells = {}    # (kind, name, title, direction): text
        self.notes = {}    # why names of theirs are left out: the names
        self.passed = self.failed = 0
        self.lock = threading.Lock()

    def tell(self, good, line):
        with self.lock:
            if good:
                self.passed += 1
            else:
                self.failed += 1
            print(("ok   " if good else "FAIL ") + line, flush=True)

    def case(self, kind, name, title, direction, work):
        label = f"{kind} {name}: {title} {'to us' if direction == 'client' else 'from us'}"
        key = (kind, name, title, direction)
        if not re.search(self.only, label):
            return
        begin = time.monotonic()
        try:
            if work() is False:
                self.cells[key] = ABSENT
                return
            self.cells[key] = RUN
            self.tell(True, f"{label} ({time.monotonic() - begin:.1f} s)")
        except Exception as error:  # one case may not stop the others
            self.cells[key] = "**no**"
            self.tell(False, f"{label}: {type(error).__name__}: {str(error)[:300]}")

    def left_out(self, peer, kind, names):
        ours = {name for rows in self.world.known.values() for name, _ in rows}
        for name in names:
            if name in ours:
                continue
            reasons = [reason for pattern, reason in LEFT_OUT if re.search(pattern, name)]
            if reasons:
                self.notes.setdefault(reasons[0], set()).add(name)
            else:
                self.tell(False, f"{kind} {name}: {peer.title} has it, we do not, and no reason is "
                          "given")

    def plan(self):
        """Cases by the server of ours that they need, and those at the peers' servers."""
        us = OurClient(self.world)
        knows = {}
        for peer in self.peers:
            knows[peer, "client"] = peer.client_knows()
            if peer.server:
                server = peer.serve()
                self.world.servers.append(server)
                knows[peer, "server"] = peer.server_knows()
                peer.running = server
        for (peer, _), names in knows.items():
            for kind in KINDS:
                if names is not None:
                    self.left_out(peer, kind, names[kind])
        self.at_ours, self.at_theirs = [], []
        for kind in KINDS:
            for name, _ in self.world.known[kind]:
                clients = []
                for (peer, direction), names in knows.items():
                    cell = (kind, name, peer.title, direction)
                    if names is not None and name not in names[kind]:
                        self.cells[cell] = ABSENT
                        continue
                    key = self.world.key_for(kind, name)
                    reason = why_not(kind, name, peer, direction)
                    if reason is None and direction == "server":
                        reason = us.cannot(kind, name)
                    if reason is None and key is None:
                        reason = "no key of that type can be made here"
                    if reason is not None:
                        self.cells[cell] = reason
                        continue
                    if direction == "client":
                        clients.append((peer, key))
                    else:
                        self.at_theirs.append((cell, functools.partial(
                            self.at_their_server, us, peer, kind, name, key)))
                if clients:
                    self.at_ours.append((kind, name, clients))

    @staticmethod
    def at_their_server(us, peer, kind, name, key):
        with peer.turn(kind):
            us.connect(peer.server_for(kind, name), kind, name, key)

    def at_our_server(self, kind, name, clients):
        try:
            server = self.world.sluiced(kind, name)
        except peers.Failure as error:
            self.tell(False, f"{kind} {name}: our server: {error}")
            return
        try:
            for peer, key in clients:
                self.case(kind, name, peer.title, "client",
                          lambda: peer.connect(server, kind, name, key))
        finally:
            server.stop()

    def run(self):
        self.plan()
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            work = [pool.submit(self.at_our_server, *entry) for entry in self.at_ours]
            work += [pool.submit(self.case, *cell, function) for cell, function in self.at_theirs]
            for future in work:
                future.result()

    def table(self):
        columns = [(peer, direction) for peer in self.peers
                   for direction in (("client", "server") if peer.server else ("client",))]
        head = [f"{p.title} {p.version} {'→' if d == 'client' else '←'}" for p, d in columns]
        lines = ["| | " + " | ".join(head) + " |", "|---" * (len(head) + 1) + "|"]
        for kind in KINDS:
            lines.append(f"| **{TITLES[kind]}** |" + " |" * len(head))
            for name, offer in self.world.known[kind]:
                shown = f"*{name}*" if offer == "weak" else name
                cells = [self.cells.get((kind, name, p.title, d), "not run") for p, d in columns]
                lines.append(f"| {shown} | " + " | ".join(cells) + " |")
        return "\n".join(lines) + "\n"


# --- the page -------------------------------------------------------------------------------------

def page_parts(path, system):
    """The page, before and behind the table of one system."""
    text = pathlib.Path(path).read_text()
    begin = text.index(f"## {system}\n\n") + len(f"## {system}\n\n")
    end = text.find("\n## ", begin)
    end = len(text) if end < 0 else end
    return text[:begin], text[begin:end], text[end:]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sluiced", required=True)
    parser.add_argument("--sluice", required=True)
    parser.add_argument("--known", required=True, help="tests/known_algorithms of the build")
    parser.add_argument("--root", help="folder whose programs are the peers")
    parser.add_argument("--system", default="Debian 12", help="heading in docs/interop.md")
    parser.add_argument("--only", default="", metavar="REGEX", help="cases whose name fits")
    parser.add_argument("--write", metavar="FILE", help="put the table into that page")
    parser.add_argument("--check", metavar="FILE", help="fail where that page has another table")
    return parser.parse_args()


def main():
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what we started ends too
    for name in ("sluiced", "sluice", "known"):
        setattr(options, name, os.path.abspath(getattr(options, name)))
    if options.root and os.geteuid() != 0:
        sys.exit("matrix.py: --root needs root: its programs run by chroot")
    # Below the root, whose names are the same from inside.
    folder = tempfile.mkdtemp(prefix="matrix-", dir=options.root + "/tmp" if options.root else None)
    world = None
    begin = time.monotonic()
    try:
        user = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        setup = peers.Setup(folder, user, 1 << 20)
        world = World(options, setup, Place(options.root))
        everybody = [kind(world) for kind in (OpenSsh, Asyncssh, Dropbear, Putty, Libssh)]
        matrix = Matrix(world, everybody, options.only)
        matrix.run()
    finally:
        if world:
            world.stop()
        shutil.rmtree(folder, ignore_errors=True)
    table = matrix.table()
    print(f"\n{table}\n→ their client at our server, ← ours at theirs. "
          f"({time.monotonic() - begin:.0f} s)\n")
    for reason, names in sorted(matrix.notes.items()):
        print(f"left out: {reason}: {', '.join(sorted(names))}")
    if options.write:
        before, _, behind = page_parts(options.write, options.system)
        pathlib.Path(options.write).write_text(before + table + behind)
    if options.check and not options.only:
        same = page_parts(options.check, options.system)[1] == table
        matrix.tell(same, f"{options.check} has this table")
    print(f"{matrix.passed} passed, {matrix.failed} failed")
    return 0 if matrix.failed == 0 and matrix.passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
