#!/usr/bin/python3
"""Checks that the documents are true where a program can see it:
`documents.py tests|files|symbols|options|includes|lengths|protocol|commits|self [ROOT]`.

  tests     every test that a document names exists
  files     every file and folder that a document names exists
  symbols   every identifier that a document quotes is a word of the sources
  options   options that documents show of our programs are theirs, and README's list is whole
  includes  the table of docs/architecture.md is the one that tidy.py checks includes by
  lengths   lines and files are as long as STYLE.md says at most
  protocol  the table of docs/protocol.md has every message, request and extension of the sources
  commits   subjects of commits are `room: what changes`; exit status 77 where there is no git
  self      these checks find what they look for

A line a finding; the exit status is 0 when there is none.
"""

import functools
import pathlib
import re
import subprocess
import sys
import tempfile

import tidy

CANNOT = 77  # of a check that cannot be made here; ctest counts it as skipped

# What is older had no check of its subject.
BASE = "d6aed546716690ad3726d4b62e908296189247ed"
SUBJECT_MAX = 72

# A file that fits a sitting: STYLE.md says about 500. Tables of rows, which one does not read from
# their beginning, and tests may be longer.
LINES_MAX = 600
TABLES = ("io/ssh_config_keywords.cpp",)


def documents(root):
    paths = [root / name for name in ("README.md", "SECURITY.md", "CONTRIBUTING.md", "STYLE.md")]
    paths += sorted((root / "docs").rglob("*.md"))
    for path in paths:
        if path.is_file():
            yield path, path.relative_to(root).as_posix(), path.read_text()


def lines_of(text):
    return enumerate(text.splitlines(), 1)


@functools.lru_cache
def tree(root):
    """All files of the tree, relative."""
    return tuple(sorted(path.relative_to(root).as_posix() for path in root.rglob("*")
                        if path.relative_to(root).parts[0] not in (".git", "build", "quickstart")
                        and path.is_file()))


# --- tests ----------------------------------------------------------------------------------------

def expanded(text):
    """The words NAME of every add_test(NAME …), foreach by foreach."""
    names = set()
    pattern = re.compile(r"foreach\((\w+) ([^)$]*)\)(.*?)endforeach\(\)", re.DOTALL)
    for variable, words, body in pattern.findall(text):
        for word in words.split():
            names |= expanded(body.replace("${" + variable + "}", word))
    rest = pattern.sub("", text)
    return names | set(re.findall(r"add_test\(NAME ([\w.]+)\s", rest))


def known_tests(root):
    suites = {}
    instances = {}
    for path in (root / "tests").rglob("*_test.cpp"):
        text = path.read_text()
        for suite, name in re.findall(r"\bTEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\)", text):
            suites.setdefault(suite, set()).add(name)
        for prefix, suite in re.findall(r"\bINSTANTIATE_TEST_SUITE_P\(\s*(\w+),\s*(\w+),", text):
            instances.setdefault(suite, set()).add(prefix)
    for suite, prefixes in instances.items():
        for prefix in prefixes:
            suites[f"{prefix}/{suite}"] = suites.get(suite, set())
    programs = set()
    for path in (root / "tests/CMakeLists.txt", root / "fuzz/CMakeLists.txt"):
        if path.is_file():
            programs |= expanded(path.read_text())
    for folder, kind in (("tests/hostile", "hostile"), ("fuzz", "fuzz_replay")):
        programs |= {f"{kind}.{path.stem}" for path in (root / folder).glob("*.*")}
    return suites, programs


def tests(root):
    suites, programs = known_tests(root)
    kinds = {name.split(".")[0] for name in programs}
    for _, file, text in documents(root):
        for number, line in lines_of(text):
            for quoted in re.findall(r"`([^`]+)`", line):
                found = re.fullmatch(r"(?:[a-z]\w*\.)?((?:\w+/)?[A-Z]\w*)\.([A-Z]\w*|\*)", quoted)
                if found and not (found[1] in suites and
                                  (found[2] == "*" or found[2] in suites[found[1]])):
                    yield f"{file}:{number}: no such test: {quoted}"
            for kind, name in re.findall(r"(?<![\w/.~-])([a-z_]+)\.([a-z]\w*)\b(?![/(])", line):
                if kind in kinds and name not in ("py", "cpp", "hpp", "md", "txt", "c", "json"):
                    if f"{kind}.{name}" not in programs:
                        yield f"{file}:{number}: no such test: {kind}.{name}"
            for name in re.findall(r"fuzz targets? `(\w+)`", line):
                if not (root / f"fuzz/{name}.cpp").is_file():
                    yield f"{file}:{number}: no such fuzz target: {name}"


