#pragma once

#include <cstdint>
#include <vector>

namespace sluice::sftp {

/// The index of an element that is not in use: the latest of `free`, else of a new one.
template <class T>
std::uint32_t take_slot(std::vector<T>& all, std::vector<std::uint32_t>& free) {
    if (free.empty()) {
        all.emplace_back();
        return static_cast<std::uint32_t>(all.size() - 1);
    }
    const std::uint32_t index = free.back();
    free.pop_back();
    return index;
}

}  // namespace sluice::sftp
