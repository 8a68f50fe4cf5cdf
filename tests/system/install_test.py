#!/usr/bin/python3
"""The installed package: programs elsewhere build against it, by CMake and by pkg-config."""

import os
import re

from support import BUILD, ROOT, build_release, check, client_options, folder, make_key, port_of, \
    run, started

PROJECT = """cmake_minimum_required(VERSION 3.25)
project(user LANGUAGES CXX)
find_package(sluice 0.1 REQUIRED)
add_executable(program program.cpp)
target_link_libraries(program PRIVATE sluice::sluice)
"""

build_release()
with folder() as temporary:
    installed = temporary / "installed"
    run(["cmake", "--install", BUILD, "--prefix", installed])

    headers = installed / "include"
    for header in sorted(headers.rglob("*.hpp")):
        for name in re.findall(r'#include [<"]([^>"]+)', header.read_text()):
            where = f"{header.relative_to(headers)} includes {name}"
            check(not re.match(r"openssl/|argon2\.h|zlib\.h", name), f"kept private: {where}")
            check(not name.startswith("sluice/") or (headers / name).is_file(),
                  f"is installed: {where}")
    version = run([installed / "bin" / "sluiced", "--version"])
    check(re.match(r"sluiced \d+\.\d+\.\d+$", version.strip()), f"a version: {version}")

    # By CMake: an example, as a project of its own.
    project = temporary / "project"
    project.mkdir()
    (project / "CMakeLists.txt").write_text(PROJECT)
    (project / "program.cpp").write_text((ROOT / "examples" / "serve_directory.cpp").read_text())
    run(["cmake", "-G", "Ninja", "-S", project, "-B", project / "build",
         f"-DCMAKE_PREFIX_PATH={installed}"])
    run(["cmake", "--build", project / "build"])
    make_key(temporary / "host")
    make_key(temporary / "user")
    (temporary / "files").mkdir()
    (temporary / "files" / "there").write_text("hello")
    (temporary / "batch").write_text(f"get there {temporary}/here\n")
    with started([project / "build" / "program", "0", temporary / "files", temporary / "host",
                  temporary / "user.pub"], "listening") as (_, lines):
        run(["sftp", *client_options(temporary / "user"), "-P", port_of(lines), "-b",
             temporary / "batch", "anybody@127.0.0.1"])
    check((temporary / "here").read_text() == "hello", "a file is transferred")

    # By pkg-config: the sans-I/O surface, without Asio.
    package = next(installed.rglob("sluice.pc")).parent
    environment = {**os.environ, "PKG_CONFIG_PATH": str(package)}
    flags = run(["pkg-config", "--cflags", "--libs", "sluice"], env=environment).split()
    run(["g++", "-std=c++20", ROOT / "examples" / "custom_event_loop.cpp", "-o",
         temporary / "loop", *flags])
    run(["sh", "-c", f"{temporary}/loop | grep -q usage"])
print("installed, built, served")
