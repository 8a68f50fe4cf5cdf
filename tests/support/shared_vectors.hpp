#pragma once

#include <nlohmann/json.hpp>

#include <filesystem>
#include <optional>
#include <string>

namespace sluice::test {

/// Where the shared vectors are: a folder beside the checkout, which need not be there.
std::filesystem::path shared_vector_folder();

/// A file of that folder, or nothing where the folder is not there. Either way the run says so: one
/// line "vectors: ran <file>" or "vectors: absent <file>".
std::optional<std::string> shared_text(const std::string& file);

/// The same for a file that is JSON.
std::optional<nlohmann::json> shared_vectors(const std::string& file);

}  // namespace sluice::test
