#include "sluice/io/file_authenticator.hpp"

#include "sluice/auth/authorized_keys.hpp"
#include "sluice/auth/authorized_principals.hpp"
#include "sluice/auth/hosts_equiv.hpp"
#include "sluice/auth/known_hosts.hpp"
#include "sluice/auth/revoked_keys.hpp"
#include "sluice/auth/user_certificate.hpp"
#include "sluice/io/clock.hpp"
#include "sluice/io/coroutine_operation.hpp"
#include "sluice/io/cpu_meter.hpp"
#include "sluice/io/dialler.hpp"
#include "sluice/io/login_program.hpp"
#include "sluice/io/login_user.hpp"
#include "sluice/io/on_pool.hpp"
#include "sluice/io/path_trust.hpp"
#include "sluice/io/policy_cache.hpp"
#include "sluice/io/rsa_size.hpp"
#include "sluice/io/source_pool.hpp"
#include "sluice/io/text_file.hpp"
#include "sluice/wire/limits.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <chrono>
#include <initializer_list>
#include <memory>
#include <optional>

namespace asio = boost::asio;

namespace sluice {
namespace {

using namespace asio::experimental::awaitable_operators;

login_verdict refusal(std::string_view reason) { return {.reason = std::string(reason)}; }

// What a security key has asserted, or may yet.
std::optional<crypto::sk_assertion> asserted(const auth_question& question) {
    return question.what == auth_question::kind::public_key ? question.assertion
                                                            : key_options::may_assert_all;
}

session_rights rights_of(const key_options& options) {
    session_rights rights;
    rights.forced_command = options.command;
    rights.environment = options.environment;
    rights.port_forwarding = options.permits_port_forwarding;
    rights.permit_open = options.permit_open;
    return rights;
}

session_rights rights_of(const crypto::certificate_rights& permitted) {
    session_rights rights;
    rights.forced_command = permitted.force_command;
    rights.port_forwarding = permitted.permits_port_forwarding;
    return rights;
}

// The file that a pattern means for a user, or null where it cannot be read.
std::shared_ptr<const std::string> file_of(policy_cache& files, std::string_view pattern,
                                           login_user& user, bool strict) {
    const auto file = file_for(pattern, user);
    if (!file || (strict && !only_we_can_change(file->path, file->owner))) return nullptr;
    auto text = files.text(file->path, limits::policy_file_length_max);
    return text ? std::move(*text) : nullptr;
}

// The lines of a file that have this key; none of one that cannot be read.
std::vector<authorized_key> lines_with(const std::shared_ptr<const std::string>& text,
                                       const crypto::public_key& key) {
    if (!text) return {};
    const auto keys = authorized_keys::parse(*text, &key);
    return keys ? keys->keys() : std::vector<authorized_key>();
}

std::vector<authorized_key> listed_keys(policy_cache& files, std::string_view pattern,
                                        login_user& user, bool strict,
                                        const crypto::public_key& key) {
    return lines_with(file_of(files, pattern, user, strict), key);
}

// None of what cannot be read.
std::vector<authorized_principal> principals_in(const std::shared_ptr<const std::string>& text) {
    if (!text) return {};
    auto names = parse_authorized_principals(*text);
    return names ? std::move(*names) : std::vector<authorized_principal>();
}

// The lines of a file of authorities that have this one.
std::vector<authorized_key> listed_authorities(policy_cache& files, const std::string& path,
                                               const crypto::public_key& key) {
    if (path.empty()) return {};
    const auto text = files.text(path, limits::policy_file_length_max);
    return lines_with(text ? *text : nullptr, key);
}

// Whether a host's name has that address.
bool has_address(const std::string& host, std::string_view address) {
    const auto wanted = ip_address::parse(address);
    const auto found = system_lookup()(host);
    if (!wanted || !found) return false;
    return std::ranges::any_of(*found, [&](const asio::ip::address& one) {
        const auto parsed = ip_address::parse(one.to_string());
        return parsed && parsed->raw == wanted->raw;
    });
}

// --- programs ------------------------------------------------------------------------------------

// What the programs have printed; null: nothing.
struct printed_lists {
    std::shared_ptr<const std::string> keys{};
    std::shared_ptr<const std::string> principals{};
    std::string fault{};  // beside the reason of a refusal
};

// A stranger's certificate has no program run.
bool wants_principals(const file_authenticator_options& options, const auth_question& question) {
    return question.certificate && !options.authorized_principals_program.empty();
}

// On a thread for programs.
printed_lists lists_of_programs(const file_authenticator_options& options,
                                const auth_question& question) {
    printed_lists printed;
    login_user user(question.user, options.account_of);
    const auto run = [&](const std::vector<std::string>& program) {
        if (!options.launcher) return std::shared_ptr<const std::string>();
        return login_program_output(*options.launcher, program, options.program_time_max, question,
                                    user);
    };
    if (!options.authorized_keys_program.empty()) {
        printed.keys = run(options.authorized_keys_program);
        if (!printed.keys) printed.fault = ", and the program that lists keys has failed";
    }
    if (wants_principals(options, question) &&
        !listed_authorities(*options.kept_files, options.trusted_user_ca_keys_file,
                            question.certificate->signature_key())
             .empty() &&
        question.certificate->verify()) {
        printed.principals = run(options.authorized_principals_program);
        if (!printed.principals)
            printed.fault += ", and the program that lists principals has failed";
    }
    return printed;
}

// One attempt, by what the files say now.
class file_decision {
public:
    file_decision(const file_authenticator_options& options, const login_attempt& attempt,
                  printed_lists printed = {})
        : options_(options),
          files_(*options.kept_files),
          attempt_(attempt),
          printed_(std::move(printed)),
          user_(attempt.question.user, options.account_of) {}