# --- files ----------------------------------------------------------------------------------------

FILE = re.compile(r"(?<![\w/~$.{}<>*-])((?:[\w.<>*-]+/)*[\w.<>*-]+\."
                  r"(?:cpp|hpp|py|md|service|cmake|in|patch|c|txt|json))(?![\w/])")
FOLDER_NAMES = (*tidy.FOLDERS, "docs", "packaging", ".ci")


def is_there(root, doc, name):
    if (root / name).exists():
        return True
    pattern = re.sub(r"<[^>]*>|\*+", "*", name.removeprefix("sluice/"))  # as includes are spelled
    # Patterns stand for at least one; a name without a folder may be in any.
    regex = re.compile(("" if "/" in pattern else "(?:.*/)?") +
                       "[^/]*".join(map(re.escape, pattern.split("*"))) + r"(?:\.\w+|/.*)?")
    if any(regex.fullmatch(file) for file in tree(root)):
        return True
    return (doc.parent / name).exists()


def files(root):
    for doc, file, text in documents(root):
        for number, line in lines_of(text):
            bare = re.sub(r"\]\([^)]*\)|https?://\S+", " ", line)
            named = [n for n in FILE.findall(bare)]
            for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", line):
                if not re.match(r"[a-z]+:", link):
                    if not (doc.parent / link).exists():
                        yield f"{file}:{number}: leads nowhere: {link}"
            for quoted in re.findall(r"`([^`]+)`", bare):
                word = quoted.split()[0] if quoted.split() else ""
                if word.split("/")[0] in FOLDER_NAMES and "/" in word and \
                        not word.startswith("build/") and re.fullmatch(r"[\w./<>*-]+", word):
                    named.append(word.rstrip("/."))
            for name in dict.fromkeys(named):
                if name.startswith("build/") or name in ("ctest.xml",):
                    continue
                if not is_there(root, doc, name):
                    yield f"{file}:{number}: no such file: {name}"


# --- symbols --------------------------------------------------------------------------------------

SOURCE = (".cpp", ".hpp", ".c", ".py", ".in", ".cmake", ".txt", ".json", ".service", "")


@functools.lru_cache
def words_of_sources(root):
    words = set()
    for name in tree(root):
        path = root / name
        if path.suffix in SOURCE and "corpus" not in path.parts and path.suffix != ".md":
            try:
                words.update(re.findall(r"\w+", path.read_text()))
            except UnicodeDecodeError:
                pass
    return words


# Words about names.
NO_NAMES = ("snake_case", "PascalCase")


def symbols(root):
    words = words_of_sources(root)
    for _, file, text in documents(root):
        for number, line in lines_of(text):
            for quoted in re.findall(r"`([^`]+)`", line):
                found = re.match(r"((?:[A-Za-z_]\w*::)*[A-Za-z_]\w*)(?:\(\))?(?=$| )", quoted)
                if not found or found[1] in NO_NAMES or \
                        not re.search(r"::|\w_\w|[a-z][A-Z]", found[1]):
                    continue
                for part in found[1].split("::"):
                    if part not in words:
                        yield f"{file}:{number}: no such name in the sources: {found[1]}"
                        break


# --- options --------------------------------------------------------------------------------------

PROGRAMS = {"sluiced": ("tools/sluiced_arguments.cpp", "tools/sluiced.cpp"),
            "sluice": ("tools/sluice.cpp", "tools/sluice_ssh.cpp"),
            "sluice-sftp-server": ("tools/sftp_server.cpp", "tools/sluiced_sftp_options.cpp")}


