#include "sluice/io/client_login.hpp"

#include "sluice/wire/expects.hpp"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace asio = boost::asio;

namespace sluice {
namespace {

// What the system knows of the user that this process runs as.
template <class Field>
std::string of_this_user(Field field) {
    std::array<char, 16 * 1024> memory;
    passwd entry{};
    passwd* found = nullptr;
    if (::getpwuid_r(::getuid(), &entry, memory.data(), memory.size(), &found) != 0 ||
        found == nullptr)
        return {};
    return field(*found);
}

}  // namespace

std::string ssh_folder() {
    const std::string home = of_this_user([](const passwd& p) { return std::string(p.pw_dir); });
    return home.empty() ? home : home + "/.ssh";
}

client_login::client_login(connect_options options, asio::any_io_executor strand)
    : options_(std::move(options)),
      hosts_(options_.known_hosts_files.value_or(known_hosts_files::usual())),
      identities_(std::move(strand)) {}

asio::awaitable<void> client_login::prepare() {
    if (const error_code e = hosts_.load(); e && options_.log)
        options_.log({log_severity::error, "known_hosts_unusable", {{"reason", e.message()}}});
    auto& protocol = options_.protocol;
    protocol.transport.host_key_algorithms =
        hosts_.hosts().ordered(protocol.transport.host_key_algorithms, known_as(), known_port());

    co_await identities_.load(options_);
    auto& auth = protocol.auth;
    auth.keys = identities_.public_halves();
    auth.user = options_.user.empty()
                    ? of_this_user([](const passwd& p) { return std::string(p.pw_name); })
                    : options_.user;
}

void client_login::banner(std::string_view text) const {
    if (options_.on_banner) options_.on_banner(text);
}

void client_login::finish() {
    options_.password.reset();
    options_.keys.clear();
    options_.jump_hosts.clear();  // with their secrets
    options_.on_unknown_host_key = {};
    options_.on_passphrase = {};
    options_.on_password = {};
    options_.on_prompts = {};
    identities_.forget();
}

// --- who the server is --------------------------------------------------------------------------

std::string_view client_login::known_as() const {
    return options_.host_key_alias.empty() ? options_.host : options_.host_key_alias;
}

std::uint16_t client_login::known_port() const {
    return options_.host_key_alias.empty() ? options_.port : ssh_port;
}

std::string client_login::server_name() const { return known_hosts_name(known_as(), known_port()); }

asio::awaitable<bool> client_login::trusts(crypto::public_key key, std::string algorithm) {
    const auto found = hosts_.hosts().lookup(known_as(), known_port(), key);
    const std::string shown =
        std::string(key.type()) + " key of " + server_name() + " (" + key.fingerprint() + ")";
    switch (found.what) {
    case known_hosts::verdict::revoked:
        host_key_problem_ = "the " + shown + " is revoked: " + hosts_.place(found);
        co_return false;
    case known_hosts::verdict::known: co_return true;
    case known_hosts::verdict::changed:
        if (std::ranges::find(options_.host_keys, key) != options_.host_keys.end()) co_return true;
        host_key_problem_ =
            "the " + shown + " is not the one that is known: " + hosts_.place(found);
        co_return false;
    case known_hosts::verdict::unknown: break;
    }
    if (std::ranges::find(options_.host_keys, key) != options_.host_keys.end()) co_return true;

    auto answer = host_key_answer::refuse;
    switch (options_.host_keys_unknown) {
    case host_key_policy::strict: break;
    case host_key_policy::accept_new: answer = host_key_answer::accept_and_save; break;
    case host_key_policy::ask:
        if (options_.on_unknown_host_key) {
            host_key_question question{options_.host, options_.port, key, std::move(algorithm)};
            answer = co_await options_.on_unknown_host_key(std::move(question));
        }
        break;
    }
    if (answer == host_key_answer::refuse) host_key_problem_ = "the " + shown + " is not known";
    if (answer == host_key_answer::accept_and_save) save(key);
    co_return answer != host_key_answer::refuse;
}

void client_login::save(const crypto::public_key& key) {
    const error_code e = hosts_.add(known_as(), known_port(), key, options_.hash_known_hosts);
    if (!options_.log) return;
    if (e)
        options_.log({log_severity::error,
                      "host_key_not_saved",
                      {{"host", server_name()}, {"reason", e.message()}}});
    else
        options_.log({log_severity::info,
                      "host_key_saved",
                      {{"host", server_name()}, {"key", key.fingerprint()}}});
}

// --- who we are ---------------------------------------------------------------------------------

asio::awaitable<client_auth_answer> client_login::answer(client_auth_question question) {
    switch (question.what) {
    case client_auth_question::kind::signature:
        co_return co_await identities_.sign(question.key_index, std::move(question.algorithm),
                                            std::move(question.data), options_);
    case client_auth_question::kind::password:
    case client_auth_question::kind::new_password:
        co_return co_await answer_password(std::move(question));
    case client_auth_question::kind::prompts:
        co_return co_await answer_prompts(std::move(question));
    }
    unreachable();
}

asio::awaitable<client_auth_answer> client_login::answer_password(client_auth_question question) {
    const bool first =
        question.what == client_auth_question::kind::password && question.attempt <= 1;
    if (options_.password && first) co_return auth_password{*options_.password};
    if (!options_.on_password) co_return auth_declined{};
    auto given = co_await options_.on_password(std::move(question));
    if (!given) co_return auth_declined{};
    co_return auth_password{std::move(*given)};
}

asio::awaitable<client_auth_answer> client_login::answer_prompts(client_auth_question question) {
    const std::size_t count = question.prompts.size();
    if (count == 0) co_return auth_responses{};
    const bool for_password = count == 1 && !question.prompts.front().echo && question.attempt <= 1;
    if (options_.password && for_password) {
        auth_responses answer;
        answer.responses.push_back(*options_.password);
        co_return answer;
    }
    if (!options_.on_prompts) co_return auth_declined{};
    auto given = co_await options_.on_prompts(std::move(question));
    if (!given || given->size() != count) co_return auth_declined{};
    co_return auth_responses{std::move(*given)};
}

}  // namespace sluice
