#pragma once

#include "sluice/tests/support/temp_dir.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

namespace sluice::test {

/// A folder of its own for files that ssh-keygen and puttygen read and write.
class key_folder {
public:
    std::string path(std::string_view name) const { return (dir_ / name).string(); }

    /// With the mode that ssh's programs demand of private keys. Gives the path.
    std::string write(std::string_view name, std::string_view text) const {
        std::ofstream(path(name), std::ios::binary) << text;
        ::chmod(path(name).c_str(), 0600);
        return path(name);
    }

private:
    temp_dir dir_;
};

inline std::string contents(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    EXPECT_TRUE(in.good()) << path;
    return {std::istreambuf_iterator<char>(in), {}};
}

struct run_result {
    int status;  // as wait(2) gives it; 0 for success
    std::string output;
};

/// Runs a command of the shell; both its outputs.
inline run_result try_run(const std::string& command) {
    FILE* pipe = ::popen(("{ " + command + "; } 2>&1").c_str(), "r");
    run_result result{-1, {}};
    std::array<char, 4096> chunk{};
    while (const std::size_t n = std::fread(chunk.data(), 1, chunk.size(), pipe))
        result.output.append(chunk.data(), n);
    result.status = ::pclose(pipe);
    return result;
}

/// The same for one that must succeed: fails the test when it does not.
inline std::string run(const std::string& command) {
    const run_result result = try_run(command);
    EXPECT_EQ(result.status, 0) << command << '\n' << result.output;
    return result.output;
}

}  // namespace sluice::test
