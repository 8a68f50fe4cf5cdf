#include "sluice/sftp/handle_table.hpp"

#include "sluice/sftp/slots.hpp"
#include "sluice/wire/expects.hpp"
#include "sluice/wire/limits.hpp"

#include <algorithm>

namespace sluice::sftp {

void write_progress::begin(std::uint64_t offset) {
    if (begun_) return;
    begun_ = true;
    end_ = offset;
}

void write_progress::completed(std::uint64_t offset, std::uint64_t length) {
    const std::uint64_t to = offset + std::min(length, ~std::uint64_t{0} - offset);
    if (to <= end_) return;
    if (offset <= end_) {
        end_ = to;
        std::size_t joined = 0;
        while (joined < beyond_.size() && beyond_[joined].first <= end_)
            end_ = std::max(end_, beyond_[joined++].second);
        beyond_.erase(beyond_.begin(), beyond_.begin() + static_cast<std::ptrdiff_t>(joined));
        return;
    }
    // Beyond a gap: join the runs that this one touches.
    auto first =
        std::ranges::lower_bound(beyond_, offset, {}, [](const auto& r) { return r.second; });
    auto last = first;
    std::pair<std::uint64_t, std::uint64_t> run{offset, to};
    while (last != beyond_.end() && last->first <= to) {
        run = {std::min(run.first, last->first), std::max(run.second, last->second)};
        ++last;
    }
    if (first != last) {
        *first = run;
        beyond_.erase(first + 1, last);
    } else if (beyond_.size() < limits::sftp_write_gaps_max) {
        beyond_.insert(first, run);
    }
}

std::optional<std::uint32_t> handle_table::reserve() {
    if (free_.empty() && handles_.size() >= limits::sftp_handles_max) return std::nullopt;
    const std::uint32_t index = take_slot(handles_, free_);
    const std::uint32_t generation = handles_[index].generation + 1;
    handles_[index] = open_handle{};
    handles_[index].generation = generation;
    handles_[index].now = open_handle::state::opening;
    return index;
}

void handle_table::release(std::uint32_t index) {
    expects(handles_[index].now != open_handle::state::free);
    handles_[index].now = open_handle::state::free;
    free_.push_back(index);
}

handle_table::wire_handle handle_table::to_wire(std::uint32_t index) const {
    wire_handle out{};
    const std::uint64_t value = std::uint64_t{index} << 32 | handles_[index].generation;
    for (std::size_t i = 0; i < out.size(); ++i)
        out[i] = static_cast<std::uint8_t>(value >> (56 - 8 * i));
    return out;
}

std::optional<std::uint32_t> handle_table::find(bytes_view handle) const {
    if (handle.size() != std::tuple_size_v<wire_handle>) return std::nullopt;
    std::uint64_t value = 0;
    for (const auto b : handle)
        value = value << 8 | b;
    const std::uint64_t index = value >> 32;
    if (index >= handles_.size()) return std::nullopt;
    const open_handle& h = handles_[index];
    if (h.now != open_handle::state::open || h.generation != (value & 0xffffffff))
        return std::nullopt;
    return static_cast<std::uint32_t>(index);
}

std::vector<std::uint32_t> handle_table::all_open() const {
    std::vector<std::uint32_t> open;
    for (std::uint32_t i = 0; i < handles_.size(); ++i)
        if (handles_[i].now == open_handle::state::open) open.push_back(i);
    return open;
}

}  // namespace sluice::sftp
