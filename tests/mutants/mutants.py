#!/usr/bin/python3
"""Which small faults do the tests notice? `mutants.py --folder transport --count 20 --seed 1`

Puts one fault at a time into a source of one folder: a comparison turned, a condition negated, a
constant off by one, a statement dropped, two arguments swapped. Then it runs that folder's tests
and, where they do not notice, those of the folder above; it prints the score and the faults that
went unnoticed. Above tools/ are the programs: the tests of ctest's label `system` are run with the
changed program, the quickest first, but for those that fail or are skipped without any fault.

The tree is not touched: the changed source lies in a temporary folder, is compiled by the build's
own command and linked in place of the original. Only what has the source is linked, when its turn
comes. The build folder must be configured; the programs are built first. A test that runs for
longer than --limit, or takes more than 8 GiB of memory, has noticed.

Faults are put into .cpp files only. One in a header would have all who include it compiled again,
which takes minutes a fault, and headers hold little that decides.

A fault that does not compile, or that compiles to the same code, is drawn again. Faults that change
nothing anybody could notice are listed in equivalent.txt beside this file, each with its reason;
they are drawn again too, and counted apart.

To look for a survivor's siblings, `--file login_names.cpp --line 14` tries the faults of one line.

  --self   tests the making of faults instead
"""

import argparse
import concurrent.futures
import ctypes
import dataclasses
import json
import os
import pathlib
import random
import re
import resource
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
EQUIVALENT = pathlib.Path(__file__).with_name("equivalent.txt")

# Whose tests see a fault beside the folder's own: those of the folder above it.
ABOVE = {"wire": "crypto", "crypto": "transport", "transport": "endpoint", "auth": "endpoint",
         "channel": "endpoint", "sftp": "io", "endpoint": "io", "io": "tools", "tools": None}

# The programs of tools/, as files of the build folder and as targets.
PROGRAMS = {"sluiced": "sluiced", "sluice": "sluice_program", "sluice-sftp-server": "sftp_server"}


# --- making faults --------------------------------------------------------------------------------

@dataclasses.dataclass(frozen=True)
class Fault:
    kind: str
    start: int  # in the source's text
    end: int
    text: str   # that stands there instead

    def apply(self, source):
        return source[:self.start] + self.text + source[self.end:]

    def lines(self, source):
        """The lines that it changes, before and after, without indentation."""
        first = source.rfind("\n", 0, self.start) + 1
        last = source.find("\n", self.end)
        last = len(source) if last < 0 else last
        before = source[first:last]
        after = source[first:self.start] + self.text + source[self.end:last]
        return " ".join(before.split()), " ".join(after.split())


def blanked(source):
    """The text with comments, what is in quotes and preprocessor lines as spaces, in its places."""
    pattern = re.compile(r'//[^\n]*|/\*.*?\*/|R"\((?:.|\n)*?\)"|"(?:\\.|[^"\\\n])*"'
                         r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'|^[ \t]*#(?:\\\n|[^\n])*",
                         re.DOTALL | re.MULTILINE)
    def blank(m):
        spaces = re.sub(r"[^\n]", " ", m[0])
        return m[0][0] + spaces[1:-1] + m[0][-1] if m[0][0] in "\"'" else spaces
    return pattern.sub(blank, source)


def closing(text, at):
    """Where the bracket at `at` is closed, or -1."""
    depth = 0
    for i in range(at, len(text)):
        if text[i] in "([{":
            depth += 1
        elif text[i] in ")]}":
            depth -= 1
            if depth == 0:
                return i
    return -1


def split_top(text, separator):
    """The pieces between separators that no bracket encloses, as (start, end)."""
    pieces, depth, start = [], 0, 0
    for i, c in enumerate(text):
        if c in "([{":
            depth += 1
        elif c in ")]}":
            depth -= 1
        elif c == separator and depth == 0:
            pieces.append((start, i))
            start = i + 1
    pieces.append((start, len(text)))
    return pieces