def options_of(root, program):
    given = {"--help"}
    for source in PROGRAMS[program]:
        if (root / source).is_file():
            for names in re.findall(r"add_(?:option|flag)\w*\(\s*\"(-[^\"]+)\"",
                                    (root / source).read_text()):
                given |= set(names.split(","))
            for names in re.findall(r"set_(?:help|version)_flag\(\s*\"(-[^\"]+)\"",
                                    (root / source).read_text()):
                given |= set(names.split(","))
    return given


def shown(line):
    """The options of a command line, without what stands in quotes."""
    return re.findall(r"(?<![\w-])(--?[A-Za-z][\w-]*)", re.sub(r"\"[^\"]*\"|'[^']*'", "", line))


def options(root):
    every = {program: options_of(root, program) for program in PROGRAMS}
    for _, file, text in documents(root):
        fenced = False
        for number, line in lines_of(text):
            if line.startswith("```"):
                fenced = not fenced
            commands = [line.strip()] if fenced else re.findall(r"`([^`]+)`", line)
            for command in commands:
                program = command.split()[0] if command.split() else ""
                if program not in every:
                    continue
                for option in shown(command.split("#")[0]):
                    if option not in every[program]:
                        yield f"{file}:{number}: {program} has no {option}"
            # Without a program's name: README's long ones are those of ours, as letters may be of
            # others, and the scripts have their own.
            if file == "README.md" and not fenced:
                for quoted in commands:
                    if quoted.startswith("-"):
                        for option in shown(quoted):
                            if option.startswith("--") and not any(option in given for given in every.values()):
                                yield f"{file}:{number}: no program of ours has {option}"
    readme = root / "README.md"
    if readme.is_file() and every["sluiced"] != {"--help"}:
        told = set(shown(" ".join(re.findall(r"`([^`]*)`", readme.read_text()))))
        for option in sorted(o for o in every["sluiced"] if not o.startswith("--")):
            if option not in told and option != "-V":  # the version, as every program's
                yield f"README.md: does not name {option} of sluiced"


# --- includes -------------------------------------------------------------------------------------

THIRD_PARTY = {"OpenSSL": "openssl/evp.h", "libargon2": "argon2.h", "zlib": "zlib.h",
               "boost::system": "boost/system/result.hpp", "Boost.Asio": "boost/asio.hpp",
               "libcrypt": "crypt.h", "libpam": "security/pam_appl.h"}


def includes(root):
    path = root / "docs/architecture.md"
    rows = re.findall(r"^\| `(\w+)/` \| [^|]* \| ([^|]*) \| ([^|]*) \|$", path.read_text(),
                      re.MULTILINE) if path.is_file() else []
    layers = tuple(tidy.LAYERS)
    seen = []
    for folder, may, third in rows:
        if folder not in tidy.LAYERS:
            continue
        seen.append(folder)
        may = may.strip()
        before = layers[:layers.index(folder)]
        if may == "–":
            said = ()
        elif may == "all above":
            said = before
        elif may.startswith("all but "):
            said = tuple(f for f in layers if f != folder and
                         f not in re.split(r", | and ", may[len("all but "):]))
        else:
            said = tuple(may.split(", "))
        if set(said) != set(tidy.LAYERS[folder]):
            yield f"docs/architecture.md: {folder}/ may include {may}; tidy.py has " \
                  f"{', '.join(tidy.LAYERS[folder])}"
        for name, header in THIRD_PARTY.items():
            permitted = next((folder in folders for pattern, folders in tidy.THIRD_PARTY
                              if pattern.match(header)), False)
            # boost::system is everybody's, and stands where it comes from.
            named = name in third or (name == "boost::system" and folder != "wire")
            if permitted != named:
                yield f"docs/architecture.md: {folder}/ and {name}: tidy.py " \
                      f"{'permits' if permitted else 'forbids'} it"
    for folder in layers:
        if rows and folder not in seen:
            yield f"docs/architecture.md: no row for {folder}/"


# --- lengths --------------------------------------------------------------------------------------

def lengths(root):
    for folder, path in tidy.sources(root):
        name = path.relative_to(root).as_posix()
        lines = path.read_text().splitlines()
        for number, line in enumerate(lines, 1):
            if len(line) > 100:
                yield f"{name}:{number}: {len(line)} columns"
        if len(lines) > LINES_MAX and folder != "tests" and name not in TABLES:
            yield f"{name}: {len(lines)} lines"


