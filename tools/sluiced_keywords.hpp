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
};
std::span<const keyword_row> keywords();

/// A keyword of sshd_config(5) that has one value here: what we do.
struct fixed_row {
    std::string_view keyword;
    std::string_view value;
    bool in_match;
};
std::span<const fixed_row> fixed_keywords();

/// One that has no meaning here, and why.
struct refused_row {
    std::string_view keyword;
    std::string_view why;
};
std::span<const refused_row> refused_keywords();

/// Null where there is none. Case does not matter.
template <class Row>
const Row* find_keyword(std::span<const Row> rows, std::string_view keyword) {
    for (const Row& row : rows)
        if (equal_ignoring_case(row.keyword, keyword)) return &row;
    return nullptr;
}

}  // namespace sluice::settings