TURNED = {"==": "!=", "!=": "==", "<": "<=", "<=": "<", ">": ">=", ">=": ">", "&&": "||",
          "||": "&&"}


# Of clang-format's making: a comparison has spaces around it, brackets of templates have none.
def comparisons(text):
    for m in re.finditer(r"(?<= )(==|!=|<=|>=|<|>|&&|\|\|)(?=[ \n])", text):
        if m[1] in ("&&", "||") or text[m.end():].lstrip()[:1] not in ("", ";", ","):
            yield Fault("comparison", m.start(), m.end(), TURNED[m[1]])


def conditions(text):
    for m in re.finditer(r"\bif (?:constexpr )?\(", text):
        if "constexpr" in m[0]:
            continue
        end = closing(text, m.end() - 1)
        if end < 0:
            continue
        start, stop = split_top(text[m.end():end], ";")[-1]
        start, stop = m.end() + start, m.end() + stop
        condition = text[start:stop]
        start += len(condition) - len(condition.lstrip())
        condition = condition.strip()
        # A declaration has a value that is used below.
        if not condition or re.match(r"(?:const )?[\w:<>*&]+[*& ]+\w+ = ", condition):
            continue
        if re.fullmatch(r"![\w:.()>\[\]*-]+", condition):
            yield Fault("condition", start, stop, condition[1:])
        else:
            yield Fault("condition", start, stop, f"!({condition})")


def constants(text):
    for m in re.finditer(r"(?<![\w.'])(0[xX][0-9a-fA-F']+|[0-9][0-9']*)([uUlLzZ]*)(?![\w.'])", text):
        value = int(m[1].replace("'", ""), 16 if m[1][:2] in ("0x", "0X") else
                    8 if len(m[1]) > 1 and m[1][0] == "0" else 10)
        yield Fault("constant", m.start(), m.end(), f"{value + 1}{m[2]}")
        if value > 0:
            yield Fault("constant", m.start(), m.end(), f"{value - 1}{m[2]}")


NOT_DROPPED = re.compile(r"(return|co_return|break|continue|using|typedef|namespace|case|throw|goto|"
                         r"const|constexpr|static|inline|auto|class|struct|enum|friend|explicit|"
                         r"template|virtual|else|if|for|while|do|switch|default|public|private)\b")
DECLARATION = re.compile(r"[\w:<>,*&]+(?: [\w:<>,*&]+)* [*&]?\w+ ?(?:\(|=|;|\[)")


# A call, an assignment or the like, from the end of what is before it to its semicolon.
def statements(text):
    for m in re.finditer(r"(?<=[;{}])\s+([A-Za-z_:*(][^;{}]*;)", text):
        start, statement = m.span(1)[0], m[1]
        if header := re.match(r"(?:else )?if \(", statement):  # what it guards
            end = closing(statement, header.end() - 1)
            if end < 0:
                continue
            rest = statement[end + 1:]
            start += len(statement) - len(rest.lstrip())
            statement = rest.lstrip()
        if NOT_DROPPED.match(statement) or not re.search(r"[(=]|\+\+|--", statement):
            continue
        # Names behind each other declare something.
        if DECLARATION.match(statement) and not re.match(r"\w+ [|&+*/^-]?= ", statement):
            continue
        yield Fault("statement", start, m.end(1), ";")


def arguments(text):
    for m in re.finditer(r"[\w>]\(", text):
        if re.search(r"\b(if|for|while|switch|return|catch|sizeof|defined)$", text[:m.end() - 1]):
            continue
        end = closing(text, m.end() - 1)
        if end < 0 or re.match(r"\s*(const|override|noexcept|\{|->)", text[end + 1:]):
            continue
        inside = text[m.end():end]
        pieces = split_top(inside, ",")
        if len(pieces) < 2 or len(inside) > 300:
            continue
        for (a, b), (c, d) in zip(pieces, pieces[1:]):
            first, second = inside[a:b], inside[c:d]
            if first.strip() == second.strip() or not first.strip() or not second.strip():
                continue
            yield Fault("arguments", m.end() + a, m.end() + d, (a, b, c, d, m.end()))


