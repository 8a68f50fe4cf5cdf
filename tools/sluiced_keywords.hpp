#pragma once

#include "sluice/tools/sluiced_sources.hpp"
#include "sluice/tools/sluiced_values.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace sluice::settings {

/// A keyword and the member that it sets.
struct keyword_row {
    std::string_view keyword;
    bool in_match;              // may stand in a Match block
    std::size_t arguments_max;  // at least one
    bool adds_up;               // else the first line counts
    bool raw;                   // its value is the rest of the line, as it was written
    config_fault (*read)(const words&, const algorithm_choices&, sluiced_config&);
    void (*clear)(sluiced_config&);
    lines (*write)(const sluiced_config&);
    // What is to be said of values that are taken in part.
    std::string_view (*note)(const words&, const algorithm_choices&) = nullptr;
};
std::span<const keyword_row> keywords();

/// A keyword of sshd_config(5) that changes nothing here: of its values one or more say what is
/// done anyway.
struct fixed_row {
    enum class others {
        noted,    // they ask for what is not served: nothing is lost by that but it
        refused,  // they ask for more care than there is, or for less
    };

    std::string_view keyword;
    std::string_view value;  // what is done, in the words of sshd -T; empty: -T prints nothing
    bool in_match;
    others other_values;
    std::string_view words;  // that it may have, with blanks between; empty: whatever
    std::string_view why;    // what becomes of the others
};
std::span<const fixed_row> fixed_keywords();

/// A former name of a keyword.
struct former_row {
    std::string_view keyword;
    std::string_view now;
};
std::span<const former_row> former_keywords();

/// Whether the values may stand there. `note`: what is to be said of what is taken without effect;
/// empty: nothing.
config_fault read_fixed(const fixed_row& row, const words& values, std::string_view& note);

/// Null where there is none. Case does not matter.
template <class Row>
const Row* find_keyword(std::span<const Row> rows, std::string_view keyword) {
    for (const Row& row : rows)
        if (equal_ignoring_case(row.keyword, keyword)) return &row;
    return nullptr;
}

}  // namespace sluice::settings
