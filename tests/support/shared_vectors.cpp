#include "sluice/tests/support/shared_vectors.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>

namespace sluice::test {

std::filesystem::path shared_vector_folder() {
    const char* const named = std::getenv("SLUICE_SHARED_VECTORS");
    return named != nullptr ? named : SLUICE_SHARED_VECTORS;
}

bool has_shared_vectors(const std::string& what) {
    const bool there = std::filesystem::exists(shared_vector_folder());
    std::printf("vectors: %s %s\n", there ? "ran" : "absent", what.c_str());
    if (!there) [&] { GTEST_SKIP() << "no vectors: " << what; }();
    return there;
}

std::optional<std::string> shared_text(const std::string& file) {
    if (!has_shared_vectors(file)) return std::nullopt;
    std::ifstream in(shared_vector_folder() / file);
    EXPECT_TRUE(in.good()) << file;
    return std::string(std::istreambuf_iterator<char>(in), {});
}

std::optional<nlohmann::json> shared_vectors(const std::string& file) {
    const auto text = shared_text(file);
    if (!text) return std::nullopt;
    return nlohmann::json::parse(*text);
}

}  // namespace sluice::test