MAKERS = (comparisons, conditions, constants, statements, arguments)


def faults_of(source):
    """All faults that can be put into a source, in a fixed order."""
    text = blanked(source)
    found = []
    for make in MAKERS:
        for fault in make(text):
            if fault.kind == "arguments":  # by the source itself, whose literals are not blank
                a, b, c, d, base = fault.text
                first, second = source[base + a:base + b], source[base + c:base + d]
                lead = len(second) - len(second.lstrip())
                fault = dataclasses.replace(
                    fault, text=second.strip() + "," + second[:lead] + first.strip())
            elif fault.kind == "condition":
                whole = source[fault.start:fault.end].strip()
                fault = dataclasses.replace(
                    fault, text=whole[1:] if not fault.text.startswith("!(") else f"!({whole})")
            found.append(fault)
    return found


def read_equivalents(text):
    """{(file, before, after)}: paragraphs of `file`, `- before`, `+ after` and a reason."""
    known = set()
    for paragraph in re.split(r"\n\s*\n", text):
        lines = [l for l in paragraph.splitlines() if l.strip() and not l.startswith("#")]
        if not lines:
            continue
        if len(lines) < 4 or not lines[1].startswith("- ") or not lines[2].startswith("+ "):
            raise SystemExit(f"equivalent.txt: not file, before, after and reason:\n{paragraph}")
        known.add((lines[0].strip(), lines[1][2:].strip(), lines[2][2:].strip()))
    return known


# --- trying them ----------------------------------------------------------------------------------

def run(command, **more):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", **more)
    return done.returncode, done.stdout


class Build:
    def __init__(self, folder):
        self.folder = folder
        self.said = ""  # by the compiler, last
        status, entries = run(["ninja", "-C", str(folder), "-t", "compdb"])
        if status != 0:
            sys.exit(f"{folder} is not a build folder of ninja's:\n{entries}")
        self.commands = {pathlib.Path(e["directory"], e["file"]).resolve(): e
                         for e in json.loads(entries) if " -c " in e["command"]}
        self.links = {}
        # Sanitizers map more than there is.
        self.memory_max = 0 if "-fsanitize=" in entries else MEMORY_MAX

    def make(self, programs):
        """Builds {file: target}."""
        status, output = run(["cmake", "--build", str(self.folder), "--target",
                              *programs.values()])
        if status != 0:
            sys.exit(f"{' '.join(programs)} cannot be built:\n{output[-3000:]}")
        for file in programs:
            lines = run(["ninja", "-C", str(self.folder), "-t", "commands", file])[1]
            self.links[file] = [l for l in lines.splitlines() if f" -o {file} " in l][-1]

    def object_of(self, source):
        words = shlex.split(self.commands[source.resolve()]["command"])
        return words[words.index("-o") + 1]

    def compile(self, source, changed, output):
        entry = self.commands[source.resolve()]
        words = shlex.split(entry["command"])
        words[words.index("-o") + 1] = str(output)
        words[words.index(entry["file"])] = str(changed)
        status, self.said = run([*words, "-w"], cwd=entry["directory"])
        return status == 0

    def holds(self, program, original):
        return replaced(self.links[program], original, original) is not None

    def link(self, program, original, changed, output):
        line = replaced(self.links[program], original, str(changed))
        line = line.replace(f" -o {program} ", f" -o {output} ")
        status, text = run(["sh", "-c", line], cwd=self.folder)
        if status != 0:
            raise SystemExit(f"{program} does not link: {text[-2000:]}")


def replaced(line, original, changed):
    """A command that links, with another object; nothing where it does not have the original."""
    itself = re.compile(rf"(?<=\s){re.escape(original)}(?=\s)")
    if itself.search(line):
        return itself.sub(lambda _: changed, line)
    # In front of the library that has the original.
    of_library = re.match(r"CMakeFiles/sluice_(\w+)\.dir/", original)
    if of_library and of_library[1] in ABOVE and re.search(r"\blibsluice\.a\b", line):
        first = re.search(r"\S+\.o\b", line).start()
        return line[:first] + changed + " " + line[first:]
    return None


