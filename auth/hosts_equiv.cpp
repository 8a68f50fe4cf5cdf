#include "sluice/auth/hosts_equiv.hpp"

#include "sluice/auth/policy_line.hpp"

#include <algorithm>

namespace sluice {
namespace {

constexpr std::string_view blanks = " \t\r";

std::string_view take_word(std::string_view& line) {
    line = without_leading_blanks(line);
    const std::string_view word = line.substr(0, line.find_first_of(blanks));
    line.remove_prefix(word.size());
    return word;
}

// Takes the sign in front of a name. True for a minus.
bool take_sign(std::string_view& word) {
    const bool minus = word.starts_with('-');
    if (minus || word.starts_with('+')) word.remove_prefix(1);
    return minus;
}

}  // namespace

bool hosts_equiv_permits(std::string_view file, std::string_view client_host,
                         std::string_view client_user, std::string_view user) {
    // Nobody has no name, and is not the same as another nobody.
    if (client_host.empty() || client_user.empty() || user.empty()) return false;
    while (!file.empty()) {
        const auto end = std::min(file.find('\n'), file.size());
        std::string_view line = file.substr(0, end);
        file.remove_prefix(std::min(end + 1, file.size()));
        line = line.substr(0, line.find('#'));
        std::string_view host = take_word(line);
        std::string_view other = take_word(line);
        const bool user_named = !other.empty();
        const bool host_refused = take_sign(host);
        const bool user_refused = take_sign(other);
        if (host.empty() || host.front() == '@' || !equal_ignoring_case(host, client_host))
            continue;
        // A host that is refused is refused for all its users, and a sign alone names nobody.
        const bool about_user =
            user_named ? client_user == other || (other.empty() && (user_refused || host_refused))
                       : host_refused || client_user == user;
        if (!about_user) continue;
        return !host_refused && !user_refused;
    }
    return false;
}

}  // namespace sluice
