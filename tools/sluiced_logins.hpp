#pragma once

#include "sluice/io/authenticator.hpp"
#include "sluice/io/command_launcher.hpp"
#include "sluice/io/file_authenticator.hpp"
#include "sluice/io/pam_authenticator.hpp"
#include "sluice/tools/sluiced_settings.hpp"

#include <boost/asio/thread_pool.hpp>

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

/// Whether settings let anybody in by that method: it is enabled, and there is what it asks.
bool is_possible(const sluiced_config& config, std::string_view method);

/// The ways in that settings leave to a user, each with its methods in order; may be none.
std::vector<std::vector<std::string>> ways_in(const sluiced_config& config, std::string_view user);

/// A file of AuthorizedKeysFile or AuthorizedPrincipalsFile, whose path is from the user's home
/// directory where it is relative.
std::string from_home(const std::string& pattern);

/// What all logins of a server have together; each may be empty.
struct shared_by_logins {
    std::shared_ptr<policy_cache> kept_files = {};
    std::shared_ptr<source_pool> passwords = {};      // where they are hashed
    std::shared_ptr<source_pool> lookups = {};        // of hosts' names
    std::shared_ptr<source_pool> programs = {};       // that list keys and principals
    std::shared_ptr<source_pool> accounts = {};       // looks up groups, where they matter
    std::shared_ptr<command_launcher> launcher = {};  // of these
};

/// What decides a login for which `holds` has been found by those facts.
file_authenticator_options file_options(const std::shared_ptr<const sluiced_config>& holds,
                                        const login_facts& facts = {},
                                        const shared_by_logins& shared = {});

/// Names of the groups of an account of this machine; nothing where there is none by that name.
/// Blocks as NSS does. Errors: those of groups_of and account_named.
result<std::optional<std::vector<std::string>>> groups_of_user(const std::string& user);

/// Where logins wait for disks and modules, and hash passwords; and what starts programs for them.
struct login_pools {
    boost::asio::thread_pool& files;
    boost::asio::thread_pool& pam;                    // a thread for each user who is asked
    std::shared_ptr<command_launcher> launcher = {};  // of programs for logins
};

/// How many threads logins by PAM want: one for each that MaxStartups lets in, up to a bound.
std::size_t pam_threads(const sluiced_config& config);

/// Logins by settings that Match may change for each user, address and port.
class sluiced_authenticator final : public authenticator {
public:
    /// `banners` has the text of every file that a Banner names; the pools outlive this.
    /// `pam_folder` is where services are described; empty: where the system has them.
    sluiced_authenticator(std::shared_ptr<const sluiced_settings> settings,
                          std::map<std::string, std::string> banners, login_pools pools,
                          std::string pam_folder = {});

    boost::asio::awaitable<login_verdict> check(login_attempt attempt) override;
    boost::asio::awaitable<login_verdict> converse(login_attempt attempt,
                                                   conversation& user) override;
    boost::asio::awaitable<std::optional<auth_policy>> policy(login_attempt attempt) override;

private:
    boost::asio::awaitable<std::optional<login_facts>> facts_of(login_attempt attempt) const;
    auth_policy policy_by(const login_facts& facts) const;
    boost::asio::awaitable<login_verdict> finish(login_verdict verdict, login_attempt attempt,
                                                 login_facts facts,
                                                 std::shared_ptr<const sluiced_config> holds);

    const std::shared_ptr<const sluiced_settings> settings_;
    const std::map<std::string, std::string> banners_;
    const login_pools pools_;
    const shared_by_logins shared_;
    pam_authenticator pam_;
};

}  // namespace sluice
