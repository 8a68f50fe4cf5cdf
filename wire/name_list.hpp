#pragma once

#include "sluice/wire/bytes.hpp"
#include "sluice/wire/error.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace sluice::wire {

/// A comma-separated list of names (RFC 4251 §5), as text. Points into the payload it was read
/// from.
struct name_list {
    std::string_view text;

    /// Checks each name: 1 to 64 printable US-ASCII characters other than comma and blank (§6).
    /// One comma behind the last name is forgiven, since a released libssh sends it.
    /// Errors: bad_name_list; too_long above name_list_length_max or name_list_names_max.
    static result<name_list> parse(std::string_view text);

    bool contains(std::string_view name) const;
    std::string_view first() const { return text.substr(0, text.find(',')); }
    bool empty() const { return text.empty(); }

    /// Calls `f(name)` for each name in order until it returns true; tells whether one did.
    template <class F>
    bool any_of(F&& f) const {
        std::string_view left = text;
        while (!left.empty()) {
            const auto comma = left.find(',');
            if (f(left.substr(0, comma))) return true;
            if (comma == std::string_view::npos) return false;
            left.remove_prefix(comma + 1);
        }
        return false;
    }

    std::vector<std::string_view> names() const;

    bool operator==(const name_list&) const = default;
};

/// The first name of `ours` that `theirs` has too, or empty (RFC 4253 §7.1: ours is the client's).
std::string_view first_common(name_list ours, name_list theirs);

/// `names` joined with commas.
std::string join(const std::vector<std::string_view>& names);
std::string join(const std::vector<std::string>& names);

}  // namespace sluice::wire
