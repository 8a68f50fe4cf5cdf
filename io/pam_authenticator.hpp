#pragma once

#include "sluice/io/authenticator.hpp"

#include <boost/asio/thread_pool.hpp>

#include <string>
#include <utility>

namespace sluice {

/// Whether the library was built with PAM. Without it every pam_authenticator refuses.
bool is_built_with_pam();

struct pam_options {
    std::string service = "sluiced";

    /// Where the file of the service is; empty: where the system has them (/etc/pam.d).
    std::string service_folder = {};
};

/// Logins by the system's Pluggable Authentication Modules: by keyboard-interactive, where modules
/// ask whatever they like and may have an expired password changed, and by password, which answers
/// the one question that is not echoed. Accounts are checked too. No session is opened, for there
/// is no process with the user's id.
class pam_authenticator final : public authenticator {
public:
    /// A login keeps a thread of `pool` for as long as modules and the user take, so that there
    /// should be as many as there may be connections that are not logged in. The pool outlives the
    /// authenticator.
    pam_authenticator(pam_options options, boost::asio::thread_pool& pool)
        : options_(std::move(options)), pool_(pool) {}

    /// Passwords; all else is refused.
    boost::asio::awaitable<login_verdict> check(login_attempt attempt) override;
    boost::asio::awaitable<login_verdict> converse(login_attempt attempt,
                                                   conversation& user) override;

    /// Whether the account of one who has proven himself in another way may be used. An expired
    /// password refuses: nobody is there to be asked for another.
    boost::asio::awaitable<login_verdict> check_account(login_attempt attempt);

private:
    const pam_options options_;
    boost::asio::thread_pool& pool_;
};

}  // namespace sluice
