#!/usr/bin/python3
"""Checks of the tree that no compiler makes: `tidy.py includes|errors|waits|paths|format|self [ROOT]`.

  includes  who may include whom (docs/architecture.md), and how an include is spelled
  errors    every errc that the library gives is named by a test
  waits     io/ and programs wait for descriptors by io/readiness.hpp only, so that tests see to it
            that each wait may complete early
  paths     no path or host that exists on one machine only
  format    clang-format would change nothing
  self      these checks find what they look for

A line a finding; the exit status is 0 when there is none.
"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

# The table of docs/architecture.md: which folders a folder may include beside its own.
LAYERS = {
    "wire": (),
    "crypto": ("wire",),
    "transport": ("wire", "crypto"),
    "auth": ("wire", "crypto"),
    "channel": ("wire",),
    "sftp": ("wire",),
    "endpoint": ("wire", "crypto", "transport", "auth", "channel"),
    "io": ("wire", "crypto", "transport", "auth", "channel", "sftp", "endpoint"),
}
ALL = (*LAYERS, "tools", "tests", "fuzz")
FOLDERS = {**LAYERS, "tools": LAYERS, "examples": LAYERS, "bench": LAYERS, "fuzz": ALL,
           "tests": ALL}

# Third-party headers that only some folders may include.
ASIO = ("io", "tools", "examples", "bench", "tests")
THIRD_PARTY = (
    (re.compile(r"openssl/"), ("crypto", "tests")),
    (re.compile(r"argon2\.h$"), ("crypto",)),
    (re.compile(r"security/"), ("io",)),
    (re.compile(r"zlib\.h$"), ("transport",)),
    (re.compile(r"crypt\.h$"), ("io", "tests")),
    (re.compile(r"boost/system/"), tuple(FOLDERS)),
    (re.compile(r"boost/asio"), ASIO),
    (re.compile(r"boost/"), ()),
    (re.compile(r"(CLI|spdlog)/"), ("tools", "tests")),
    (re.compile(r"nlohmann/"), ("tools", "tests")),
    (re.compile(r"g(test|mock)/"), ("tests",)),
)
# Of the system's headers, these open, start or wait for something: io/ and programs only.
SYSTEM = re.compile(r"(sys/(socket|epoll|stat|wait|ioctl)|unistd|fcntl|poll|spawn|signal|netinet/\w+|"
                    r"dirent|pthread)\.h$|(thread|fstream|filesystem|iostream)$")
SYSTEM_FOLDERS = ("io", "tools", "examples", "bench", "tests", "fuzz")

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
SPELLED = re.compile(r"sluice/(\w+)/[\w/]+\.hpp")


def sources(root, folders=FOLDERS):
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in (".cpp", ".hpp"):
                yield folder, path


def includes(root):
    for folder, path in sources(root):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            found = INCLUDE.match(line)
            if not found:
                continue
            where = f"{path.relative_to(root)}:{number}"
            if found[1] == '"':
                spelled = SPELLED.fullmatch(found[2])
                if not spelled:
                    yield f'{where}: spell it "sluice/<folder>/<file>.hpp": {found[2]}'
                elif spelled[1] != folder and spelled[1] not in FOLDERS[folder]:
                    yield f"{where}: {folder}/ may not include {spelled[1]}/"
                elif not (root / found[2].removeprefix("sluice/")).is_file():
                    yield f"{where}: no such file: {found[2]}"
                continue
            if found[2].startswith("sluice/"):
                yield f'{where}: ours are included in quotes: {found[2]}'
            for pattern, permitted in THIRD_PARTY:
                if pattern.match(found[2]):
                    if folder not in permitted:
                        yield f"{where}: {folder}/ may not include <{found[2]}>"
                    break
            if SYSTEM.match(found[2]) and folder not in SYSTEM_FOLDERS:
                yield f"{where}: {folder}/ does no I/O, so not <{found[2]}>"


def errors(root):
    header = (root / "wire/error.hpp").read_text()
    body = re.sub(r"//[^\n]*", "", header.split("enum class errc {")[1].split("};")[0])
    names = re.findall(r"[a-z]\w*", body)

    def uses(folders, skip):
        used = set()
        for _, path in sources(root, folders):
            if path.stem not in skip:
                used.update(re.findall(r"\berrc::(\w+)", path.read_text()))
        return used
    given = uses((*LAYERS, "tools"), ("error",))
    tested = uses(("tests",), ("error_test",))
    for name in names:
        if name in given and name not in tested:
            yield f"wire/error.hpp: no test names errc::{name}"


# What Asio's own waits for descriptors and sockets are asked for.
WAITS = re.compile(r"\bwait_(read|write|error|type)\b")


def waits(root):
    for _, path in sources(root, ("io", "tools")):
        if path.relative_to(root).as_posix() == "io/readiness.hpp":
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if WAITS.search(line):
                yield f"{path.relative_to(root)}:{number}: wait by io/readiness.hpp: {line.strip()}"


# Written so that this file does not find itself.
PLACES = re.compile(r"(?<![\w.$}\]])/(?:work|root|ho[m]e/(?!ada\b)\w+|mn[t]|Us[e]rs)/"
                    r"|\b(?:registry|index|proxy|mirror)\.[\w-]+\.\w+"
                    r"|\b(?:py[p]i\.org|crat[e]s\.io|np[m]js|dock[e]r\.io|de[b]\.debian\.org)\b")
TEXT = (".cpp", ".hpp", ".c", ".py", ".md", ".txt", ".json", ".in", ".cmake", "")


def paths(root):
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root)
        if relative.parts[0] in (".git", "build", "quickstart") or "corpus" in relative.parts:
            continue
        if not path.is_file() or path.suffix not in TEXT:
            continue
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            for found in PLACES.finditer(line):
                yield f"{relative}:{number}: exists on one machine only: {found[0]}"


def format(root):
    program = shutil.which("clang-format-14")
    if program is None:
        yield "clang-format-14 is not installed"
        return
    files = [str(path.relative_to(root)) for _, path in sources(root)]
    done = subprocess.run([program, "--dry-run", "-Werror", *files], cwd=root,
                          capture_output=True, text=True)
    named = dict.fromkeys(re.findall(r"^(\S+?:\d+):\d+: error", done.stderr, re.MULTILINE))
    yield from (f"{where}: clang-format would change this" for where in named)
    if done.returncode != 0 and not named:
        yield f"clang-format failed: {done.stderr.strip()}"


BAD_TREE = {  # file: its text, and what each check must find in it
    "wire/error.hpp": ("enum class errc {\n    truncated,  // a field\n    unused,\n};\n",
                       {"errors": "no test names errc::truncated"}),
    "channel/a.cpp": ('#include "sluice/sftp/b.hpp"\n', {"includes": "may not include sftp/"}),
    "sftp/b.hpp": ("#pragma once\n#include <boost/asio/buffer.hpp>\n",
                   {"includes": "sftp/ may not include <boost/asio"}),
    "transport/c.cpp": ("#include <openssl/evp.h>\n",
                        {"includes": "transport/ may not include <openssl"}),
    "io/d.cpp": ("#include <zlib.h>\n", {"includes": "io/ may not include <zlib.h>"}),
    "auth/e.cpp": ('#include "e.hpp"\nerrc f() { return errc::truncated; }\n',
                   {"includes": "spell it"}),
    "auth/g.cpp": ("#include <fstream>\n", {"includes": "does no I/O"}),
    "endpoint/h.cpp": ('#include "sluice/wire/gone.hpp"\n', {"includes": "no such file"}),
    "io/k.cpp": ("void f() { d.async_wait(d.wait_read, g); }\n",
                 {"waits": "wait by io/readiness.hpp"}),
    "io/readiness.hpp": ("#pragma once\nint i = wait_read;\n", {}),
    "tests/wire/error_test.cpp": ("auto e = errc::truncated;\n", {}),
    "docs/i.md": ("see /ho" + "me/somebody/notes\n", {"paths": "exists on one machine only"}),
    "wire/j.cpp": ("int   x ;\n", {"format": "clang-format would change this"}),
}


def self(root):
    with tempfile.TemporaryDirectory() as name:
        tree = pathlib.Path(name)
        (tree / ".clang-format").write_text((root / ".clang-format").read_text())
        for file, (text, _) in BAD_TREE.items():
            (tree / file).parent.mkdir(parents=True, exist_ok=True)
            (tree / file).write_text(text)
        for check in (includes, errors, waits, paths, format):
            found = list(check(tree))
            expected = [(file, want[check.__name__]) for file, (_, want) in BAD_TREE.items()
                        if check.__name__ in want]
            for file, text in expected:
                if not any(line.startswith(file) and text in line for line in found):
                    yield f"{check.__name__} does not find: {file}: {text}"
            if len(found) != len(expected):
                yield f"{check.__name__} finds what is not there: {found}"


def main():
    checks = {check.__name__: check for check in (includes, errors, waits, paths, format, self)}
    if len(sys.argv) not in (2, 3) or sys.argv[1] not in checks:
        sys.exit(__doc__)
    default = pathlib.Path(__file__).resolve().parents[2]
    root = pathlib.Path(sys.argv[2]).resolve() if len(sys.argv) == 3 else default
    findings = list(checks[sys.argv[1]](root))
    print("\n".join(findings) or "nothing found")
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
