#pragma once

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

namespace sluice::test {

/// A JSON file of the shared vector folder beside the checkout, or nothing where that folder is not
/// there. Either way the run says so: one line "vectors: ran <file>" or "vectors: absent <file>".
inline std::optional<nlohmann::json> shared_vectors(const std::string& file) {
    const auto path = std::filesystem::path(SLUICE_SHARED_VECTORS) / file;
    if (!std::filesystem::exists(std::filesystem::path(SLUICE_SHARED_VECTORS))) {
        std::printf("vectors: absent %s\n", file.c_str());
        return std::nullopt;
    }
    std::ifstream in(path);
    EXPECT_TRUE(in.good()) << path;
    std::printf("vectors: ran %s\n", file.c_str());
    return nlohmann::json::parse(in);
}

}  // namespace sluice::test
