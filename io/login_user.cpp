#include "sluice/io/login_user.hpp"

#include "sluice/io/percent_tokens.hpp"

namespace sluice {
namespace {

// As the name of a file or folder: not another one's.
bool is_plain(std::string_view name) {
    return !name.empty() && name.front() != '.' && name.find('/') == std::string_view::npos &&
           name.find('\0') == std::string_view::npos;
}

}  // namespace

const system_account* login_user::account() {
    if (!account_) account_ = look_up_ ? look_up_(name_) : std::nullopt;
    return *account_ ? &**account_ : nullptr;
}

std::optional<std::string> login_user::token(char letter) {
    if (letter == 'u') return name_;
    if (letter != 'U' && letter != 'h') return std::nullopt;
    const system_account* const found = account();
    if (found != nullptr && letter == 'U') return std::to_string(found->uid);
    if (found != nullptr && found->home.starts_with('/')) return found->home;
    lacked_account_ = true;
    return std::nullopt;
}

std::optional<user_file> file_for(std::string_view pattern, login_user& user) {
    bool names_home = false;
    auto path = replace_tokens(pattern, [&](char letter) -> std::optional<std::string> {
        if (letter == 'u' && !is_plain(user.name())) return std::nullopt;
        names_home = names_home || letter == 'h';
        return user.token(letter);
    });
    if (!path) return std::nullopt;
    return user_file{std::move(*path),
                     names_home ? std::optional(user.account()->uid) : std::nullopt};
}

}  // namespace sluice