HANG = 124
MEMORY_MAX = 8 << 30  # bytes; a fault may have a loop that appends without end


def descendants(pid):
    try:
        children = "".join(p.read_text() for p in
                           pathlib.Path(f"/proc/{pid}/task").glob("*/children")).split()
    except OSError:
        return []
    return [d for child in map(int, children) for d in (child, *descendants(child))]


def supervise(limit, command, memory_max=0):
    """Runs a command and ends with its status, or HANG; nothing that it has started is left."""
    ctypes.CDLL(None).prctl(36, 1)  # PR_SET_CHILD_SUBREAPER: what it leaves behind is ours
    bound = (memory_max, memory_max) if memory_max else resource.getrlimit(resource.RLIMIT_DATA)
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                               preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, bound))
    try:
        status = process.wait(timeout=limit)
    except subprocess.TimeoutExpired:
        status = HANG
    while left := descendants(os.getpid()):
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            break
    return status if status >= 0 else 128 - status


def outcome_of(command, folder, limit, memory_max):
    """What noticed: a test's name, "crash" or "hang"; nothing if all pass."""
    # Into a file: who is left over by a test may keep a pipe open.
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        status = subprocess.run([sys.executable, __file__, "--supervise", str(limit),
                                 str(memory_max), *command], cwd=folder, stdin=subprocess.DEVNULL, stdout=output,
                                stderr=subprocess.STDOUT).returncode
        if status == 0:
            return ""
        if status == HANG:
            return "hang"
        output.seek(0)
        failed = re.search(r"^\[  FAILED  \] ([\w./]+)", output.read(), re.MULTILINE)
        return failed[1] if failed else f"status {status}"


def code_of(path):
    """What the object file holds beside debug information."""
    with tempfile.NamedTemporaryFile(suffix=".o") as bare:
        if run(["objcopy", "--strip-debug", str(path), bare.name])[0] != 0:
            return None
        return pathlib.Path(bare.name).read_bytes()


@dataclasses.dataclass
class Check:
    """A command that may notice. What of it is a file of the build folder is the changed one."""
    name: str
    command: list
    programs: list  # of the command
    folder: pathlib.Path
    limit: float = 0

    def outcome(self, build, place, limit):
        """With the programs that are in `place`, and the build's where there are none."""
        words = []
        for word in self.command:
            changed = place and place / word.removeprefix(f"{build.folder}/")
            words.append(str(changed) if word.startswith(f"{build.folder}/") and place and
                         changed.exists() else word)
        return outcome_of(words, self.folder, limit, build.memory_max)

    def measure(self, build, limit):
        """What happens without any fault."""
        began = time.monotonic()
        outcome = self.outcome(build, None, limit)
        # Many times what it takes, for a busy machine.
        self.limit = min(limit, 30 + 8 * (time.monotonic() - began))
        return outcome


def unit_check(build, folder):
    program = f"tests/{folder}_test"
    return Check(f"{folder}_test", [f"{build.folder}/{program}", "--gtest_brief=1",
                                    "--gtest_fail_fast"], [program], build.folder / "tests")


def system_checks(build):
    """ctest's tests of label `system` that are of a program of tools/ which the build has."""
    status, text = run(["ctest", "--test-dir", str(build.folder), "--show-only=json-v1"])
    if status != 0:
        sys.exit(f"ctest does not tell its tests:\n{text[-3000:]}")
    found = []
    for test in json.loads(text[text.index("{"):])["tests"]:
        labels = [p["value"] for p in test["properties"] if p["name"] == "LABELS"]
        programs = [p for p in PROGRAMS if f"{build.folder}/{p}" in test.get("command", [])]
        if programs and labels and "system" in labels[0]:
            found.append(Check(test["name"], test["command"], programs, build.folder / "tests"))
    return found


