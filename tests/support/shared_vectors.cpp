#include "sluice/tests/support/shared_vectors.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <iterator>

namespace sluice::test {

std::filesystem::path shared_vector_folder() { return SLUICE_SHARED_VECTORS; }

std::optional<std::string> shared_text(const std::string& file) {
    const auto path = shared_vector_folder() / file;
    if (!std::filesystem::exists(shared_vector_folder())) {
        std::printf("vectors: absent %s\n", file.c_str());
        return std::nullopt;
    }
    std::ifstream in(path);
    EXPECT_TRUE(in.good()) << path;
    std::printf("vectors: ran %s\n", file.c_str());
    return std::string(std::istreambuf_iterator<char>(in), {});
}

std::optional<nlohmann::json> shared_vectors(const std::string& file) {
    const auto text = shared_text(file);
    if (!text) return std::nullopt;
    return nlohmann::json::parse(*text);
}

}  // namespace sluice::test
