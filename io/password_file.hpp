#pragma once

#include "sluice/wire/bytes.hpp"
#include "sluice/wire/error.hpp"

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

/// A file of users and crypt(5) hashes: one "name:hash" a line, further fields ignored, as in the
/// first two fields of shadow(5); blank lines and lines that begin with # are comments.
///
/// A hash that is empty or begins with ! or * locks its user.
class password_file {
public:
    /// Takes the text of a file. `bad_line`, if not null, is set to the number (from 1) of the line
    /// that an error is about.
    /// Errors: bad_config for a line without a name or hash field, a name that comes twice, or a
    /// hash that libcrypt does not know or calls weak; too_long.
    static result<password_file> parse(std::string_view text, std::size_t* bad_line = nullptr);

    /// Whether `password` is that of `user`; an empty one never is. Takes as long as the hash is
    /// made to take (tens of milliseconds and more), also for users that are not there or are
    /// locked, so call it on a thread that may wait. Safe from several threads at once.
    bool check(std::string_view user, bytes_view password) const;

    std::size_t size() const { return hashes_.size(); }

private:
    const std::string& stand_in(std::string_view user) const;

    std::map<std::string, std::string, std::less<>> hashes_;  // empty: locked
    std::vector<std::string> stand_ins_;  // what the password of an unknown user is hashed with
};

}  // namespace sluice