class Trial:
    """One folder's sources, tests and faults."""

    def __init__(self, build, folders, with_programs, limit, work):
        self.build, self.limit, self.work = build, limit, work
        self.checks = [unit_check(build, folder) for folder in folders]
        self.build.make({check.programs[0]: check.name for check in self.checks})
        if with_programs:
            self.build.make(PROGRAMS)
        for check in self.checks:
            if outcome := check.measure(build, limit):
                sys.exit(f"{check.name} fails without any fault: {outcome}")
        self.programs_are_next = with_programs
        self.lock = threading.Lock()
        self.originals = {}

    def add_system_checks(self):
        """When they are first needed, as it takes a while."""
        with self.lock:
            if not self.programs_are_next:
                return
            fine = []
            for check in system_checks(self.build):
                outcome = check.measure(self.build, self.limit)
                print(f"{check.name}, without any fault: {outcome or 'passes'}", flush=True)
                if not outcome:
                    fine.append(check)
            self.checks = self.checks + sorted(fine, key=lambda check: check.limit)
            self.programs_are_next = False

    def original_code(self, source):
        if source not in self.originals:
            self.originals[source] = code_of(self.build.folder / self.build.object_of(source))
        return self.originals[source]

    def compiled(self, source, text, number):
        """The object file; nothing if there is no fault in it."""
        place = self.work / str(number)
        place.mkdir()
        changed = place / source.name
        # By its own name, which expects() puts into the code.
        path = self.build.commands[source.resolve()]["file"]
        changed.write_text(f'#line 1 "{path}"\n{text}')
        if not self.build.compile(source, changed, place / "changed.o"):
            return None
        if code_of(place / "changed.o") == self.original_code(source):
            return None
        return place / "changed.o"

    def reaches(self, original):
        return self.programs_are_next or any(
            self.build.holds(program, original) for check in self.checks for program in check.programs)

    def noticed(self, changed, original):
        tried = set()
        while left := [c for c in self.checks if c.name not in tried]:
            check = left[0]
            tried.add(check.name)
            if any(self.build.holds(program, original) for program in check.programs):
                for program in check.programs:
                    output = changed.parent / program
                    if not output.exists() and self.build.holds(program, original):
                        output.parent.mkdir(exist_ok=True)
                        self.build.link(program, original, changed, output)
                if noticed := check.outcome(self.build, changed.parent, check.limit):
                    return f"{check.name}: {noticed}"
            if len(left) == 1:
                self.add_system_checks()
        return ""

    def clear(self, changed):
        for path in sorted(changed.parent.rglob("*"), reverse=True):
            if path.is_file():
                path.unlink()


def draws(sources, seed, line=None):
    """(source, text, fault) in an order that the seed says; the kinds take turns. Of one line, if
    there is one."""
    order = random.Random(seed)
    by_kind = {}
    for source in sources:
        text = source.read_text()
        for fault in faults_of(text):
            if line is not None and text.count("\n", 0, fault.start) + 1 != line:
                continue
            by_kind.setdefault(fault.kind, []).append((source, text, fault))
    for faults in by_kind.values():
        order.shuffle(faults)
    while by_kind:
        for kind in sorted(by_kind):
            if by_kind[kind]:
                yield by_kind[kind].pop()
            else:
                del by_kind[kind]


