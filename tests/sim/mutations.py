#!/usr/bin/python3
"""Puts a deliberate bug into channel/, one a patch of tests/sim/mutations, and expects the swarm to
find it: `mutations.py BUILD_FOLDER [PATCH...]`, where sim_swarm is built.

The tree is not touched: the patched file is compiled beside it, with the build's own commands, and
linked in front of the library. A patch that does not apply any more is a failure.
"""

import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PATCHES = ROOT / "tests/sim/mutations"
SEEDS = 2000


class Broken(Exception):
    pass


def run(command, **more):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", **more)
    return done.returncode, done.stdout


def must(what, command, **more):
    status, output = run(command, **more)
    if status != 0:
        raise Broken(f"{what}:\n{output[-2000:]}")
    return output


def compile_command(build, source, patched, output):
    for entry in json.loads((build / "compile_commands.json").read_text()):
        if pathlib.Path(entry["file"]) == source:
            words = shlex.split(entry["command"])
            words[words.index("-o") + 1] = str(output)
            words[words.index(entry["file"])] = str(patched)
            return words, entry["directory"]
    raise Broken(f"{source} is not built in {build}")


def link_command(build, objects, output):
    lines = must("ninja", ["ninja", "-C", str(build), "-t", "commands", "sim_swarm"])
    line = [l for l in lines.splitlines() if "-o tests/sim_swarm" in l][-1]
    first = re.search(r"\S+\.o\b", line).start()
    line = line[:first] + " ".join(map(shlex.quote, objects)) + " " + line[first:]
    return line.replace("-o tests/sim_swarm", f"-o {shlex.quote(str(output))}")


def check(build, patch):
    with tempfile.TemporaryDirectory() as name:
        copy = pathlib.Path(name)
        text = patch.read_text()
        files = re.findall(r"^\+\+\+ b/(\S+)", text, re.MULTILINE)
        if not files:
            raise Broken("it changes nothing")
        for file in files:
            (copy / file).parent.mkdir(parents=True, exist_ok=True)
            (copy / file).write_text((ROOT / file).read_text())
        must("does not apply any more",
             ["patch", "-p1", "--batch", "--forward", "-d", name, "-i", str(patch)])
        objects = []
        for file in files:
            objects.append(str(copy / f"{len(objects)}.o"))
            words, folder = compile_command(build, ROOT / file, copy / file, objects[-1])
            must("does not compile", words, cwd=folder)
        swarm = copy / "sim_swarm"
        must("does not link", ["sh", "-c", link_command(build, objects, swarm)], cwd=build)
        try:
            status, output = run([str(swarm), "--seeds", str(SEEDS)], timeout=300)
        except subprocess.TimeoutExpired:
            raise Broken("the swarm does not end") from None
        found = re.search(r"^seed \d+: .*", output, re.MULTILINE)
        if status != 1 or not found:
            raise Broken(f"not found in {SEEDS} seeds (exit {status}):\n{output[-500:]}")
        return found[0]


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    build = pathlib.Path(sys.argv[1]).resolve()
    patches = [pathlib.Path(p).resolve() for p in sys.argv[2:]] or sorted(PATCHES.glob("*.patch"))
    if not patches:
        sys.exit("no patches")
    missed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for patch, outcome in [(p, pool.submit(check, build, p)) for p in patches]:
            try:
                print(f"{patch.stem}: {outcome.result()}", flush=True)
            except Broken as why:
                missed += 1
                print(f"{patch.stem}: NOT FOUND: {why}", flush=True)
    print(f"{len(patches) - missed} of {len(patches)} found")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
