#!/usr/bin/python3
"""The systemd unit is as closed as docs/security.md says, in systemd's own judgement."""

import re

from support import ROOT, check, run

UNIT = ROOT / "packaging" / "systemd" / "sluiced.service"
said = run(["systemd-analyze", "security", "--offline=true", "--no-pager", UNIT])
exposure = re.search(r"Overall exposure level for sluiced\.service: ([\d.]+)", said)
check(exposure, f"no exposure level: {said[-500:]}")
check(float(exposure[1]) <= 1.5, f"exposure level {exposure[1]}:\n{said}")
print(f"exposure level {exposure[1]}")