def search(options):
    build = Build(pathlib.Path(options.build).resolve())
    known = read_equivalents(EQUIVALENT.read_text())
    sources = sorted((ROOT / options.folder).glob("*.cpp"))
    sources = [s for s in sources if s.resolve() in build.commands]
    if options.file:
        sources = [s for s in sources if s.name in options.file]
        if len(sources) != len(options.file):
            sys.exit(f"not all of these are sources: {' '.join(options.file)}")
    survivors, noticed, equivalent, tried = [], 0, 0, 0
    with tempfile.TemporaryDirectory() as name, \
            concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        above = None if options.alone else ABOVE[options.folder]
        folders = [folder for folder in (options.folder, above) if folder]
        with_programs = options.folder == "tools" and not options.alone
        trial = Trial(build, folders, with_programs, options.limit, pathlib.Path(name))

        def attempt(number, source, text, fault):
            changed = trial.compiled(source, fault.apply(text), number)
            if changed is None or not trial.reaches(build.object_of(source)):
                return None
            try:
                return trial.noticed(changed, build.object_of(source))
            finally:
                trial.clear(changed)

        waiting = draws(sources, options.seed, options.line)
        running = {}
        while True:
            # As many as are still wanted, each in its turn, so that a seed means the same faults.
            while len(running) < min(options.jobs, options.count - noticed - len(survivors)):
                drawn = next(waiting, None)
                if drawn is None:
                    break
                source, text, fault = drawn
                file = source.relative_to(ROOT).as_posix()
                where = (file, *fault.lines(text))
                if where in known:
                    equivalent += 1
                    continue
                tried += 1
                line = text.count("\n", 0, fault.start) + 1
                running[pool.submit(attempt, tried, source, text, fault)] = (line, fault, *where)
            if not running:
                break
            done, _ = concurrent.futures.wait(running, return_when="FIRST_COMPLETED")
            for one in done:
                line, fault, file, before, after = running.pop(one)
                if one.result() is None:
                    continue
                if one.result():
                    noticed += 1
                    print(f"noticed  {file}:{line} {fault.kind}: {one.result()}", flush=True)
                else:
                    survivors.append((file, line, fault.kind, before, after))
                    print(f"SURVIVED {file}:{line} {fault.kind}\n- {before}\n+ {after}", flush=True)
    total = noticed + len(survivors)
    print(f"{options.folder}, seed {options.seed}: {noticed} of {total} noticed, "
          f"{equivalent} equivalent")
    return 0 if total and not survivors else 1


# --- the test of the making -----------------------------------------------------------------------

SAMPLE = """#include <a/b.hpp>
// if (x == 1) f(a, b);
int f(int a, int b) {
    if (const auto r = g(); !r) return 7;
    const char* s = "a == b; f(1, 2)";
    if (a < b && s != nullptr) {
        h(a, "x, y");
        v.push_back<int>(a);
        count_ += 1;
    }
    for (int i = 0; i < 3; ++i)
        use(i);
    return a->b == 0x10 ? 1'000 : b;
}
"""
WANTED = {
    "comparison": ["if (a <= b && s != nullptr) {", "if (a < b || s != nullptr) {",
                   "if (a < b && s == nullptr) {", "for (int i = 0; i <= 3; ++i)",
                   "return a->b != 0x10 ? 1'000 : b;"],
    "condition": ["if (const auto r = g(); r) return 7;", "if (!(a < b && s != nullptr)) {"],
    "constant": ["if (const auto r = g(); !r) return 8;", "if (const auto r = g(); !r) return 6;",
                 "count_ += 2;", "count_ += 0;", "for (int i = 1; i < 3; ++i)",
                 "for (int i = 0; i < 4; ++i)", "for (int i = 0; i < 2; ++i)",
                 "return a->b == 17 ? 1'000 : b;", "return a->b == 15 ? 1'000 : b;",
                 "return a->b == 0x10 ? 1001 : b;", "return a->b == 0x10 ? 999 : b;"],
    "statement": [";", ";", ";"],
    "arguments": ['h("x, y", a);'],
}

LINE_4 = ["if (const auto r = g(); r) return 7;", "if (const auto r = g(); !r) return 8;",
          "if (const auto r = g(); !r) return 6;"]
LINK = ": && g++ tests/CMakeFiles/io_test.dir/a.o CMakeFiles/parts.dir/b.o -o tests/io_test libsluice.a"
LINKED = [("CMakeFiles/parts.dir/b.o", LINK.replace("CMakeFiles/parts.dir/b.o", "x.o")),
          ("CMakeFiles/sluice_io.dir/c.o", LINK.replace("tests/CMake", "x.o tests/CMake")),
          ("CMakeFiles/sluice_parts.dir/d.o", None), ("CMakeFiles/sluiced.dir/e.o", None)]