# --- protocol -------------------------------------------------------------------------------------

# Where names may mean another thing in another list.
LISTS = {"channel/global_requests.hpp": "global", "channel/open_types.hpp": "open",
         "channel/requests.hpp": "request", "sftp/extensions.hpp": "extension"}
KINDS = ("transport", "auth", "channel", "sftp", "agent", *LISTS.values())


def spoken(root):
    """{(kind, number or name, what it is called)} of the sources."""
    found = set()
    for folder in ("transport", "auth", "channel", "sftp"):
        for path in sorted((root / folder).glob("*.[ch]pp")):
            layer = LISTS.get(path.relative_to(root).as_posix(), folder)
            text = path.read_text()
            for name, number, word in re.findall(
                    r"\bstruct (\w+) \{\n[^{}]*?static constexpr std::(?:uint8_t number = (\d+)|"
                    r"string_view name =\s*\"([^\"]+)\");", text):
                found.add((layer, number or word, name if number else ""))
            for name, number in re.findall(r"using (fxp_\w+) = \w+<(\d+)>;", text):
                found.add((layer, number, name))
    path = root / "auth/agent_messages.hpp"
    if path.is_file():
        for name, number in re.findall(r"constexpr std::uint8_t (\w+) = (\d+);", path.read_text()):
            found.add(("agent", number, name))
    return found


def protocol(root):
    path = root / "docs/protocol.md"
    text = path.read_text() if path.is_file() else ""
    part = re.search(r"^## \d+\. Every message\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    rows = {}
    layer = ""
    for line in (part[1] if part else "").splitlines():
        heading = re.match(r"\| (\w+) \| ", line)
        if heading and heading[1] in KINDS:
            layer = heading[1]
        row = re.match(r"\| (?:(\d+) `(\w+)`|`([^`]+)`) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", line)
        if row:
            key = (layer, row[1] or row[3], row[2] or "")
            if key in rows:
                yield f"docs/protocol.md: twice: {' '.join(key)}"
            rows[key] = row[4].strip()
    code = spoken(root)
    for key in sorted(code - set(rows)):
        yield f"docs/protocol.md: no row for {' '.join(key).strip()}"
    for key in sorted(set(rows) - code):
        yield f"docs/protocol.md: not in the sources: {' '.join(key).strip()}"


# --- commits --------------------------------------------------------------------------------------

def git(root, *arguments):
    try:
        return subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True)
    except OSError:
        return None


def commits(root, base=BASE):
    """Findings, or nothing at all (None) where no history can be seen."""
    done = git(root, "log", "--no-merges", "--format=%h %s", f"{base}..HEAD")
    if done is None or done.returncode != 0:
        return None
    return subject_faults(done.stdout.splitlines())


def subject_faults(lines):
    found = []
    for line in lines:
        name, _, subject = line.partition(" ")
        if not re.match(r"[a-z][\w./, -]*: \S", subject):
            found.append(f"{name}: not `room: what changes`: {subject}")
        elif len(subject) > SUBJECT_MAX:
            found.append(f"{name}: {len(subject)} columns: {subject}")
        elif subject.endswith("."):
            found.append(f"{name}: ends in a stop: {subject}")
    return found


# --- the tests of these ---------------------------------------------------------------------------

