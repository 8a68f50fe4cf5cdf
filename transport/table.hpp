#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

/// The row of an algorithm table with that name, or null.
template <class Row>
const Row* find_row(std::span<const Row> rows, std::string_view name) {
    for (const Row& row : rows)
        if (row.name == name) return &row;
    return nullptr;
}

/// The names that a table offers by default, in its order.
template <class Row>
std::vector<std::string> offered_names(std::span<const Row> rows) {
    std::vector<std::string> names;
    for (const Row& row : rows)
        if (row.offered) names.emplace_back(row.name);
    return names;
}

}  // namespace sluice
