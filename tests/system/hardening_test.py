#!/usr/bin/python3
"""The release build of sluiced carries the protections that it is compiled for."""

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
commands = (BUILD / "compile_commands.json").read_text()
check(commands.count("-fstack-clash-protection") == commands.count('"command"'),
      "stack clash protection in every compilation")
print("hardened")
