#include "sluice/io/client_login.hpp"

#include "sluice/auth/revoked_keys.hpp"
#include "sluice/io/clock.hpp"
#include "sluice/io/system_accounts.hpp"
#include "sluice/io/text_file.hpp"
#include "sluice/wire/expects.hpp"
#include "sluice/wire/limits.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>

namespace asio = boost::asio;

namespace sluice {
namespace {

// Empty where the system does not know it.
std::string this_user() {
    const auto own = account_numbered(::getuid());
    return own && *own ? (*own)->name : std::string();
}

std::string this_host() {
    std::array<char, limits::host_name_length_max + 1> name{};
    return ::gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data())
                                                            : std::string();
}

}  // namespace

std::string ssh_folder() {
    const auto own = account_numbered(::getuid());
    const std::string home = own && *own ? (*own)->home : std::string();
    return home.empty() ? home : home + "/.ssh";
}

client_login::client_login(connect_options options, asio::any_io_executor strand)
    : options_(std::move(options)),
      hosts_(options_.known_hosts_files.value_or(known_hosts_files::usual())),
      identities_(std::move(strand)) {}

asio::awaitable<void> client_login::prepare() {
    if (const error_code e = hosts_.load(); e && options_.log)
        options_.log({log_severity::error, "known_hosts_unusable", {{"reason", e.message()}}});
    // That it has failed is seen when it is asked about the server's key.
    if (options_.on_known_hosts) {
        known_hosts_question question{known_hosts_question::reason::order, server_name()};
        known_hosts_failed_ = !co_await ask_known_hosts(std::move(question));
    }
    auto& protocol = options_.protocol;
    protocol.transport.host_key_algorithms =
        hosts_.hosts().ordered(protocol.transport.host_key_algorithms, known_as(), known_port());

    co_await identities_.load(options_);
    std::erase_if(options_.host_based_keys, [&](const crypto::private_key& key) {
        return !rsa_key_too_small(key.public_half(), options_.rsa_bits_min).empty();
    });
    auto& auth = protocol.auth;
    auth.keys = identities_.shown();
    for (const auto& key : options_.host_based_keys)
        auth.host_based.keys.emplace_back(key.public_half());
    if (auth.host_based.client_user.empty()) auth.host_based.client_user = this_user();
    if (auth.host_based.client_host.empty()) auth.host_based.client_host = this_host();
    auth.user = options_.user.empty() ? this_user() : options_.user;
}

void client_login::banner(std::string_view text) const {
    if (options_.on_banner) options_.on_banner(text);
}

