#pragma once

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

namespace sluice::test {

/// A file of the shared vector folder beside the checkout, or nothing where that folder is not
/// there. Either way the run says so: one line "vectors: ran <file>" or "vectors: absent <file>".
inline std::optional<std::string> shared_text(const std::string& file) {
    const auto path = std::filesystem::path(SLUICE_SHARED_VECTORS) / file;
    if (!std::filesystem::exists(std::filesystem::path(SLUICE_SHARED_VECTORS))) {
        std::printf("vectors: absent %s\n", file.c_str());
        return std::nullopt;
    }
    std::ifstream in(path);
    EXPECT_TRUE(in.good()) << path;
    std::printf("vectors: ran %s\n", file.c_str());
    return std::string(std::istreambuf_iterator<char>(in), {});
}

/// The same for a file that is JSON.
inline std::optional<nlohmann::json> shared_vectors(const std::string& file) {
    const auto text = shared_text(file);
    if (!text) return std::nullopt;
    return nlohmann::json::parse(*text);
}

}  // namespace sluice::test
