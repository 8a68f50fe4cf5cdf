#include "sluice/auth/auth_question.hpp"

#include "sluice/wire/limits.hpp"

namespace sluice {

bool fits(const auth_reply& reply, enum auth_question::kind what) {
    using kind = enum auth_question::kind;
    if (const auto* ask = std::get_if<auth_prompts>(&reply))
        return (what == kind::interactive || what == kind::interactive_responses) &&
               ask->prompts.size() <= limits::auth_prompts_max;
    if (std::holds_alternative<auth_accept>(reply))
        return what == kind::public_key || what == kind::public_key_query ||
               what == kind::host_based || what == kind::host_based_query;
    if (std::holds_alternative<auth_password_expired>(reply))
        return what == kind::password || what == kind::password_change;
    if (std::holds_alternative<auth_policy>(reply)) return what == kind::user;
    return true;
}

bool accepts(const auth_reply& reply) {
    const auto* answer = std::get_if<auth_answer>(&reply);
    return (answer != nullptr && *answer == auth_answer::accept) ||
           std::holds_alternative<auth_accept>(reply);
}

bool admits(const auth_reply& reply, const auth_question& question) {
    if (!accepts(reply)) return false;
    const auto* accept = std::get_if<auth_accept>(&reply);
    const auth_accept named = accept != nullptr ? *accept : auth_accept{};
    if (question.certificate && !named.certificate_judged) return false;
    // Before anything is signed a touch can still come.
    if (question.is_query() || !question.key) return true;
    const bool touched = question.assertion && question.assertion->user_present;
    return !question.key->is_security_key() || touched || named.touch_waived;
}

}  // namespace sluice