GOOD = {
    "README.md": "`A.Works`, hostile.floods, `a/b.cpp` runs `one_name`\n`sluiced --listen X -q`\n",
    "tests/a_test.cpp": "TEST(A, Works) {}\nTEST_P(B, Runs) {}\n"
                        "INSTANTIATE_TEST_SUITE_P(All, B, x);\n",
    "tests/CMakeLists.txt": "foreach(check x)\n add_test(NAME tidy.${check}\n COMMAND c)\n"
                            "endforeach()\nadd_test(NAME system.one COMMAND one_name)\n",
    "tests/hostile/floods.py": "",
    "tools/sluiced_arguments.cpp": "add_option(\"--listen,-q\", a);\nint i;\n",
    "a/b.cpp": "",
}
BAD = {  # check: file, its text, and what must be found
    "tests": [("docs/a.md", "`A.Fails`", "no such test: A.Fails"),
              ("docs/b.md", "`C.*`", "no such test: C.*"),
              ("docs/c.md", "`One/B.Runs`", "no such test: One/B.Runs"),
              ("docs/d.md", "see hostile.gone", "no such test: hostile.gone"),
              ("docs/e.md", "see tidy.gone", "no such test: tidy.gone"),
              ("docs/f.md", "fuzz target `gone`", "no such fuzz target: gone")],
    "files": [("docs/a.md", "`wire/gone.hpp`", "no such file: wire/gone.hpp"),
              ("docs/b.md", "[x](gone.md)", "leads nowhere: gone.md"),
              ("docs/c.md", "`tests/gone`", "no such file: tests/gone"),
              ("docs/d.md", "in gone.cpp", "no such file: gone.cpp"),
              ("docs/e.md", "`a/c<name>.cpp`", "no such file: a/c<name>.cpp")],
    "symbols": [("docs/a.md", "`gone_name`", "no such name in the sources: gone_name"),
                ("docs/b.md", "`sluice::gone()`", "no such name in the sources: sluice::gone")],
    "options": [("docs/a.md", "`sluiced --gone X`", "sluiced has no --gone"),
                ("README.md", "`--gone` `-q`", "no program of ours has --gone"),
                ("README.md", "nothing", "does not name -q of sluiced")],
    "includes": [("docs/architecture.md", "| `wire/` | x | crypto | boost::system |\n",
                  "wire/ may include crypto"),
                 ("docs/architecture.md", "| `io/` | x | all above | OpenSSL, POSIX |\n",
                  "io/ and OpenSSL: tidy.py forbids it")],
    "lengths": [("wire/a.cpp", "int i;" + " " * 100 + "\n", "106 columns"),
                ("wire/b.cpp", "int i;\n" * 601, "601 lines")],
    "protocol": [("channel/a.hpp", "struct eof {\n    static constexpr std::uint8_t number = 96;\n};",
                  "no row for channel 96 eof"),
                 ("channel/requests.hpp",
                  "struct a {\n    static constexpr std::string_view name = \"b\";\n};",
                  "no row for request b"),
                 ("docs/protocol.md", "## 8. Every message\n\n| channel | a | b | c |\n|---|\n"
                  "| 97 `gone` | a | b | c |\n", "not in the sources: channel 97 gone")],
}


def find(check, given):
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name)
        for file, text in given.items():
            (root / file).parent.mkdir(parents=True, exist_ok=True)
            (root / file).write_text(text)
        return list(check(root))


def self(root):
    for name, cases in BAD.items():
        found = find(CHECKS[name], GOOD)
        if found:
            yield f"{name} finds what is not there: {found}"
        for file, text, want in cases:
            found = find(CHECKS[name], {**GOOD, file: text})
            if not any(line.startswith(file) or file not in line for line in found) or \
                    not any(want in line for line in found):
                yield f"{name} does not find: {want}: {found}"
    good = ["1 wire, io: a reader's view", "2 tests/tidy: documents", "3 .ci: x"]
    if subject_faults(good[:2]):
        yield f"commits finds what is not there: {subject_faults(good)}"
    for bad in ("1 Fixes things", "2 wire: " + "x" * 80, "3 wire: ends.", "4 wire:nothing"):
        if len(subject_faults([bad])) != 1:
            yield f"commits does not find: {bad}"
    with tempfile.TemporaryDirectory() as name:
        if commits(pathlib.Path(name)) is not None:
            yield "commits looks where there is no git"


CHECKS = {check.__name__: check for check in
          (tests, files, symbols, options, includes, lengths, protocol, commits, self)}


def main():
    if len(sys.argv) not in (2, 3) or sys.argv[1] not in CHECKS:
        sys.exit(__doc__)
    default = pathlib.Path(__file__).resolve().parents[2]
    root = pathlib.Path(sys.argv[2]).resolve() if len(sys.argv) == 3 else default
    found = CHECKS[sys.argv[1]](root)
    if found is None:
        print("cannot look: no git, or not all of the history")
        sys.exit(CANNOT)
    found = list(found)
    print("\n".join(found) or "nothing found")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
