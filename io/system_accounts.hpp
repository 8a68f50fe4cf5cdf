#pragma once

#include "sluice/wire/error.hpp"

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace sluice {

/// An account of this machine, as NSS has it (nsswitch.conf(5)).
struct system_account {
    std::string name;
    uid_t uid = 0;
    gid_t gid = 0;
    std::string home = {};  // may be empty, as the next
    std::string shell = {};
};

/// The account of that name; nothing where there is none. NSS may wait for a network, so this is
/// not for an I/O thread. Errors: those of the system where it cannot tell; too_long for an entry
/// that wants more than a MiB.
result<std::optional<system_account>> account_named(const std::string& name);

/// The account of that number, likewise.
result<std::optional<system_account>> account_numbered(uid_t uid);

/// The number of a group, likewise.
result<std::optional<gid_t>> group_named(const std::string& name);

/// Names of the groups that an account belongs to, its own first. A number without a name is left
/// out. Errors: the same, also too_long for more than 65,536 groups.
result<std::vector<std::string>> groups_of(const system_account& account);

/// The home directories of the accounts that NSS lists, each once: those that are there and belong
/// to their account; "/" is none. Before there are threads.
std::vector<std::string> all_homes();

/// The account of a user as a program knows it; nothing where he has none, or it cannot be told.
using account_lookup = std::function<std::optional<system_account>(const std::string& user)>;

}  // namespace sluice
