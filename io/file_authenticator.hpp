#pragma once

#include "sluice/io/authenticator.hpp"
#include "sluice/io/password_file.hpp"

#include <boost/asio/thread_pool.hpp>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

struct file_authenticator_options {
    /// authorized_keys files; %u stands for the user, %% for a percent sign. Empty: no keys.
    std::vector<std::string> authorized_keys_files = {};

    /// Password hashes (password_file.hpp). Empty: no passwords.
    std::string users_file = {};

    /// Who may log in at all; empty: everybody. Asked for every attempt, and a refusal looks to the
    /// client like a wrong password or key.
    std::function<bool(std::string_view user, std::string_view peer_address)> admits = {};
};

/// Lets in who has a key in an authorized_keys file or a password in a users file. Files are read
/// at each attempt, so a change counts at once.
class file_authenticator final : public authenticator {
public:
    /// Reading files and hashing passwords is done on `pool`, which outlives the authenticator.
    file_authenticator(file_authenticator_options options, boost::asio::thread_pool& pool)
        : options_(std::move(options)), pool_(pool) {}

    boost::asio::awaitable<login_verdict> check(login_attempt attempt) override;

private:
    login_verdict decide(const login_attempt& attempt) const;
    login_verdict check_key(const login_attempt& attempt) const;
    bool check_password(const login_attempt& attempt) const;

    const file_authenticator_options options_;
    boost::asio::thread_pool& pool_;
};

/// The text of a file. Errors: those of the system; too_long above `size_max` bytes.
result<std::string> read_text_file(const std::string& path, std::size_t size_max);

}  // namespace sluice