    login_verdict decide();

private:
    login_verdict check_by_key();
    std::vector<authorized_key> listed(const crypto::public_key& key);
    std::vector<authorized_principal> listed_principals();
    login_verdict check_key();
    login_verdict check_certificate();
    login_verdict judge_certificate(const std::vector<std::string>& principals,
                                    std::initializer_list<const key_options*> lines) const;
    login_verdict check_host();
    std::string_view revocation(const crypto::presented_key& shown) const;

    const file_authenticator_options& options_;
    policy_cache& files_;
    const login_attempt& attempt_;
    const printed_lists printed_;
    login_user user_;
};

login_verdict file_decision::decide() {
    const login_attempt& attempt = attempt_;
    if (attempt.question.user.empty()) return refusal("no user name");
    // All the work is done for everybody, and only then thrown away for those who may not come in.
    login_verdict verdict;
    switch (attempt.question.what) {
    case auth_question::kind::password: break;  // check_password has looked at it
    case auth_question::kind::public_key_query:
    case auth_question::kind::public_key: verdict = check_by_key(); break;
    case auth_question::kind::host_based_query:
    case auth_question::kind::host_based: verdict = check_host(); break;
    case auth_question::kind::password_change: return refusal("passwords are not changed here");
    case auth_question::kind::user:
    case auth_question::kind::none:
    case auth_question::kind::interactive:
    case auth_question::kind::interactive_responses: return {};
    }
    if (const auto& key = attempt.question.key) {
        const auto why = rsa_key_too_small(*key, options_.rsa_bits_min);
        if (!why.empty()) return refusal(why);
    }
    if (options_.admits && !options_.admits(attempt.question.user, attempt.peer_address))
        return refusal("user or address is not allowed");
    // A query opens no session. Whether a password is right is for others to say.
    const auto what = attempt.question.what;
    const bool may_begin =
        what == auth_question::kind::password ||
        (what != auth_question::kind::public_key_query && accepts(verdict.answer));
    if (options_.home_of && may_begin)
        verdict.rights.home_directory = options_.home_of(attempt.question.user);
    return verdict;
}

// --- keys -------------------------------------------------------------------------------------

std::string_view file_decision::revocation(const crypto::presented_key& shown) const {
    if (options_.revoked_keys_file.empty()) return {};
    bool read = false;
    const auto parse = [&](std::string_view text) {
        read = true;
        return revoked_keys::parse(as_bytes(text));
    };
    const auto revoked =
        files_.get<revoked_keys>(options_.revoked_keys_file, limits::krl_length_max, parse);
    if (!revoked)
        return read ? "the revoked keys cannot be understood" : "the revoked keys cannot be read";
    return (*revoked)->revokes(shown) ? "key is revoked" : std::string_view();
}

login_verdict file_decision::check_by_key() {
    login_verdict verdict = attempt_.question.certificate ? check_certificate() : check_key();
    if (accepts(verdict.answer)) return verdict;
    if (user_.lacked_account()) verdict.reason += ", and the user has no home directory here";
    verdict.reason += printed_.fault;
    return verdict;
}

// The lines of the program and of all files that have this key.
std::vector<authorized_key> file_decision::listed(const crypto::public_key& key) {
    std::vector<authorized_key> all = lines_with(printed_.keys, key);
    for (const auto& pattern : options_.authorized_keys_files)
        std::ranges::move(listed_keys(files_, pattern, user_, options_.strict_modes, key),
                          std::back_inserter(all));
    return all;
}

// Those of the file, then those of the program.
std::vector<authorized_principal> file_decision::listed_principals() {
    std::vector<authorized_principal> all;
    if (!options_.authorized_principals_file.empty())
        all = principals_in(
            file_of(files_, options_.authorized_principals_file, user_, options_.strict_modes));
    std::ranges::move(principals_in(printed_.principals), std::back_inserter(all));
    return all;
}

login_verdict file_decision::check_key() {
    const auto& question = attempt_.question;
    if (!question.key) return {};
    if (const auto why = revocation(*question.key); !why.empty()) return refusal(why);
    login_verdict verdict = refusal("key is not listed");
    const auto lines = listed(*question.key);
    for (const authorized_key& line : lines) {
        if (line.options.cert_authority) continue;
        if (!line.options.principals.empty()) {
            verdict = refusal("principals in front of a key that is no authority");
            continue;
        }
        const auto judged = line.judge(attempt_.peer_address, system_seconds(), asserted(question));
        if (judged == authorized_key::verdict::allowed)
            return {.answer = auth_accept{.touch_waived = !line.options.presence_required},
                    .rights = rights_of(line.options)};
        verdict = refusal(to_text(judged));
    }
    return verdict;
}

// --- certificates -----------------------------------------------------------------------------

// By TrustedUserCAKeys, then by the authorities of authorized_keys. What the certificate permits
// and what each line permits bind together.
login_verdict file_decision::check_certificate() {
    const auto& question = attempt_.question;
    const crypto::certificate& cert = *question.certificate;
    if (const auto why = revocation(cert); !why.empty()) return refusal(why);

    login_verdict verdict = refusal("authority is not trusted");
    const auto try_as = [&](const std::vector<std::string>& principals,
                            std::initializer_list<const key_options*> lines) {
        verdict = judge_certificate(principals, lines);
        return accepts(verdict.answer);
    };

    const auto authorities =
        listed_authorities(files_, options_.trusted_user_ca_keys_file, cert.signature_key());
    for (const authorized_key& authority : authorities) {
        if (options_.authorized_principals_file.empty() &&
            options_.authorized_principals_program.empty()) {
            if (try_as({question.user}, {&authority.options})) return verdict;
            continue;
        }
        verdict = refusal("no principal is authorized");
        // Whether a touch may be missing is for the line that is nearer to the user to say.
        key_options of_authority = authority.options;
        of_authority.presence_required = false;
        const auto names = listed_principals();
        for (const authorized_principal& one : names)
            if (try_as({one.name}, {&of_authority, &one.options})) return verdict;
    }
    const auto lines = listed(cert.signature_key());
    for (const authorized_key& line : lines) {
        if (!line.options.cert_authority) continue;
        const auto& named = line.options.principals;
        if (try_as(named.empty() ? std::vector{question.user} : named, {&line.options}))
            return verdict;
    }
    return verdict;
}

// By a certificate that lists one of `principals`, and one of those of each line that names any.
login_verdict file_decision::judge_certificate(
    const std::vector<std::string>& principals,
    std::initializer_list<const key_options*> lines) const {
    const login_attempt& attempt = attempt_;
    const auto& question = attempt.question;
    const crypto::certificate& cert = *question.certificate;
    const auto now = system_seconds();
    const auto fault = [&](const std::vector<std::string>& names) {
        return user_certificate_fault(cert,
                                      {.principals = names,
                                       .address = attempt.peer_address,
                                       .system_seconds = now,
                                       .assertion = asserted(question),
                                       .signature_algorithms = options_.ca_signature_algorithms});
    };
    if (const auto why = fault(principals); !why.empty()) return refusal(why);
    session_rights rights = rights_of(cert.rights());
    for (const key_options* line : lines) {
        if (!line->principals.empty())
            if (const auto why = fault(line->principals); !why.empty()) return refusal(why);
        const auto judged = line->judge(cert.key(), attempt.peer_address, now, asserted(question));
        if (judged != key_options::verdict::allowed) return refusal(to_text(judged));
        if (!restrict(rights, rights_of(*line)))
            return refusal("certificate and its authority's line force different commands");
    }
    // Whether a touch is needed was for the certificate and the lines to say.
    return {.answer = auth_accept{.certificate_judged = true, .touch_waived = true},
            .rights = std::move(rights)};
}

// --- hosts ------------------------------------------------------------------------------------

login_verdict file_decision::check_host() {
    const login_attempt& attempt = attempt_;
    const auto& question = attempt.question;
    const auto& options = options_.host_based;
    if (!question.key) return {};
    const crypto::presented_key shown = question.certificate
                                            ? crypto::presented_key(*question.certificate)
                                            : crypto::presented_key(*question.key);
    if (const auto why = revocation(shown); !why.empty()) return refusal(why);

    bool known = false;
    for (const auto& path : options.known_hosts_files) {
        const auto parse = [](std::string_view text) { return known_hosts::parse(text); };
        const auto kept = files_.get<known_hosts>(path, limits::known_hosts_length_max, parse);
        if (!kept && is_absent(kept.error())) continue;
        if (!kept) return refusal("known hosts cannot be read");
        const known_hosts* hosts = kept->get();
        const auto found =
            question.certificate
                ? hosts->lookup(question.client_host, ssh_port, *question.certificate,
                                system_seconds(), options_.ca_signature_algorithms)
                : hosts->lookup(question.client_host, ssh_port, *question.key);
        if (found.what == known_hosts::verdict::revoked) return refusal("host key is revoked");
        known = known || found.what == known_hosts::verdict::known;
    }
    bool permitted = false;
    for (const auto& pattern : options.shosts_files) {
        const auto file = file_for(pattern, user_);
        if (!file || (options_.strict_modes && !only_we_can_change(file->path, file->owner)))
            continue;
        const auto text = files_.text(file->path, limits::policy_file_length_max);
        if (!text && !is_absent(text.error())) return refusal("trusted hosts cannot be read");
        permitted = permitted || (text && hosts_equiv_permits(**text, question.client_host,
                                                              question.client_user, question.user));
    }
    if (!known) return refusal("host key is not known");
    if (!permitted) return refusal("host is not trusted with its users");
    if (!options.name_from_packet_only && !has_address(question.client_host, attempt.peer_address))
        return refusal("host has another address");
    return {.answer = auth_accept{.certificate_judged = true}};
}

std::shared_ptr<const file_authenticator_options> with_files(file_authenticator_options options) {
    if (!options.kept_files) options.kept_files = std::make_shared<policy_cache>();
    options.passwords.reset();
    options.lookups.reset();
    options.programs.reset();
    return std::make_shared<const file_authenticator_options>(std::move(options));
}

std::shared_ptr<source_pool> passwords_of(const file_authenticator_options& options) {
    if (options.passwords || options.users_file.empty()) return options.passwords;
    return std::make_shared<source_pool>(source_pool_size{});
}

bool looks_up_names(const host_based_options& options) {
    return !options.known_hosts_files.empty() && !options.name_from_packet_only;
}

std::shared_ptr<source_pool> lookups_of(const file_authenticator_options& options) {
    if (options.lookups || !looks_up_names(options.host_based)) return options.lookups;
    return std::make_shared<source_pool>(source_pool_size{});
}

bool asks_a_program(const file_authenticator_options& options) {
    return !options.authorized_keys_program.empty() ||
           !options.authorized_principals_program.empty();
}

std::shared_ptr<source_pool> programs_of(const file_authenticator_options& options) {
    if (options.programs || !asks_a_program(options)) return options.programs;
    return std::make_shared<source_pool>(source_pool_size{});
}

// On a thread for passwords. Takes what hashing takes, whatever is wrong.
bool is_password(policy_cache& files, const std::string& users_file,
                 const auth_question& question) {
    const auto parse = [](std::string_view text) { return password_file::parse(text); };
    const auto kept = files.get<password_file>(users_file, limits::policy_file_length_max, parse);
    // Without a file the time is that of somebody who is not there.
    const auto users =
        kept ? *kept : std::make_shared<const password_file>(password_file::parse({}).value());
    return users->check(question.user, question.password);
}

}  // namespace

file_authenticator::file_authenticator(file_authenticator_options options, asio::thread_pool& pool)
    : options_(with_files(options)),
      passwords_(passwords_of(options)),
      lookups_(lookups_of(options)),
      programs_(programs_of(options)),
      pool_(pool) {}

asio::awaitable<login_verdict> file_authenticator::check(login_attempt attempt) {
    if (attempt.question.what == auth_question::kind::none) co_return login_verdict{};
    if (attempt.question.what == auth_question::kind::password) {
        login_verdict verdict = co_await check_password(std::move(attempt));
        co_return verdict;
    }
    const bool by_host = attempt.question.what == auth_question::kind::host_based_query ||
                         attempt.question.what == auth_question::kind::host_based;
    if (by_host && lookups_) {
        login_verdict verdict = co_await check_host(std::move(attempt));
        co_return verdict;
    }
    const bool by_key = attempt.question.what == auth_question::kind::public_key_query ||
                        attempt.question.what == auth_question::kind::public_key;
    const bool by_program =
        !options_->authorized_keys_program.empty() || wants_principals(*options_, attempt.question);
    if (by_key && programs_ && by_program) {
        login_verdict verdict = co_await check_with_program(std::move(attempt));
        co_return verdict;
    }
    auto decision = [options = options_, attempt = std::move(attempt)] {
        return file_decision(*options, attempt).decide();
    };
    co_return co_await on_pool(pool_, std::move(decision));
}

// May take long, so apart from all others.
asio::awaitable<login_verdict> file_authenticator::check_with_program(login_attempt attempt) {
    const auto programs = programs_;
    std::string source = attempt.peer_address;
    auto ask = [options = options_, question = attempt.question] {
        return lists_of_programs(*options, question);
    };
    auto printed = co_await programs->run(std::move(source), std::move(ask));
    if (!printed) printed = printed_lists{.fault = ", and too many programs for logins wait"};
    auto decision = [options = options_, attempt = std::move(attempt),
                     lists = std::move(*printed)] {
        return file_decision(*options, attempt, lists).decide();
    };
    co_return co_await on_pool(pool_, std::move(decision));
}

// May wait for a name server, so apart from all others and not for ever.
asio::awaitable<login_verdict> file_authenticator::check_host(login_attempt attempt) {
    const auto lookups = lookups_;
    std::string source = attempt.peer_address;
    auto decision = [options = options_, attempt = std::move(attempt)] {
        return file_decision(*options, attempt).decide();
    };
    asio::steady_timer timer(co_await asio::this_coro::executor, limits::lookup_time_max);
    auto first = co_await (lookups->run(std::move(source), std::move(decision)) || pass(timer));
    if (first.index() == 1) co_return refusal("the host's address was not found in time");
    auto& verdict = std::get<0>(first);
    if (!verdict) co_return refusal("too many names of hosts wait to be looked up");
    co_return std::move(*verdict);
}

// All the work is done for everybody, here as well.
asio::awaitable<login_verdict> file_authenticator::check_password(login_attempt attempt) {
    const auto options = options_;
    const auto passwords = passwords_;
    using outcome = std::pair<bool, std::chrono::nanoseconds>;  // and what it took
    std::optional<outcome> right = outcome{};
    if (passwords && !options->users_file.empty()) {
        auto hash = [files = options->kept_files, path = options->users_file,
                     question = attempt.question] {
            const auto begun = thread_cpu_time();
            const bool same = is_password(*files, path, question);
            return outcome(same, thread_cpu_time() - begun);
        };
        right = co_await passwords->run(attempt.peer_address, std::move(hash));
    }
    auto decision = [options, attempt = std::move(attempt)] {
        return file_decision(*options, attempt).decide();
    };
    login_verdict verdict = co_await on_pool(pool_, std::move(decision));
    if (right) verdict.cpu = right->second;
    if (!verdict.reason.empty()) co_return verdict;
    if (!right) co_return refusal("too many passwords wait to be looked at");
    if (right->first) verdict.answer = auth_answer::accept;
    co_return verdict;
}

// For clients that know no other way to give a password.
asio::awaitable<login_verdict> file_authenticator::converse(login_attempt attempt,
                                                            conversation& user) {
    auth_prompts prompts{.prompts = {{"Password: ", false}}};
    auto responses = co_await user.ask(std::move(prompts));
    if (!responses || responses->size() != 1) co_return refusal("no answer");
    attempt.question.what = auth_question::kind::password;
    attempt.question.password = std::move(responses->front());
    co_return co_await check(std::move(attempt));
}

}  // namespace sluice
