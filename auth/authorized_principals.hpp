#pragma once

#include "sluice/auth/key_options.hpp"
#include "sluice/wire/error.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

/// A name that a certificate may list to be let in, with the options that bind whoever comes by it.
struct authorized_principal {
    std::string name;
    key_options options{};
    std::size_t line = 0;  // in the file, from 1
};

/// The lines of an AuthorizedPrincipalsFile (sshd_config(5)): a name each, options in front of it.
/// Lines that cannot be understood permit nobody. Errors: too_long above
/// limits::policy_file_length_max.
result<std::vector<authorized_principal>> parse_authorized_principals(std::string_view text);

}  // namespace sluice
