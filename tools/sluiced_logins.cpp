#include "sluice/tools/sluiced_logins.hpp"

#include "sluice/io/clock.hpp"
#include "sluice/io/coroutine_operation.hpp"
#include "sluice/io/on_pool.hpp"
#include "sluice/io/policy_cache.hpp"
#include "sluice/io/refusal_time.hpp"
#include "sluice/io/source_pool.hpp"
#include "sluice/io/system_accounts.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <iterator>
#include <optional>
#include <thread>

namespace asio = boost::asio;

namespace sluice {
namespace {

using namespace asio::experimental::awaitable_operators;

constexpr std::string_view groups_not_told = "the groups of the user cannot be told";

// Half of the machine at most, as much as the rest of it can spare.
std::size_t password_threads() { return std::max(1u, std::thread::hardware_concurrency() / 2); }

shared_by_logins shared_by(const sluiced_settings& settings,
                           std::shared_ptr<command_launcher> launcher) {
    shared_by_logins shared;
    shared.launcher = std::move(launcher);
    shared.kept_files = std::make_shared<policy_cache>();
    shared.passwords =
        std::make_shared<source_pool>(source_pool_size{.threads = password_threads()});
    const auto all = settings.all();
    if (std::ranges::any_of(all, &sluiced_config::hostbased_authentication))
        shared.lookups = std::make_shared<source_pool>(
            source_pool_size{.threads = limits::lookup_threads,
                             .waiting_max = limits::lookups_waiting_max,
                             .of_source_max = limits::lookups_of_user_max});
    if (std::ranges::any_of(all, asks_a_program))
        shared.programs = std::make_shared<source_pool>(
            source_pool_size{.threads = limits::lookup_threads,
                             .waiting_max = limits::lookups_waiting_max,
                             .of_source_max = limits::lookups_of_user_max});
    // NSS may wait for a network, and nothing else is to wait behind it.
    if (settings.ask_for_groups())
        shared.accounts = std::make_shared<source_pool>(source_pool_size{
            .threads = limits::lookup_threads, .waiting_max = limits::lookups_waiting_max});
    return shared;
}

std::optional<system_account> account_of(const std::string& user) {
    auto found = account_named(user);
    return found ? std::move(*found) : std::nullopt;
}

std::string home_of(std::string_view user) {
    std::string home = sftp_user_named(std::string(user)).home;
    return home == "/" ? std::string() : home;
}

// What settings say of a login, in place of what its key says, or beside it.
login_verdict with_settings(login_verdict verdict, const sluiced_config& config) {
    if (!accepts(verdict.answer)) return verdict;
    auto& rights = verdict.rights;
    if (!config.force_command.empty()) rights.forced_command = config.force_command;
    if (config.disable_forwarding) rights.port_forwarding = false;
    for (const auto& variable : config.environment)
        rights.environment.push_back(variable);
    return verdict;
}

}  // namespace

bool is_possible(const sluiced_config& config, std::string_view method) {
    const bool passwords = config.use_pam || !config.users_file.empty();
    if (method == "publickey")
        return config.pubkey_authentication &&
               (!config.authorized_keys_files.empty() || !config.authorized_keys_command.empty() ||
                !config.trusted_user_ca_keys.empty());
    if (method == "password") return config.password_authentication && passwords;
    if (method == "keyboard-interactive") return config.interactive_authentication && passwords;
    if (method == "hostbased")
        return config.hostbased_authentication && !config.hostbased_known_hosts_files.empty() &&
               !config.shosts_files.empty();
    return false;
}

std::vector<std::vector<std::string>> ways_in(const sluiced_config& config, std::string_view user) {
    auto ways = config.authentication_methods;
    if (ways.empty()) ways = {{"publickey"}, {"hostbased"}, {"password"}, {"keyboard-interactive"}};
    const bool no_password =
        user == "root" && config.permit_root_login == root_login::prohibit_password;
    const auto impossible = [&](const std::string& method) {
        return !is_possible(config, method) ||
               (no_password && (method == "password" || method == "keyboard-interactive"));
    };
    std::erase_if(ways, [&](const auto& way) { return std::ranges::any_of(way, impossible); });
    return ways;
}

std::string from_home(const std::string& pattern) {
    const bool anchored = pattern.empty() || pattern.starts_with('/') || pattern.starts_with("%h");
    return anchored ? pattern : "%h/" + pattern;
}

file_authenticator_options file_options(const std::shared_ptr<const sluiced_config>& holds,
                                        const login_facts& facts, const shared_by_logins& shared) {
    const sluiced_config& config = *holds;
    file_authenticator_options files;
    if (config.pubkey_authentication) {
        std::ranges::transform(config.authorized_keys_files,
                               std::back_inserter(files.authorized_keys_files), from_home);
        files.authorized_keys_program = config.authorized_keys_command;
        files.trusted_user_ca_keys_file = config.trusted_user_ca_keys;
        files.authorized_principals_file = from_home(config.authorized_principals_file);
        files.authorized_principals_program = config.authorized_principals_command;
    }
    files.revoked_keys_file = config.revoked_keys;
    files.strict_modes = config.strict_modes;
    files.rsa_bits_min = config.required_rsa_size;
    files.ca_signature_algorithms = config.ca_signature_algorithms;
    if (config.password_authentication || config.interactive_authentication)
        files.users_file = config.users_file;
    if (config.hostbased_authentication)
        files.host_based = {config.hostbased_known_hosts_files, config.shosts_files,
                            config.hostbased_name_from_packet_only};
    files.kept_files = shared.kept_files;
    files.passwords = shared.passwords;
    files.lookups = shared.lookups;
    files.programs = shared.programs;
    files.launcher = shared.launcher;
    files.account_of = account_of;
    // Looked up only where there is a tree to begin in.
    if (!config.root.empty()) files.home_of = home_of;
    files.admits = [holds, facts](std::string_view user, std::string_view address) {
        login_facts login = facts;
        login.user = user;
        login.address = address;
        return user_allowed(*holds, login);
    };
    return files;
}

result<std::optional<std::vector<std::string>>> groups_of_user(const std::string& user) {
    using groups = std::optional<std::vector<std::string>>;
    const auto account = account_named(user);
    if (!account) return account.error();
    if (!*account) return groups();
    auto names = groups_of(**account);
    if (!names) return names.error();
    return groups(std::move(*names));
}

std::size_t pam_threads(const sluiced_config& config) {
    constexpr std::size_t most = 256;
    return config.use_pam ? std::min<std::size_t>(config.max_startups.full, most) : 1;
}

sluiced_authenticator::sluiced_authenticator(std::shared_ptr<const sluiced_settings> settings,
                                             std::map<std::string, std::string> banners,
                                             login_pools pools, std::string pam_folder)
    : settings_(std::move(settings)),
      banners_(std::move(banners)),
      pools_(std::move(pools)),
      shared_(shared_by(*settings_, pools_.launcher)),
      pam_({settings_->base.pam_service, std::move(pam_folder)}, pools_.pam) {}

// Nothing where they cannot be told. Groups are asked for where they matter, again for each attempt
// and not for ever.
asio::awaitable<std::optional<login_facts>> sluiced_authenticator::facts_of(
    login_attempt attempt) const {
    login_facts facts{attempt.question.user, attempt.peer_address, attempt.local_port,
                      attempt.local_address};
    const auto accounts = shared_.accounts;
    if (!accounts) co_return facts;
    auto look = [user = facts.user] { return groups_of_user(user); };
    asio::steady_timer timer(co_await asio::this_coro::executor, limits::lookup_time_max);
    auto first = co_await (accounts->run(facts.address, std::move(look)) || pass(timer));
    if (first.index() == 1) co_return std::nullopt;
    auto& groups = std::get<0>(first);
    if (!groups || !*groups) co_return std::nullopt;
    facts.groups = std::move(**groups);
    co_return facts;
}

asio::awaitable<login_verdict> sluiced_authenticator::check(login_attempt attempt) {
    auto facts = co_await facts_of(attempt);
    if (!facts) co_return login_verdict{.reason = std::string(groups_not_told)};
    const auto holds = effective_for(settings_, *facts);
    login_verdict verdict;
    if (holds->use_pam && attempt.question.what == auth_question::kind::password) {
        verdict = co_await pam_.check(attempt);
    } else {
        file_authenticator files(file_options(holds, *facts, shared_), pools_.files);
        verdict = co_await files.check(attempt);
    }
    co_return co_await finish(std::move(verdict), std::move(attempt), std::move(*facts), holds);
}

asio::awaitable<login_verdict> sluiced_authenticator::converse(login_attempt attempt,
                                                               conversation& user) {
    auto facts = co_await facts_of(attempt);
    if (!facts) co_return login_verdict{.reason = std::string(groups_not_told)};
    const auto holds = effective_for(settings_, *facts);
    login_verdict verdict;
    if (holds->use_pam) {
        verdict = co_await pam_.converse(attempt, user);
    } else {
        file_authenticator files(file_options(holds, *facts, shared_), pools_.files);
        verdict = co_await files.converse(attempt, user);
    }
    co_return co_await finish(std::move(verdict), std::move(attempt), std::move(*facts), holds);
}

// Who has proven himself may still not be wanted.
asio::awaitable<login_verdict> sluiced_authenticator::finish(
    login_verdict verdict, login_attempt attempt, login_facts facts,
    std::shared_ptr<const sluiced_config> holds) {
    const sluiced_config& config = *holds;
    if (!accepts(verdict.answer)) co_return verdict;
    const auto& question = attempt.question;
    if (!user_allowed(config, facts))
        co_return login_verdict{.reason = "user or address is not allowed"};
    const bool signed_by_key = question.what == auth_question::kind::public_key ||
                               question.what == auth_question::kind::host_based;
    if (config.use_pam && signed_by_key) {
        auto account = co_await pam_.check_account(attempt);
        if (!accepts(account.answer)) co_return account;
    }
    const bool by_pam = config.use_pam && !signed_by_key && !question.is_query();
    if (by_pam && !config.root.empty()) {
        auto look = [user = question.user] { return home_of(user); };
        verdict.rights.home_directory = co_await on_pool(pools_.files, std::move(look));
    }
    verdict.rights.groups = std::move(facts.groups);
    co_return with_settings(std::move(verdict), config);
}

// What was looked up must not be told by its time.
asio::awaitable<std::optional<auth_policy>> sluiced_authenticator::policy(login_attempt attempt) {
    const auto begun = now();
    const auto facts = co_await facts_of(attempt);
    if (shared_.accounts) {
        const auto whole = refusal_time::of_process().whole(attempt.question.user, now() - begun);
        asio::steady_timer least(co_await asio::this_coro::executor, begun + whole);
        co_await pass(least);
    }
    co_return facts ? policy_by(*facts) : auth_policy();
}

auth_policy sluiced_authenticator::policy_by(const login_facts& facts) const {
    const auto holds = effective_for(settings_, facts);
    const sluiced_config& config = *holds;
    auth_policy policy;
    policy.method_chains = ways_in(config, facts.user);
    policy.attempts_max = config.max_auth_tries;
    const auto banner = banners_.find(config.banner);
    if (banner != banners_.end()) policy.banner = banner->second;
    policy.public_key_algorithms = config.pubkey_accepted_algorithms;
    return policy;
}

}  // namespace sluice
