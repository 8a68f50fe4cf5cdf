#!/usr/bin/python3
"""Whoever reads the memory of a server finds no host key in it: `memory.py build/dev/sluiced`. Only
root may read it at all, so as another user this looks at nothing but that."""

import base64
import pathlib
import re

from cryptography.hazmat.primitives import serialization
from support import ROOT, Sluiced, check, main, run

REGION = 1 << 30  # bytes; more is address space and no memory


def number(n):
    """As OpenSSL has it: words, the least first."""
    return n.to_bytes((n.bit_length() + 7) // 8, "little")


def secrets_of(path):
    """What of a key file may be nowhere: lines of its text, and the key as it is used."""
    text = path.read_bytes()
    lines = [line for line in text.splitlines() if b"-----" not in line and len(line) > 40]
    key = serialization.load_ssh_private_key(text, None)
    found = {"text": lines[len(lines) // 2]}
    if "ed25519" in path.name:
        found["seed"] = key.private_bytes(
            serialization.Encoding.Raw, serialization.PrivateFormat.Raw,
            serialization.NoEncryption())
    else:
        values = key.private_numbers()
        if hasattr(values, "p"):
            found.update(p=number(values.p), d=number(values.d),
                         p_as_written=number(values.p)[::-1])
        else:
            found["scalar"] = number(values.private_value)
    return found


def memory(pid):
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as bytes_of:
        for line in maps:
            begin, end, rights = re.match(r"(\w+)-(\w+) (\S+)", line).groups()
            begin, end = int(begin, 16), int(end, 16)
            if not rights.startswith("rw") or end - begin > REGION:
                continue
            bytes_of.seek(begin)
            try:
                yield bytes_of.read(end - begin)
            except OSError:
                pass


def host_keys(program, setup):
    """no host key and no text of its file is in memory, after signatures either"""
    algorithms = ("ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512")
    keys = [k for k in setup.host_keys if k.name in ("host_ed25519", "host_ecdsa256", "host_rsa3072")]
    more = [a for key in keys[1:] for a in ("--host-key", key)]
    with Sluiced(program, setup, more) as server:
        for algorithm in algorithms:
            run(["sftp", *server.options(), "-o", f"HostKeyAlgorithms={algorithm}", "-P",
                 server.port, "-b", "-", "user@127.0.0.1"], 60, b"ls good\n",
                env=setup.environment())
        if not ROOT:
            try:
                next(memory(server.pid))
                check(False, "its memory can be read")
            except PermissionError:
                return
        held = list(memory(server.pid))
        check(sum(map(len, held)) > 1 << 20, "its memory cannot be read")
        public = pathlib.Path(f"{keys[0]}.pub").read_text().split()[1]
        blob = base64.b64decode(public)
        check(any(blob in region for region in held), "not even a public key is found")
        for key in keys:
            for name, secret in secrets_of(key).items():
                check(not any(secret in region for region in held),
                      f"{key.name}: its {name} is in memory")
        server.serves()


if __name__ == "__main__":
    main([host_keys])
