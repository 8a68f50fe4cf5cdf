#pragma once

#include "sluice/io/authenticator.hpp"
#include "sluice/io/file_authenticator.hpp"
#include "sluice/tools/sluiced_settings.hpp"

#include <boost/asio/thread_pool.hpp>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace sluice {

/// Whether settings let anybody in by that method: it is enabled, and there is what it asks.
bool is_possible(const sluiced_config& config, std::string_view method);

/// The ways in that settings leave to a user, each with its methods in order; may be none.
std::vector<std::vector<std::string>> ways_in(const sluiced_config& config, std::string_view user);

file_authenticator_options file_options(const sluiced_config& config);

/// Logins by settings that Match may change for each user, address and port.
class sluiced_authenticator final : public authenticator {
public:
    /// `banners` has the text of every file that a Banner names; `pool` outlives this.
    sluiced_authenticator(std::shared_ptr<const sluiced_settings> settings,
                          std::map<std::string, std::string> banners,
                          boost::asio::thread_pool& pool)
        : settings_(std::move(settings)), banners_(std::move(banners)), pool_(pool) {}

    boost::asio::awaitable<login_verdict> check(login_attempt attempt) override;
    boost::asio::awaitable<login_verdict> converse(login_attempt attempt,
                                                   conversation& user) override;
    std::optional<auth_policy> policy(const login_attempt& attempt) override;

private:
    const std::shared_ptr<const sluiced_settings> settings_;
    const std::map<std::string, std::string> banners_;
    boost::asio::thread_pool& pool_;
};

}  // namespace sluice
