#include "sluice/wire/peer_program.hpp"

#include <charconv>

namespace sluice::wire {

std::optional<program_version> read_program_version(std::string_view text) {
    program_version version;
    const char* const end = text.data() + text.size();
    const auto major = std::from_chars(text.data(), end, version.major);
    if (major.ec != std::errc()) return std::nullopt;
    if (major.ptr == end || *major.ptr == ' ') return version;
    if (*major.ptr != '.') return std::nullopt;
    const auto minor = std::from_chars(major.ptr + 1, end, version.minor);
    if (minor.ec != std::errc()) return std::nullopt;
    if (minor.ptr != end && *minor.ptr != ' ' && *minor.ptr != '.') return std::nullopt;
    return version;
}

bool peer_program::is(std::string_view identification) const {
    constexpr std::string_view protocol = "SSH-2.0-";
    if (!identification.starts_with(protocol)) return false;
    const std::string_view software = identification.substr(protocol.size());
    if (!software.starts_with(name)) return false;
    if (!first && !last) return true;
    const auto version = read_program_version(software.substr(name.size()));
    return version && (!first || *version >= *first) && (!last || *version <= *last);
}

}  // namespace sluice::wire
