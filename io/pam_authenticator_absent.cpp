// In place of pam_authenticator.cpp where there is no PAM to build with.

#include "sluice/io/pam_authenticator.hpp"

namespace asio = boost::asio;

namespace sluice {

bool is_built_with_pam() { return false; }

asio::awaitable<login_verdict> pam_authenticator::check(login_attempt) {
    co_return login_verdict{.reason = "built without PAM"};
}

asio::awaitable<login_verdict> pam_authenticator::converse(login_attempt, conversation&) {
    co_return login_verdict{.reason = "built without PAM"};
}

asio::awaitable<login_verdict> pam_authenticator::check_account(login_attempt) {
    co_return login_verdict{.reason = "built without PAM"};
}

}  // namespace sluice
