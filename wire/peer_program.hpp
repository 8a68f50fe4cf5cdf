#pragma once

#include <compare>
#include <optional>
#include <string_view>

namespace sluice::wire {

/// The first two numbers of a program's version: 2.10.1 is 2.10.
struct program_version {
    unsigned major = 0;
    unsigned minor = 0;
    auto operator<=>(const program_version&) const = default;
};

/// "2.10.1 comment" is 2.10, and "2" is 2.0; nothing where no number stands, or one that does not
/// fit, or what follows is neither ".", " " nor the end.
std::optional<program_version> read_program_version(std::string_view text);

/// Some versions of one program, by the line it identifies itself with (RFC 4253 §4.2). For tables
/// of habits, which each layer has of its own.
///
/// A line is the peer's word: what depends on it makes nothing possible that a login does not.
struct peer_program {
    std::string_view name;                   // what stands behind "SSH-2.0-", up to the version
    std::optional<program_version> first{};  // nothing in both: all, whatever stands there
    std::optional<program_version> last{};

    /// `identification` is the whole line without CR LF.
    bool is(std::string_view identification) const;
};

}  // namespace sluice::wire