def self_test():
    wrong = []
    got = {}
    for fault in faults_of(SAMPLE):
        got.setdefault(fault.kind, []).append(fault.lines(SAMPLE)[1])
    for kind in sorted(WANTED | got):
        if sorted(got.get(kind, [])) != sorted(WANTED.get(kind, [])):
            wrong.append(f"{kind}: {got.get(kind)}, not {WANTED.get(kind)}")
    for fault in faults_of(SAMPLE):
        if fault.apply(SAMPLE) == SAMPLE:
            wrong.append(f"{fault} changes nothing")
    if len(blanked(SAMPLE)) != len(SAMPLE) or "x, y" in blanked(SAMPLE):
        wrong.append("blanked() does not blank")
    known = read_equivalents("# a comment\n\na.cpp\n- x < 1\n+ x <= 1\nx is never 1\n")
    if known != {("a.cpp", "x < 1", "x <= 1")}:
        wrong.append(f"read_equivalents: {known}")
    with tempfile.TemporaryDirectory() as name:
        source = pathlib.Path(name) / "a.cpp"
        source.write_text(SAMPLE)
        twice = [[f for _, _, f in draws([source], 5)] for _ in range(2)]
        other = [f for _, _, f in draws([source], 6)]
        if twice[0] != twice[1] or twice[0] == other or len(other) != len(faults_of(SAMPLE)):
            wrong.append("a seed does not say which faults are drawn")
        if {f.lines(SAMPLE)[1] for _, _, f in draws([source], 6, 4)} != set(LINE_4):
            wrong.append("a line's faults are not those of the line")
        if len({f.kind for f in other[:5]}) != 5:
            wrong.append("the kinds do not take turns")
    for original, linked in LINKED:
        if replaced(LINK, original, "x.o") != linked:
            wrong.append(f"{original}: linked by {replaced(LINK, original, 'x.o')}")
    began = time.monotonic()
    loud = ["sh", "-c", "setsid sleep 1000 & exec sleep 1000"]
    if supervise(0.2, loud) != HANG or supervise(60, ["sh", "-c", "setsid sleep 1000 & exit 3"]) != 3:
        wrong.append("a hang and a status are not told apart")
    much = ["sh", "-c", f"exec {sys.executable} -c 'bytearray(1 << 29)' 2>/dev/null"]
    if supervise(60, much) != 0 or supervise(60, much, 1 << 28) == 0:
        wrong.append("memory has no bound")
    if time.monotonic() - began > 300 or descendants(os.getpid()):
        wrong.append("something is left running")
    # What is listed is there: a line that has changed needs to be looked at again.
    for file, before, _ in read_equivalents(EQUIVALENT.read_text()):
        path = ROOT / file
        if not path.is_file() or before not in " ".join(path.read_text().split()):
            wrong.append(f"equivalent.txt: {file} has no line: {before}")
    print("\n".join(wrong) or "nothing found")
    return 1 if wrong else 0


def main():
    if sys.argv[1:2] == ["--supervise"]:
        return supervise(float(sys.argv[2]), sys.argv[4:], int(sys.argv[3]))
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", choices=sorted(ABOVE))
    parser.add_argument("--count", type=int, default=20, help="faults to try")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--file", action="append", help="only these sources of the folder")
    parser.add_argument("--line", type=int, help="only faults that begin in this line")
    parser.add_argument("--alone", action="store_true",
                        help="only the folder's own tests, and faults of what they are linked with")
    parser.add_argument("--build", default=str(ROOT / "build/dev"))
    parser.add_argument("--limit", type=float, default=300, help="seconds for one test")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="faults tried at once")
    parser.add_argument("--self", action="store_true", dest="self_test")
    options = parser.parse_args()
    if options.self_test:
        return self_test()
    if not options.folder:
        parser.error("--folder or --self")
    return search(options)


if __name__ == "__main__":
    sys.exit(main())
