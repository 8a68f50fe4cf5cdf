#!/usr/bin/python3
"""The release build of sluiced carries the protections that it is compiled for."""

import json
import platform
import re

from support import BUILD, build_release, check, run

build_release("sluiced")
program = BUILD / "sluiced"
header = run(["readelf", "-h", program])
segments = run(["readelf", "-lW", program])
dynamic = run(["readelf", "-dW", program])
symbols = run(["readelf", "--dyn-syms", "-W", program])

check(re.search(r"Type:\s+DYN", header), "position-independent executable")
check(re.search(r"FLAGS_1\).*\bPIE\b", dynamic), "marked as PIE")
check("GNU_RELRO" in segments, "relocations read-only after start (RELRO)")
check(re.search(r"\bBIND_NOW\b|FLAGS_1\).*\bNOW\b", dynamic), "all symbols bound at start")
check(re.search(r"GNU_STACK\s.*\sRW\s", segments), "stack not executable")
check("__stack_chk_fail" in symbols, "stack protector")
check(re.search(r"__\w+_chk@", symbols), "FORTIFY_SOURCE")
commands = json.loads((BUILD / "compile_commands.json").read_text())
for option in ("-fstack-clash-protection", "-ftrivial-auto-var-init=zero", "-D_FORTIFY_SOURCE=3"):
    check(all(option in c["command"] for c in commands), f"{option} in every compilation")
crypto = [c for c in commands if "/crypto/" in c["file"]]
check(crypto and all("-fzero-call-used-regs=used-gpr" in c["command"] for c in crypto),
      "registers that were used are zeroed in crypto/")
if platform.machine() == "x86_64":
    landings = run(["sh", "-c", f"objdump -d --no-show-raw-insn {program} | grep -c endbr64"])
    check(int(landings) > 1000, "indirect branches land where they may (CET)")
print("hardened")