void client_login::finish() {
    options_.password.reset();
    options_.keys.clear();
    options_.host_based_keys.clear();
    options_.on_host_signature = {};
    options_.external_keys.clear();
    options_.jump_hosts.clear();  // with their secrets
    options_.on_known_hosts = {};
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

// As ssh(1): what is known for the host alone is known for its other ports, where nothing is said
// of that port. A key that is revoked for the host is revoked there too.
template <class... What>
known_hosts::match client_login::lookup(const What&... what) const {
    const auto found = hosts_.hosts().lookup(known_as(), known_port(), what...);
    if (found.what != known_hosts::verdict::unknown || known_port() == ssh_port) return found;
    const auto portless = hosts_.hosts().lookup(known_as(), ssh_port, what...);
    const bool counts = portless.what == known_hosts::verdict::known ||
                        portless.what == known_hosts::verdict::revoked;
    return counts ? portless : found;
}

// False where there is no answer: then nobody knows whom the server was to be.
asio::awaitable<bool> client_login::ask_known_hosts(known_hosts_question question) {
    std::optional<std::string> text;
    try {
        text = co_await options_.on_known_hosts(std::move(question));
    } catch (...) {
        text.reset();
    }
    auto lines = text ? known_hosts::parse(*text) : result<known_hosts>(errc::bad_value);
    if (!lines) {
        host_key_problem_ = "what lists known hosts beside the files has failed";
        co_return false;
    }
    hosts_.put_beside(std::move(*lines));
    co_return true;
}

asio::awaitable<bool> client_login::trusts(crypto::presented_key shown, std::string algorithm) {
    if (revoked_by_file(shown) || too_small(shown)) co_return false;
    if (options_.on_known_hosts) {
        known_hosts_question question{known_hosts_question::reason::host_name, server_name(),
                                      shown};
        if (known_hosts_failed_ || !co_await ask_known_hosts(std::move(question))) co_return false;
    }
    // What is there at this system's own addresses changes with containers and forwards.
    if (options_.trust_loopback && on_loopback_ && options_.host_key_alias.empty()) co_return true;
    std::string note;
    if (shown.cert) {
        const auto found = lookup(*shown.cert, system_seconds(), options_.ca_signature_algorithms);
        if (found.what == known_hosts::verdict::known) co_return true;
        if (found.what == known_hosts::verdict::revoked) {
            host_key_problem_ = "the certificate of " + server_name() +
                                (found.fault.empty() ? " or its authority is revoked: "
                                                     : " or its authority may be revoked: ") +
                                hosts_.place(found);
            if (!found.fault.empty()) host_key_problem_ += ": " + std::string(found.fault);
            co_return false;
        }
        // As ssh(1): what no authority of ours vouches for is a key like any other.
        if (!found.fault.empty()) note = "; its " + std::string(found.fault);
    }
    co_return co_await trusts_bare(std::move(shown.key), std::move(algorithm), std::move(note));
}

bool client_login::revoked_by_file(const crypto::presented_key& shown) {
    if (options_.revoked_host_keys.empty()) return false;
    const auto file = read_text_file(options_.revoked_host_keys, limits::krl_length_max);
    const auto revoked = file ? revoked_keys::parse(as_bytes(*file)) : file.error();
    if (revoked && !revoked->revokes(shown)) return false;
    host_key_problem_ = revoked ? "the host key of " + server_name() + " is revoked by "
                                : "host keys may be revoked: " + revoked.error().message() + ", ";
    host_key_problem_ += options_.revoked_host_keys;
    return true;
}

bool client_login::too_small(const crypto::presented_key& shown) {
    const auto judge = [&](std::string_view what, const crypto::public_key& key) {
        const std::string why = rsa_key_too_small(key, options_.rsa_bits_min);
        if (!why.empty())
            host_key_problem_ = std::string(what) + " of " + server_name() + " is refused: " + why;
        return !why.empty();
    };
    return judge("the host key", shown.key) ||
           (shown.cert && judge("the authority", shown.cert->signature_key()));
}

asio::awaitable<bool> client_login::trusts_bare(crypto::public_key key, std::string algorithm,
                                                std::string note) {
    const auto found = lookup(key);
    const std::string shown = std::string(key.type()) + " key of " + server_name() + " (" +
                              key.fingerprint() + ")" + note;
    switch (found.what) {
    case known_hosts::verdict::revoked:
        host_key_problem_ = "the " + shown +
                            (found.fault.empty() ? " is revoked: " : " may be revoked: ") +
                            hosts_.place(found);
        if (!found.fault.empty()) host_key_problem_ += ": " + std::string(found.fault);
        co_return false;
    case known_hosts::verdict::known: known_key_ = key.blob(); co_return true;
    case known_hosts::verdict::changed:
        if (std::ranges::find(options_.host_keys, key) != options_.host_keys.end()) co_return true;
        if (options_.host_keys_unknown == host_key_policy::accept_any) {
            trust_no_further(key, found);
            co_return true;
        }
        host_key_problem_ =
            "the " + shown + " is not the one that is known: " + hosts_.place(found);
        co_return false;
    case known_hosts::verdict::unknown: break;
    }
    if (std::ranges::find(options_.host_keys, key) != options_.host_keys.end()) co_return true;

    // What could not be read might have said that this server has another key.
    if (hosts_.error()) {
        host_key_problem_ = "the " + shown + " is not known, and the known hosts cannot be read: " +
                            hosts_.error().message();
        co_return false;
    }
    auto answer = host_key_answer::refuse;
    switch (options_.host_keys_unknown) {
    case host_key_policy::strict: break;
    case host_key_policy::accept_new:
    case host_key_policy::accept_any: answer = host_key_answer::accept_and_save; break;
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

// Who accepts a key that has changed may talk to anybody: as ssh(1) we only prove who we are.
void client_login::trust_no_further(const crypto::public_key& key,
                                    const known_hosts::match& known) {
    host_key_changed_ = true;
    auto& methods = options_.protocol.auth.methods;
    std::erase(methods, "password");
    std::erase(methods, "keyboard-interactive");
    options_.forward_agent.reset();
    options_.update_host_keys = host_key_updates::off;
    if (options_.log)
        options_.log({log_severity::error,
                      "host_key_changed",
                      {{"host", server_name()},
                       {"key", std::string(key.type()) + ' ' + key.fingerprint()},
                       {"known", hosts_.place(known)}}});
}

void client_login::save(const crypto::public_key& key) {
    if (hosts_.keeps_nothing()) return;
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

// An announcement that lacks the very key that we were shown is not believed.
known_hosts::update client_login::changes_for(std::span<const bytes_view> announced) const {
    const auto is_shown = [&](bytes_view blob) { return std::ranges::equal(blob, known_key_); };
    if (options_.update_host_keys == host_key_updates::off || known_key_.empty() ||
        std::ranges::none_of(announced, is_shown))
        return {};
    auto changes = hosts_.hosts().changes_for(known_as(), known_port(), announced);
    std::erase_if(changes.learn, [&](const crypto::public_key& key) {
        return !rsa_key_too_small(key, options_.rsa_bits_min).empty();
    });
    return changes;
}

asio::awaitable<void> client_login::update(known_hosts::update changes) {
    if (options_.update_host_keys == host_key_updates::ask) {
        host_key_update_question question{changes.learn, changes.forget.size()};
        if (!options_.on_host_key_update) co_return;
        if (!co_await options_.on_host_key_update(std::move(question))) co_return;
    }
    for (const auto& key : changes.learn)
        save(key);
    if (changes.forget.empty()) co_return;
    const error_code e = hosts_.remove(changes.forget);
    if (options_.log)
        options_.log({e ? log_severity::error : log_severity::info,
                      e ? "host_keys_not_removed" : "host_keys_removed",
                      {{"host", server_name()},
                       {"keys", std::to_string(changes.forget.size())},
                       {"reason", e.message()}}});
}

void client_login::host_keys_not_proven() const {
    if (options_.log)
        options_.log({log_severity::error, "host_keys_not_proven", {{"host", server_name()}}});
}

// --- who we are ---------------------------------------------------------------------------------

asio::awaitable<client_auth_answer> client_login::answer(client_auth_question question,
                                                         agent_session_binding binding) {
    switch (question.what) {
    case client_auth_question::kind::signature:
        co_return co_await identities_.sign(question.key_index, std::move(question.algorithm),
                                            std::move(question.data), binding, options_);
    case client_auth_question::kind::host_signature:
        co_return co_await answer_host_signature(std::move(question));
    case client_auth_question::kind::password:
    case client_auth_question::kind::new_password:
        co_return co_await answer_password(std::move(question));
    case client_auth_question::kind::prompts:
        co_return co_await answer_prompts(std::move(question));
    }
    unreachable();
}

asio::awaitable<client_auth_answer> client_login::answer_host_signature(
    client_auth_question question) {
    // The keys that were given come behind those that the configuration names.
    const std::size_t own = options_.host_based_keys.size();
    const std::size_t named = options_.protocol.auth.host_based.keys.size() - own;
    if (question.key_index >= named) {
        const auto& key = options_.host_based_keys[question.key_index - named];
        auto signature = key.sign(question.algorithm, question.data);
        if (!signature) co_return auth_declined{};
        co_return auth_signature{std::move(*signature)};
    }
    if (!options_.on_host_signature) co_return auth_declined{};
    auto signature = co_await options_.on_host_signature(std::move(question));
    if (!signature) co_return auth_declined{};
    co_return auth_signature{std::move(*signature)};
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
    if (count == 0) {
        // Something to be shown, and nothing to be said to it.
        if (options_.on_prompts) co_await options_.on_prompts(std::move(question));
        co_return auth_responses{};
    }
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
