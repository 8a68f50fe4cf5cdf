#include "sluice/tools/sluice_askpass.hpp"

#include "sluice/tests/support/temp_dir.hpp"
#include "sluice/wire/bytes.hpp"
#include "sluice/wire/limits.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace sluice {
namespace {

// Those of readpass(3) as ssh(1) documents them.
TEST(SluiceAskpass, IsWantedAsTheEnvironmentSays) {
    const struct {
        const char* require;
        bool has_display;
        bool has_terminal;
        bool want;
    } cases[] = {
        {"", false, false, false},     {"", true, false, true},      {"", true, true, false},
        {"never", true, false, false}, {"prefer", true, true, true}, {"prefer", false, true, false},
        {"prefer", true, false, true}, {"force", false, true, true}, {"FORCE", false, false, true},
        {"else", true, true, false},   {"else", true, false, true},  {"Never", true, true, false},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(std::string(c.require) + (c.has_display ? " display" : "") +
                     (c.has_terminal ? " terminal" : ""));
        EXPECT_EQ(askpass_wanted(c.require, c.has_display, c.has_terminal), c.want);
    }
}

TEST(SluiceAskpass, GivesTheFirstLineOfAProgramThatSucceeds) {
    test::temp_dir dir;
    const std::string program = dir / "ask";
    const auto answer = [&](const std::string& script) -> std::optional<std::string> {
        std::ofstream(program) << "#!/bin/sh\n" << script << '\n';
        std::filesystem::permissions(program, std::filesystem::perms(0700));
        const auto said = ask_by_program(program, "What is it? ");
        if (!said) return std::nullopt;
        return std::string(as_text(*said));
    };
    EXPECT_EQ(answer("echo \"<$1>\""), "<What is it? >");
    EXPECT_EQ(answer("printf 'a b\\r\\nmore\\n'"), "a b");
    EXPECT_EQ(answer("printf word"), "word");
    EXPECT_EQ(answer("true"), "");
    EXPECT_EQ(answer("echo word; exit 1"), std::nullopt);
    EXPECT_EQ(answer("echo word; kill -9 $$"), std::nullopt);
    EXPECT_EQ(answer("yes | head -c 1000000 | tr -d '\\n'")->size(), limits::password_length_max);
    EXPECT_FALSE(ask_by_program(dir / "none", "What is it? "));
}

}  // namespace
}  // namespace sluice
