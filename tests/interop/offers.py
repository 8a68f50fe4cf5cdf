#!/usr/bin/python3
"""Whether every algorithm of a stock OpenSSH is one of ours, or docs/protocol.md names it:
`offers.py build/dev/tests/known_algorithms [ROOT]`; with ROOT the OpenSSH of a folder, by chroot.

Asks `ssh -Q` for all that it can do and `sshd -T` for what it offers. A line a name that is
neither, and the sum.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

QUERIES = ("kex", "HostKeyAlgorithms", "key-sig", "cipher", "mac")
OFFERS = ("kexalgorithms", "hostkeyalgorithms", "pubkeyacceptedalgorithms", "ciphers", "macs",
          "casignaturealgorithms")
CERTIFICATE = "-cert-v01@openssh.com"


def asked(argv):
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split("\n")


def openssh_names(prefix, folder):
    names = {name for query in QUERIES for name in asked([*prefix, "ssh", "-Q", query]) if name}
    key = os.path.join(folder, "key")
    asked([*prefix, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key])
    settings = asked([*prefix, "/usr/sbin/sshd", "-T", "-f", "/dev/null", "-h", key])
    offered = 0
    for line in settings:
        keyword, _, value = line.partition(" ")
        if keyword in OFFERS:
            names |= set(value.split(","))
            offered += 1
    if offered != len(OFFERS):
        sys.exit(f"offers.py: sshd -T tells {offered} lists of {len(OFFERS)}")
    return names


def main():
    root = sys.argv[2] if len(sys.argv) > 2 else ""
    prefix = ["chroot", root] if root else []
    ours = {line.split()[1] for line in asked([sys.argv[1]]) if line}
    page = pathlib.Path(__file__).parents[2] / "docs" / "protocol.md"
    named = set(re.findall(r"[A-Za-z0-9@.-]+", page.read_text()))
    if os.geteuid() == 0:
        os.makedirs(root + "/run/sshd", mode=0o755, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root + "/tmp" if root else None) as folder:
        names = openssh_names(prefix, folder)
    version = subprocess.run([*prefix, "ssh", "-V"], capture_output=True, text=True, check=True)
    print(version.stderr.strip())
    missing = []
    for name in sorted(names):
        plain = name.removesuffix(CERTIFICATE)
        if name in ours or name in named or (
                name != plain and CERTIFICATE in named and {plain, plain + "@openssh.com"} & ours):
            continue
        missing.append(name)
        print(f"neither known nor named in docs/protocol.md: {name}")
    print(f"{len(names) - len(missing)} passed, {len(missing)} failed")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
