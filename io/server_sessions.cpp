// What the events of a server's connection ask for: logins, sessions, their requests.

#include "sluice/auth/address_patterns.hpp"
#include "sluice/io/clock.hpp"
#include "sluice/io/coroutine_handler.hpp"
#include "sluice/io/cpu_meter.hpp"
#include "sluice/io/dialler.hpp"
#include "sluice/io/forwarding.hpp"
#include "sluice/io/logged_filesystem.hpp"
#include "sluice/io/login_conversation.hpp"
#include "sluice/io/process.hpp"
#include "sluice/io/refusal_time.hpp"
#include "sluice/io/server_connection.hpp"
#include "sluice/io/session_port.hpp"
#include "sluice/io/sftp_service.hpp"
#include "sluice/wire/limits.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <array>

namespace asio = boost::asio;

namespace sluice {
namespace {

std::string_view name_of(enum auth_question::kind kind) {
    switch (kind) {
    case auth_question::kind::user:
    case auth_question::kind::none: return "none";
    case auth_question::kind::password:
    case auth_question::kind::password_change: return "password";
    case auth_question::kind::public_key_query:
    case auth_question::kind::public_key: return "publickey";
    case auth_question::kind::interactive:
    case auth_question::kind::interactive_responses: return "keyboard-interactive";
    case auth_question::kind::host_based_query:
    case auth_question::kind::host_based: return "hostbased";
    }
    return "";
}

constexpr std::size_t descriptors_of_command = 4;  // its three pipes, and what tells of its end

// Whose key it was, for a log.
void add_key(std::vector<std::pair<std::string_view, std::string>>& fields,
             const auth_question& question) {
    if (question.key) fields.emplace_back("key", question.key->fingerprint());
    if (!question.certificate) return;
    const auto& cert = *question.certificate;
    fields.emplace_back("certificate", cert.fields().key_id);
    fields.emplace_back("serial", std::to_string(cert.fields().serial));
    fields.emplace_back("authority", cert.signature_key().fingerprint());
}

// Coroutines of our own around the application's, so that whatever it throws is a refusal, and
// each refusal takes its least time. (gcc 12 wants what is awaited bound to a name.)
asio::awaitable<login_verdict> checked(std::shared_ptr<authenticator> logins,
                                       login_attempt attempt) {
    try {
        login_verdict verdict = co_await logins->check(std::move(attempt));
        co_return verdict;
    } catch (...) {
        co_return login_verdict{};
    }
}

asio::awaitable<login_verdict> conversed(std::shared_ptr<authenticator> logins,
                                         login_attempt attempt,
                                         std::shared_ptr<login_conversation> user) {
    try {
        login_verdict verdict = co_await logins->converse(std::move(attempt), *user);
        co_return verdict;
    } catch (...) {
        co_return login_verdict{};
    }
}

// Whatever it throws leaves no way in.
asio::awaitable<std::optional<auth_policy>> policy_of(std::shared_ptr<authenticator> logins,
                                                      login_attempt attempt) {
    try {
        auto policy = co_await logins->policy(std::move(attempt));
        co_return policy;
    } catch (...) {
        co_return auth_policy{};
    }
}

// Until a refusal may be told whose work began then. (An attempt that is given up ends here.)
asio::awaitable<void> least_time(std::string user, time_point begun) {
    const auto whole = refusal_time::of_process().whole(user, now() - begun);
    asio::steady_timer least(co_await asio::this_coro::executor, begun + whole);
    co_await least.async_wait(asio::as_tuple(asio::use_awaitable));
}

asio::awaitable<login_verdict> check(std::shared_ptr<authenticator> logins, login_attempt attempt) {
    const auto begun = now();
    const auth_question question = attempt.question;
    login_verdict verdict = co_await checked(std::move(logins), std::move(attempt));
    if (accepts(verdict.answer) && question.certificate) {
        const auto used = thread_cpu_time();
        if (!question.certificate->verify())
            verdict = {.reason = "certificate is not signed by its authority",
                       .cpu = verdict.cpu + (thread_cpu_time() - used)};
    }
    const bool refused = !admits(verdict.answer, question) &&
                         !std::holds_alternative<auth_password_expired>(verdict.answer);
    if (refused && question.what != auth_question::kind::none) {
        co_await least_time(question.user, begun);
    }
    co_return verdict;
}

// What the user takes to answer is not ours, so the time counts from his latest answer; that he is
// asked at all is the same for everybody.
asio::awaitable<login_verdict> converse(std::shared_ptr<authenticator> logins,
                                        login_attempt attempt,
                                        std::shared_ptr<login_conversation> user) {
    const std::string name = attempt.question.user;
    login_verdict verdict = co_await conversed(std::move(logins), std::move(attempt), user);
    if (!accepts(verdict.answer)) co_await least_time(name, user->answered_at());
    co_return verdict;
}

// permitopen, which names hosts and addresses literally.
connect_answer may_open(const session_rights& rights, std::string_view host, std::uint16_t port) {
    if (!rights.port_forwarding) return connect_answer::refuse;
    if (!rights.permit_open) return connect_answer::permit;
    const bool listed = std::ranges::any_of(*rights.permit_open, [&](const open_destination& d) {
        return host_to_dial(d.host) == host && (!d.port || *d.port == port);
    });
    return listed ? connect_answer::permit : connect_answer::refuse;
}

// Client variables of these names would pass for what the server says.
constexpr std::array<std::string_view, 6> own_variables{"SSH_ORIGINAL_COMMAND", "SSH_CLIENT",
                                                        "SSH_CONNECTION",       "SSH_TTY",
                                                        "SSH_USER_AUTH",        "SSH_AUTH_SOCK"};

}  // namespace

void server_connection::on_event(server_event& event) {
    if (std::holds_alternative<auth_question_event>(event)) {
        on_question();
    } else if (const auto* in = std::get_if<authenticated_event>(&event)) {
        on_authenticated(in->user);
    } else if (auto* channel = std::get_if<channel_event>(&event)) {
        on_channel_event(*channel);
    } else if (const auto* keys = std::get_if<keys_changed_event>(&event); keys && keys->first) {
        const auto& chosen = endpoint_.lower().algorithms();
        log(log_severity::debug, "key_exchange",
            {{"kex", std::string(chosen.kex->name)},
             {"host_key", chosen.host_key_algorithm},
             {"cipher", std::string(chosen.server_to_client.cipher->name)},
             {"client", endpoint_.lower().peer_identification()}});
    }
}

// --- logins -------------------------------------------------------------------------------------

void server_connection::on_question() {
    const auth_question& question = *endpoint_.question();
    if (conversation_ && question.what == auth_question::kind::interactive_responses) {
        attempt_.question.what = question.what;
        return conversation_->on_responses(question.responses);
    }
    if (conversation_) {
        // The client has begun something else. What it gave up ends before that is looked at.
        conversation_->abandon();
        deciding_->emit(asio::cancellation_type::terminal);
        return;
    }
    attempt_ = {question, ends_.peer_address, ends_.local_port, ends_.local_address};
    if (question.what == auth_question::kind::user) {
        deciding_ = std::make_unique<asio::cancellation_signal>();
        auto known = [self = shared_from_this()](std::exception_ptr failed, auto policy) {
            self->on_policy(failed ? auth_policy{} : std::move(policy));
        };
        return asio::co_spawn(executor(), policy_of(options_->logins, attempt_),
                              asio::bind_cancellation_slot(deciding_->slot(), std::move(known)));
    }
    deciding_ = std::make_unique<asio::cancellation_signal>();
    auto done = [self = shared_from_this()](std::exception_ptr failed, login_verdict verdict) {
        self->on_verdict(failed ? login_verdict{} : std::move(verdict));
    };
    const auto slot = deciding_->slot();
    if (question.what != auth_question::kind::interactive)
        return asio::co_spawn(executor(), check(options_->logins, attempt_),
                              asio::bind_cancellation_slot(slot, std::move(done)));
    conversation_ = std::make_shared<login_conversation>(
        executor(), [this](auth_prompts prompts) { answer(std::move(prompts)); });
    asio::co_spawn(executor(), converse(options_->logins, attempt_, conversation_),
                   asio::bind_cancellation_slot(slot, std::move(done)));
}

void server_connection::on_policy(std::optional<auth_policy> policy) {
    deciding_.reset();
    if (finished_) return finish_if_idle();
    answer(policy ? auth_reply(std::move(*policy)) : auth_answer::refuse);
}

void server_connection::on_verdict(login_verdict verdict) {
    deciding_.reset();
    pump_.meter().add(verdict.cpu);
    const auto talked = std::exchange(conversation_, nullptr);
    if (finished_) return finish_if_idle();
    if (talked && talked->abandoned()) {
        if (endpoint_.question() != nullptr) on_question();
        return;
    }
    const auto what = attempt_.question.what;
    const bool query = attempt_.question.is_query();
    bool accepted = admits(verdict.answer, attempt_.question);
    if (!accepted && accepts(verdict.answer))
        verdict.reason = "accepted without a word on the certificate or the touch";
    if (accepted && !query && !restrict(session_.rights, std::move(verdict.rights))) {
        accepted = false;
        verdict.reason = "forces another command than the step before";
    }
    if (accepted || std::holds_alternative<auth_password_expired>(verdict.answer)) {
        tried_ = tried_ || attempt_.question.signature_follows;  // which may yet be wrong
        answer(std::move(verdict.answer));
    } else {
        tried_ = tried_ || what != auth_question::kind::none;
        if (what != auth_question::kind::none) log_refusal(verdict.reason);
        answer(auth_answer::refuse);
    }
    attempt_.question.password = {};
    attempt_.question.new_password = {};
}

void server_connection::answer(auth_reply reply) {
    if (endpoint_.question() != nullptr) {
        const bool fitting = fits(reply, endpoint_.question()->what);
        endpoint_.answer(fitting ? std::move(reply) : auth_answer::refuse, now());
    }
    pump_.run();
}

void server_connection::log_refusal(const std::string& reason) const {
    const auth_question& question = attempt_.question;
    std::vector<std::pair<std::string_view, std::string>> fields{
        {"user", question.user}, {"method", std::string(name_of(question.what))}};
    add_key(fields, question);
    if (!reason.empty()) fields.emplace_back("reason", reason);
    const bool query = question.is_query() && !question.signature_follows;
    log(query ? log_severity::verbose : log_severity::info, "login_failed", std::move(fields));
}

void server_connection::on_authenticated(const authenticated_user& user) {
    pump_.meter().stop();
    session_.user = user.name();
    session_.peer_address = ends_.peer_address;
    session_.local_port = ends_.local_port;
    session_.local_address = ends_.local_address;
    if (options_->descriptors) session_.descriptors = options_->descriptors->account(session_.user);
    std::vector<std::pair<std::string_view, std::string>> fields{
        {"user", session_.user}, {"method", std::string(name_of(attempt_.question.what))}};
    add_key(fields, attempt_.question);
    log(log_severity::info, "login", std::move(fields));
    attempt_ = {};
    if (told_.authenticated) told_.authenticated();
    follow();
}

// --- channels -----------------------------------------------------------------------------------

session_port* server_connection::find(channel_id id) {
    for (const auto& port : ports_)
        if (port->id() == id && !port->over()) return port.get();
    return nullptr;
}

void server_connection::release(session_port& port) {
    if (port.over()) std::erase_if(ports_, [&](const auto& p) { return p.get() == &port; });
    if (ports_.empty()) sessions_gone_.cancel();
    if (ports_.empty() && pump_.stream_closed()) alive_.cancel();
    finish_if_idle();
}

void server_connection::close_sessions() {
    for (const auto& port : ports_)
        if (!port->closed()) port->channel_closed(port->report(), endpoint_.end_error());
    std::erase_if(ports_, [](const auto& port) { return port->over(); });
}

void server_connection::on_channel_event(channel_event& event) {
    auto& channels = endpoint_.channels();
    if (auto* data = std::get_if<channel_data_event>(&event)) {
        session_port* const port = find(data->id);
        if (port != nullptr && port->handler() != nullptr)
            port->handler()->on_data(data->data, data->extended_type);
        else
            channels.consumed(data->id, data->data.size());
    } else if (const auto* open = std::get_if<channel_open_event>(&event)) {
        on_open(*open);
    } else if (const auto* request = std::get_if<channel_request_event>(&event)) {
        on_request(*request);
    } else if (const auto* eof = std::get_if<channel_eof_event>(&event)) {
        session_port* const port = find(eof->id);
        if (port == nullptr) return;
        if (port->handler() != nullptr) return port->handler()->on_eof();
        // Nothing was ever started here, and now nothing can be of use.
        if (!port->started()) channels.close(eof->id);
    } else if (const auto* writable = std::get_if<channel_writable_event>(&event)) {
        session_port* const port = find(writable->id);
        if (port != nullptr && port->handler() != nullptr) port->handler()->on_writable();
    } else if (const auto* closed = std::get_if<channel_closed_event>(&event)) {
        session_port* const port = find(closed->id);
        if (port == nullptr) return;
        port->channel_closed(closed->report, {});
        release(*port);
    } else if (const auto* global = std::get_if<global_request_event>(&event)) {
        if (global->want_reply) channels.global_reply(false);  // no forwarding here
    }
}

void server_connection::on_open(const channel_open_event& event) {
    if (const auto* through = std::get_if<direct_tcpip_channel>(&event.type))
        return on_open_through(event.id, *through);
    auto& channels = endpoint_.channels();
    if (!std::holds_alternative<session_channel>(event.type))
        return channels.refuse_open(event.id, open_failure::administratively_prohibited,
                                    "this kind of forwarding is not served");
    const auto is_session = [](const auto& port) { return port->is_session(); };
    const auto open = static_cast<std::size_t>(std::ranges::count_if(ports_, is_session));
    if (open >= options_->sessions_max)
        return channels.refuse_open(event.id, open_failure::resource_shortage, "too many sessions");
    ports_.push_back(std::make_unique<session_port>(*this, event.id, true));
    had_sessions_ = true;
    channels.accept_open(event.id);
}

connect_answer server_connection::may_connect(const std::string& host, std::uint16_t port) const {
    const auto by_key = may_open(session_.rights, host, port);
    if (by_key == connect_answer::refuse) return by_key;
    return std::min(by_key, options_->permit_connect(session_, host, port));
}

void server_connection::log_forwarding(bool permitted, const std::string& host,
                                       std::uint32_t port) const {
    log(permitted ? log_severity::verbose : log_severity::info,
        permitted ? "forwarding" : "forwarding_refused",
        {{"user", session_.user}, {"host", host}, {"port", std::to_string(port)}});
}

void server_connection::on_open_through(channel_id id, const direct_tcpip_channel& channel) {
    const auto host = host_to_dial(channel.host_to_connect);
    const auto port = static_cast<std::uint16_t>(channel.port_to_connect);
    const bool possible =
        options_->permit_connect && host && port != 0 && port == channel.port_to_connect;
    const auto answer = possible ? may_connect(*host, port) : connect_answer::refuse;
    if (answer == connect_answer::refuse) {
        log_forwarding(false, std::string(channel.host_to_connect), channel.port_to_connect);
        return endpoint_.channels().refuse_open(id, open_failure::administratively_prohibited,
                                                "not permitted");
    }
    dialler::request to{session_.user, *host, port, {}};
    const std::weak_ptr<server_connection> self = weak_from_this();
    if (answer == connect_answer::by_address)
        to.permits = [self, port](const std::string& address) {
            const auto here = self.lock();
            return here && here->options_->permit_connect(here->session_, address, port) ==
                               connect_answer::permit;
        };
    log_forwarding(true, *host, port);
    auto share = take_descriptors(session_.descriptors);
    if (!share)
        return endpoint_.channels().refuse_open(id, open_failure::resource_shortage,
                                                "too many are open");
    ports_.push_back(std::make_unique<session_port>(*this, id, false));
    had_sessions_ = true;
    session_port& opened = *ports_.back();
    opened.hold(std::move(*share));
    auto forbidden = [self, name = *host, port] {
        if (const auto here = self.lock()) here->log_forwarding(false, name, port);
    };
    opened.start(start_task(
        opened, serve_direct_tcpip(options_->connects, std::move(to), std::move(forbidden))));
}

void server_connection::on_request(const channel_request_event& event) {
    bool success = false;
    if (session_port* const port = find(event.id)) {
        if (const auto* env = std::get_if<env_request>(&event.request)) {
            const auto name = env->variable_name;
            const auto accepts = [&](const std::string& pattern) {
                return matches_wildcards(name, pattern);
            };
            const bool ours = std::ranges::find(own_variables, name) != own_variables.end();
            success = !port->started() && !ours &&
                      std::ranges::any_of(options_->accepted_environment, accepts) &&
                      port->add_environment(name, env->variable_value);
        } else if (const auto* signal = std::get_if<signal_request>(&event.request)) {
            success = port->handler() != nullptr && port->handler()->on_signal(signal->signal_name);
        } else if (std::holds_alternative<eow_request>(event.request)) {
            success = port->handler() != nullptr;
            if (success) port->handler()->on_eow();
        } else if (std::holds_alternative<keepalive_request>(event.request)) {
            success = true;
        } else if (!port->started()) {
            success = start_session(*port, event.request);
        }
    }
    if (event.want_reply) endpoint_.channels().reply(event.id, success);
}

bool server_connection::start_session(session_port& port, const channel_request& request) {
    const auto* subsystem = std::get_if<subsystem_request>(&request);
    const auto* exec = std::get_if<exec_request>(&request);
    const bool shell = std::holds_alternative<shell_request>(request);
    if (subsystem == nullptr && exec == nullptr && !shell) return false;

    const auto& forced = session_.rights.forced_command;
    const std::string_view original = exec != nullptr        ? exec->command
                                      : subsystem != nullptr ? subsystem->subsystem_name
                                                             : std::string_view();
    std::unique_ptr<channel_handler> handler;
    const session_handler* coroutine = nullptr;
    if (exec != nullptr && options_->on_exec) coroutine = &options_->on_exec;
    if (shell && options_->on_shell) coroutine = &options_->on_shell;
    if (subsystem != nullptr) {
        const auto named = options_->subsystems.find(subsystem->subsystem_name);
        if (named != options_->subsystems.end()) coroutine = &named->second;
    }
    const auto forced_sftp = forced ? internal_sftp_arguments(*forced) : std::nullopt;
    // Options are for who sets up the sessions.
    if (forced_sftp && (forced_sftp->empty() || options_->sftp_config)) {
        handler = start_sftp(port);
    } else if (forced) {
        handler = start_command(port, *forced, original);
    } else if (coroutine != nullptr && original.size() <= limits::command_length_max) {
        handler = start_coroutine(port, *coroutine, std::string(original));
    } else if (subsystem != nullptr && subsystem->subsystem_name == "sftp") {
        handler = start_sftp(port);
    } else if (exec != nullptr && exec->command.size() <= limits::command_length_max) {
        handler = start_command(port, std::string(exec->command), {});
    }
    if (!handler) return false;
    log(log_severity::verbose, "session",
        {{"user", session_.user},
         {"kind", subsystem != nullptr ? "subsystem"
                  : exec != nullptr    ? "exec"
                                       : "shell"},
         {"what", std::string(original)}});
    port.start(std::move(handler));
    if (draining_) port.drain(*draining_);
    return true;
}

std::unique_ptr<channel_handler> server_connection::start_coroutine(session_port& port,
                                                                    const session_handler& serve,
                                                                    std::string what) {
    return start_task(port, serve_session(serve, session_, std::move(what), port.environment()));
}

std::unique_ptr<channel_handler> server_connection::start_task(
    session_port& port, const coroutine_handler::task& serve) {
    auto failed = [this](std::string why) {
        log(log_severity::error, "handler_failed", {{"user", session_.user}, {"reason", why}});
    };
    return std::make_unique<coroutine_handler>(port, serve, std::move(failed));
}

std::unique_ptr<channel_handler> server_connection::start_sftp(session_port& port) {
    if (!options_->filesystem) return nullptr;
    auto filesystem = options_->filesystem(session_, executor());
    if (!filesystem) return nullptr;
    sftp::server_config config;
    config.read_only = options_->read_only;
    if (options_->sftp_config) {
        auto set = options_->sftp_config(session_);
        if (!set) return nullptr;
        config = std::move(set->protocol);
        if (set->log_operations && options_->log)
            filesystem = std::make_unique<logged_filesystem>(
                std::move(filesystem), [this, level = *set->log_operations](
                                           std::string_view event, logged_filesystem::fields what) {
                    what.insert(what.begin(),
                                {{"user", session_.user}, {"operation", std::string(event)}});
                    log(level, "sftp", std::move(what));
                });
    }
    config.habits = sftp::client_habits(endpoint_.lower().peer_identification());
    auto finished = [this, channel = port.id()](const sftp::session_report& r, error_code) {
        served_.add({channel, r.handles_left_open, r.files_committed, r.files_abandoned,
                     r.requests_answered, r.requests_refused, r.requests_unanswered, r.bytes_read,
                     r.bytes_written});
    };
    return std::make_unique<sftp_service>(port, std::move(filesystem), config, finished);
}

std::unique_ptr<channel_handler> server_connection::start_command(session_port& port,
                                                                  std::string command,
                                                                  std::string_view original) {
    if (!options_->exec || command.find('\0') != std::string::npos) return nullptr;
    auto share = take_descriptors(session_.descriptors, descriptors_of_command);
    if (!share) {
        log(log_severity::error, "exec_failed", {{"reason", "too many are open"}});
        return nullptr;
    }
    port.hold(std::move(*share));
    process_options process;
    process.command = std::move(command);
    process.directory = options_->command_directory;
    // Of several for one variable the last counts.
    process.environment = port.environment();
    for (const auto& variable : session_.rights.environment)
        process.environment.push_back(variable);
    if (!original.empty()) process.environment.emplace_back("SSH_ORIGINAL_COMMAND", original);
    for (auto& variable : ends_.variables())
        process.environment.push_back(std::move(variable));
    auto started = process_handler::start(port, *options_->launcher, process);
    if (started) return std::move(*started);
    log(log_severity::error, "exec_failed", {{"reason", started.error().message()}});
    return nullptr;
}

}  // namespace sluice
