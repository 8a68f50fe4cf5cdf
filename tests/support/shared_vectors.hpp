#pragma once

#include <nlohmann/json.hpp>

#include <filesystem>
#include <optional>
#include <string>

namespace sluice::test {

/// Where the shared vectors are: a folder beside the checkout, which need not be there, or what the
/// environment's SLUICE_SHARED_VECTORS names.
std::filesystem::path shared_vector_folder();

/// Whether that folder is there. Either way the run says so: one line "vectors: ran <what>" or
/// "vectors: absent <what>"; without the folder the test that runs counts as skipped.
bool has_shared_vectors(const std::string& what);

/// A file of that folder, or nothing where the folder is not there, as `has_shared_vectors` says.
std::optional<std::string> shared_text(const std::string& file);

/// The same for a file that is JSON.
std::optional<nlohmann::json> shared_vectors(const std::string& file);

}  // namespace sluice::test
