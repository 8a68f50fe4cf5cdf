#include "sluice/auth/auth_question.hpp"

#include "sluice/wire/limits.hpp"

namespace sluice {

bool fits(const auth_reply& reply, enum auth_question::kind what) {
    using kind = enum auth_question::kind;
    if (const auto* ask = std::get_if<auth_prompts>(&reply))
        return (what == kind::interactive || what == kind::interactive_responses) &&
               ask->prompts.size() <= limits::auth_prompts_max;
    if (std::holds_alternative<auth_password_expired>(reply))
        return what == kind::password || what == kind::password_change;
    if (std::holds_alternative<auth_policy>(reply)) return what == kind::user;
    return true;
}

}  // namespace sluice
