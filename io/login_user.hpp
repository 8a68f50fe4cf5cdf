#pragma once

#include "sluice/io/system_accounts.hpp"

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace sluice {

/// Private to io/: who wants to log in, for the tokens of settings. His account is looked up once
/// it is needed, so not on an I/O thread. `look_up` outlives this; an empty one knows nobody.
class login_user {
public:
    login_user(std::string name, const account_lookup& look_up)
        : name_(std::move(name)), look_up_(look_up) {}

    const std::string& name() const { return name_; }

    /// %u, %U or %h: his name, the number of his account, its home directory.
    std::optional<std::string> token(char letter);

    /// Null where there is none.
    const system_account* account();

    /// Whether a token had no value for want of an account or of its home directory.
    bool lacked_account() const { return lacked_account_; }

private:
    const std::string name_;
    const account_lookup& look_up_;
    std::optional<std::optional<system_account>> account_;
    bool lacked_account_ = false;
};

/// A file that a pattern with %u, %U and %h stands for.
struct user_file {
    std::string path;
    std::optional<uid_t> owner;  // who may own it besides root and us: whose home it names
};

/// Nothing for a user name that would lead to another folder, and where a token has no value.
std::optional<user_file> file_for(std::string_view pattern, login_user& user);

}  // namespace sluice
