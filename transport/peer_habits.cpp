#include "sluice/transport/peer_habits.hpp"

#include <array>
#include <charconv>
#include <compare>
#include <optional>

namespace sluice {
namespace {

// Two numbers decide: 2.10.1 is of 2.10.
struct program_version {
    unsigned major = 0;
    unsigned minor = 0;
    auto operator<=>(const program_version&) const = default;
};

struct known_habit {
    std::string_view program;  // up to "_" and the version
    program_version first;
    program_version last;
    peer_habit habit;
};

constexpr std::array known_habits{
    // Goes on with the data of its channels under the old keys until its own NEWKEYS.
    known_habit{"AsyncSSH", {0, 0}, {2, 10}, peer_habit::channel_messages_in_exchange},
};

// "2.10.1 comment" is 2.10; nothing where no number stands, or one that does not fit.
std::optional<program_version> version_of(std::string_view text) {
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

}  // namespace

peer_habits::peer_habits(std::string_view identification) {
    constexpr std::string_view protocol = "SSH-2.0-";
    if (!identification.starts_with(protocol)) return;
    const std::string_view software = identification.substr(protocol.size());
    for (const auto& known : known_habits) {
        if (!software.starts_with(known.program)) continue;
        const std::string_view rest = software.substr(known.program.size());
        if (!rest.starts_with('_')) continue;
        const auto version = version_of(rest.substr(1));
        if (version && *version >= known.first && *version <= known.last)
            bits_ |= static_cast<std::uint32_t>(known.habit);
    }
}

}  // namespace sluice
