#!/usr/bin/python3
"""The KEMs under memcheck as both compilers optimise them: `compilers.py BUILD`.

A compiler may make a branch of a mask again, and not at every level. BUILD holds libsluice.a, for
all but the KEMs themselves.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCES = ("tests/constant_time/kems.cpp", "crypto/ml_kem.cpp", "crypto/ml_kem_own.cpp",
           "crypto/ml_kem_openssl.cpp", "crypto/sntrup761.cpp", "crypto/sha3.cpp")
COMPILERS = ("g++", "clang++-19")
LEVELS = ("-O1", "-O2", "-O3", "-Os")
CACHE = ["env", "CCACHE_NOHASHDIR=1", "ccache"] if shutil.which("ccache") else []


def output(argv, folder=None):
    done = subprocess.run([str(a) for a in argv], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=300, cwd=folder)
    return done.returncode, done.stdout


def compile_and_run(build, program, compiler, level):
    objects = []
    for source in SOURCES:
        objects.append(program.parent / (pathlib.Path(source).stem + ".o"))
        status, text = output([*CACHE, compiler, "-std=c++20", level, "-g1", "-I", "include", "-c",
                               os.path.relpath(ROOT / source, build), "-o", objects[-1]], build)
        if status != 0:
            return f"does not compile: {text[:1000]}"
    # Debug information of clang 19 is too new for some releases of valgrind.
    status, text = output([compiler, "-Wl,--strip-debug", *objects, build / "libsluice.a",
                           "-lcrypto", "-o", program])
    if status != 0:
        return f"does not link: {text[:1000]}"
    status, text = output(["valgrind", "--quiet", "--error-exitcode=99", program])
    if status != 0:
        return f"exit status {status}: {text[:1000]}"
    status, text = output(["valgrind", "--quiet", "--error-exitcode=99", program, "branch"])
    return None if status == 99 else "a branch on a secret is not found"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    build = pathlib.Path(sys.argv[1]).resolve()
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for compiler in COMPILERS:
            for level in LEVELS:
                reason = compile_and_run(build, pathlib.Path(folder) / "kems", compiler, level)
                failed += reason is not None
                print(f"{'ok  ' if reason is None else 'FAIL'} {compiler} {level}", reason or "",
                      flush=True)
    print(f"{len(COMPILERS) * len(LEVELS) - failed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
