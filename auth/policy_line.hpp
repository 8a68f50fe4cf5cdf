#pragma once

// What lines of policy files have in common: authorized_keys and allowed_signers.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice {

std::string_view without_leading_blanks(std::string_view text);

bool equal_ignoring_case(std::string_view a, std::string_view b);

/// YYYYMMDD[Z] or YYYYMMDDHHMM[SS][Z], in seconds since 1970; without Z in the system's time zone.
std::optional<std::int64_t> parse_policy_time(std::string_view text);

/// The length of the options field: up to the first blank outside quotes. Nothing if a quote stays
/// open.
std::optional<std::size_t> options_length(std::string_view line);

/// One option of a list "name,name=\"value\",…".
struct policy_option {
    std::string_view name;
    std::optional<std::string> value;  // without its quotes; \" in it was a quote
};

/// Takes the first option from the front of `text`, and the comma behind it. Nothing when it is
/// malformed; `text` is empty behind the last one.
std::optional<policy_option> take_option(std::string_view& text);

}  // namespace sluice
