#include "sluice/io/client_connection.hpp"

#include "sluice/io/agent_connection.hpp"
#include "sluice/io/agent_socket.hpp"
#include "sluice/io/clock.hpp"
#include "sluice/io/coroutine_operation.hpp"
#include "sluice/io/forwarding.hpp"
#include "sluice/wire/limits.hpp"

#include <boost/asio/dispatch.hpp>

#include <algorithm>
#include <utility>

namespace asio = boost::asio;

namespace sluice {
namespace {

constexpr std::string_view cut_text = "disconnected by the application";

bool cancel_one(std::deque<pending_operation<>>& due, operation_number number) {
    for (auto& one : due) {
        if (!one || one.number() != number) continue;
        one.cancel();
        return true;
    }
    return false;
}

void complete_next(std::deque<pending_operation<>>& due) {
    if (due.empty()) return;
    auto one = std::move(due.front());
    due.pop_front();
    if (one) one.post({});
}

void complete_all(std::deque<pending_operation<>>& due, error_code e) {
    for (auto& one : std::exchange(due, {}))
        if (one) one.post(e);
}

}  // namespace

client_connection::client_connection(std::unique_ptr<byte_stream> stream,
                                     std::unique_ptr<client_login> login)
    : login_(std::move(login)),
      endpoint_(login_->config(), now()),
      pump_(std::move(stream), endpoint_, *this),
      tasks_(pump_.executor()),
      keys_due_(pump_.executor()) {}

client_connection::~client_connection() {
    for (const auto& [id, entry] : channels_)
        entry.sftp ? entry.sftp->detach() : entry.core->detach();
}

// --- operations ---------------------------------------------------------------------------------

template <class... Args>
pending_operation<Args...> client_connection::begin(completion<Args...> done) {
    const operation_number number = ++numbers_;
    cancel_by_slot(shared_from_this(), executor(), number, done);
    return {number, std::move(done), executor()};
}

void client_connection::async_login(completion<> done) {
    asio::dispatch(executor(),
                   [self = shared_from_this(), operation = begin(std::move(done))]() mutable {
                       self->logging_in_ = std::move(operation);
                       self->await_keys();
                       self->pump_.run();
                   });
}

void client_connection::async_open_session(completion<session> done) {
    async_open([](mux& channels) { return channels.open(session_channel{}); }, std::move(done),
               login_->options().forward_agent.has_value());
}

void client_connection::async_open(open_channel open, completion<session> done,
                                   bool forwards_agent) {
    asio::dispatch(executor(), [self = shared_from_this(), open = std::move(open), forwards_agent,
                                operation = begin(std::move(done))]() mutable {
        if (self->finished_) return operation.post(self->endpoint_.end_error(), {});
        const auto id = open(self->endpoint_.channels());
        if (!id) return operation.post(id.error(), {});
        auto side = std::make_unique<port>(self->endpoint_, self->pump_, *id);
        auto core = std::make_shared<session_core>(*side);
        channel_entry entry{std::move(side), std::move(core), std::move(operation), {}, {}};
        entry.forwards_agent = forwards_agent;
        self->channels_.emplace(*id, std::move(entry));
        self->pump_.run_soon();
    });
}

void client_connection::async_open_sftp(completion<sftp_client> done) {
    asio::dispatch(executor(), [self = shared_from_this(),
                                operation = begin(std::move(done))]() mutable {
        if (self->finished_) return operation.post(self->endpoint_.end_error(), {});
        const auto id = self->endpoint_.channels().open(session_channel{});
        if (!id) return operation.post(id.error(), {});
        auto side = std::make_unique<port>(self->endpoint_, self->pump_, *id);
        auto core = std::make_shared<sftp_core>(
            *side, [owner = self.get(), id = *id](error_code e) { owner->on_sftp_ready(id, e); });
        self->channels_.emplace(
            *id, channel_entry{std::move(side), {}, {}, std::move(core), std::move(operation)});
        self->pump_.run_soon();
    });
}

void client_connection::async_ping(completion<> done) {
    asio::dispatch(executor(),
                   [self = shared_from_this(), operation = begin(std::move(done))]() mutable {
                       if (self->finished_) return operation.post(self->endpoint_.end_error());
                       if (self->endpoint_.send_ping({})) {
                           self->pongs_due_.push_back(std::move(operation));
                       } else {
                           // Whatever the answer is, the server has come so far.
                           self->endpoint_.global(global_keepalive_request{}, true);
                           self->global_replies_due_.push_back(std::move(operation));
                       }
                       self->pump_.run_soon();
                   });
}

void client_connection::async_rekey(completion<> done) {
    asio::dispatch(executor(),
                   [self = shared_from_this(), operation = begin(std::move(done))]() mutable {
                       if (self->finished_) return operation.post(self->endpoint_.end_error());
                       self->rekeys_.add(std::move(operation));
                       self->endpoint_.rekey(now());
                       self->pump_.run_soon();
                   });
}

void client_connection::async_closed(completion<close_report> done) {
    asio::dispatch(executor(),
                   [self = shared_from_this(), operation = begin(std::move(done))]() mutable {
                       if (self->told_closed_) return operation.post({}, self->report());
                       self->closed_waiters_.add(std::move(operation));
                   });
}

void client_connection::drain(duration deadline) {
    asio::dispatch(executor(), [self = shared_from_this(), deadline] {
        self->endpoint_.drain(deadline, now());
        for (const auto& [id, entry] : self->channels_)
            if (entry.sftp) entry.sftp->drain();
        self->leave_agent_if_last();
        self->pump_.run_soon();
    });
}

void client_connection::let_go() {
    asio::dispatch(executor(), [self = shared_from_this()] {
        self->endpoint_.drain(duration::max(), now());
        self->leave_agent_if_last();
        self->pump_.run_soon();
    });
}

void client_connection::cut() {
    asio::dispatch(executor(), [self = shared_from_this()] {
        self->endpoint_.cut(disconnect_reason::by_application, cut_text, now());
        self->pump_.run_soon();
    });
}

void client_connection::cancel_operation(operation_number number) {
    if (logging_in_ && logging_in_.number() == number) {
        logging_in_.cancel();
        return cut();
    }
    for (auto& [id, entry] : channels_) {
        if (entry.opening && entry.opening.number() == number)
            entry.opening.cancel();
        else if (entry.opening_sftp && entry.opening_sftp.number() == number)
            entry.opening_sftp.cancel();
        else
            continue;
        entry.side->close();
        return;
    }
    if (cancel_one(pongs_due_, number) || cancel_one(global_replies_due_, number)) return;
    if (!rekeys_.cancel(number)) closed_waiters_.cancel(number);
}

connect_failure client_connection::failure() const {
    const close_report report = endpoint_.report();
    connect_failure f;
    f.error = endpoint_.end_error();
    f.text = f.error.message();
    if (f.error == errc::host_key_rejected && !login_->host_key_problem().empty()) {
        f.text = login_->host_key_problem();
    } else if (report.ended_by == close_side::peer && !report.text.empty()) {
        f.text += ": " + report.text;
    } else if (f.error == errc::connection_lost && pump_.stream_error()) {
        f.text += ": " + pump_.stream_error().message();
    }
    if (keys_overdue_) {
        const connect_options& o = login_->options();
        f.text = "no key exchange with " + known_hosts_name(o.host, o.port) + " in time";
    }
    if (f.error == errc::auth_denied) {
        f.can_continue = endpoint_.can_continue();
        f.text += " (" + f.can_continue + ")";
    }
    return f;
}

// --- events -------------------------------------------------------------------------------------

void client_connection::take_events() {
    for (;;) {
        auto event = endpoint_.poll(now());
        if (!event || !*event) break;
        if (finished_) continue;
        on_event(**event);
        if (endpoint_.finished()) break;
    }
}

void client_connection::on_event(client_event& event) {
    if (auto* shown = std::get_if<host_key_event>(&event)) {
        await_no_keys();
        ask(judge(shared_from_this(), std::move(*shown)));
    } else if (std::holds_alternative<auth_question_event>(event)) {
        ask(answer(shared_from_this()));
    } else if (const auto* banner = std::get_if<banner_event>(&event)) {
        login_->banner(banner->text);
    } else if (std::holds_alternative<logged_in_event>(event)) {
        login_->finish();
        if (logging_in_) logging_in_.post({});
    } else if (const auto* keys = std::get_if<keys_changed_event>(&event)) {
        await_no_keys();
        tell_keys();
        if (!keys->first) rekeys_.post_all({});
    } else if (auto* proven = std::get_if<host_keys_proven_event>(&event)) {
        on_proven(std::move(proven->keys));
    } else if (std::holds_alternative<pong_event>(event)) {
        complete_next(pongs_due_);
    } else if (auto* channel = std::get_if<channel_event>(&event)) {
        on_channel_event(*channel);
    }
}

void client_connection::tell_keys() const {
    const connect_options& o = login_->options();
    if (!o.log) return;
    const auto& chosen = endpoint_.lower().algorithms();
    o.log({log_severity::debug,
           "key_exchange",
           {{"kex", std::string(chosen.kex->name)},
            {"host_key", chosen.host_key_algorithm},
            {"to_server", std::string(chosen.client_to_server.cipher->name)},
            {"to_client", std::string(chosen.server_to_client.cipher->name)},
            {"server", endpoint_.lower().peer_identification()}}});
}

channel_handler* client_connection::find(channel_id id) const {
    const auto found = channels_.find(id);
    return found == channels_.end() ? nullptr : &found->second.handler();
}

void client_connection::on_channel_event(channel_event& event) {
    auto& channels = endpoint_.channels();
    if (const auto* data = std::get_if<channel_data_event>(&event)) {
        if (auto* core = find(data->id)) core->on_data(data->data, data->extended_type);
    } else if (const auto* writable = std::get_if<channel_writable_event>(&event)) {
        if (auto* core = find(writable->id)) core->on_writable();
    } else if (const auto* eof = std::get_if<channel_eof_event>(&event)) {
        if (auto* core = find(eof->id)) core->on_eof();
    } else if (const auto* reply = std::get_if<channel_reply_event>(&event)) {
        if (auto* core = find(reply->id)) core->on_reply(reply->success);
    } else if (const auto* request = std::get_if<channel_request_event>(&event)) {
        auto* core = find(request->id);
        const bool eow = std::holds_alternative<eow_request>(request->request);
        if (core != nullptr && eow) core->on_eow();
        const bool granted = core != nullptr && (eow || core->on_request(request->request));
        if (request->want_reply) channels.reply(request->id, granted);
    } else if (const auto* opened = std::get_if<channel_opened_event>(&event)) {
        on_opened(opened->id);
    } else if (const auto* failed = std::get_if<channel_open_failed_event>(&event)) {
        on_open_failed(*failed);
    } else if (const auto* closed = std::get_if<channel_closed_event>(&event)) {
        on_channel_closed(*closed);
    } else if (const auto* open = std::get_if<channel_open_event>(&event)) {
        if (std::holds_alternative<auth_agent_channel>(open->type) && agent_asked_for_ &&
            agent_channels() < limits::agent_channels_max)
            return on_agent_open(open->id);
        channels.refuse_open(open->id, open_failure::administratively_prohibited,
                             "nothing was asked for");
    } else if (const auto* global = std::get_if<global_request_event>(&event)) {
        if (const auto* announced = std::get_if<hostkeys_request>(&global->request))
            on_announced(announced->host_keys);
    } else if (std::holds_alternative<global_reply_event>(event)) {
        complete_next(global_replies_due_);
    }
}

// --- host keys that the server announces --------------------------------------------------------

// Once a connection: a server that goes on announcing is not listened to.
void client_connection::on_announced(std::span<const bytes_view> keys) {
    if (std::exchange(heard_of_host_keys_, true)) return;
    host_key_changes_ = login_->changes_for(keys);
    if (!host_key_changes_.learn.empty())
        endpoint_.ask_for_proof(host_key_changes_.learn);
    else if (!host_key_changes_.forget.empty())
        ask(update_host_keys(shared_from_this()));
}

// A server that cannot prove what it announced changes nothing at all.
void client_connection::on_proven(std::vector<crypto::public_key> keys) {
    if (keys.empty()) return login_->host_keys_not_proven();
    ask(update_host_keys(shared_from_this()));
}

asio::awaitable<void> client_connection::update_host_keys(std::shared_ptr<client_connection>) {
    co_await login_->update(std::exchange(host_key_changes_, {}));
}

void client_connection::on_opened(channel_id id) {
    const auto found = channels_.find(id);
    if (found == channels_.end()) return;
    auto& entry = found->second;
    // Ahead of the command; as in OpenSSH's client no answer is wanted, which would be told nobody.
    if (entry.forwards_agent) {
        entry.side->request(auth_agent_request{}, false);
        agent_asked_for_ = true;
    }
    if (entry.opening) entry.opening.post({}, session(entry.core));
    if (entry.opening_sftp) entry.sftp->on_opened();
}

// --- the agent, for the server's programs -------------------------------------------------------

std::size_t client_connection::agent_channels() const {
    const auto is_agent = [](const auto& one) { return one.second.is_agent; };
    return static_cast<std::size_t>(std::ranges::count_if(channels_, is_agent));
}

void client_connection::on_agent_open(channel_id id) {
    auto side = std::make_unique<port>(endpoint_, pump_, id);
    auto core = std::make_shared<session_core>(*side);
    channel_entry entry{std::move(side), core, {}, {}, {}};
    entry.is_agent = true;
    channels_.emplace(id, std::move(entry));
    ask(forward_to_agent(shared_from_this(), id, session(std::move(core))));
}

// The agent learns first for whom it is asked; one that does not know of sessions serves without.
asio::awaitable<void> client_connection::forward_to_agent(std::shared_ptr<client_connection>,
                                                          channel_id id, session channel) {
    const connect_options& options = login_->options();
    std::string path = *options.forward_agent;
    if (path.empty()) path = options.agent_socket.value_or(environment_agent());
    agent_socket agent(executor());
    const auto connected = co_await agent.connect(std::move(path));
    if (connected) static_cast<void>(co_await agent.bind_session(endpoint_.agent_binding(true)));
    if (!answer_agent_open(id, agent.connected())) co_return;
    asio::generic::stream_protocol::socket to(agent.release());
    static_cast<void>(co_await relay(std::move(to), std::move(channel), as_result));
}

// False where there is nothing to carry.
bool client_connection::answer_agent_open(channel_id id, bool reached) {
    const auto found = channels_.find(id);
    if (found == channels_.end()) return false;
    if (reached) {
        found->second.is_accepted = true;
        found->second.side->accept_open();
        leave_agent_if_last();
        return true;
    }
    found->second.side->refuse_open(open_failure::connect_failed, "the agent cannot be reached");
    const channel_entry refused = std::move(found->second);
    channels_.erase(found);
    refused.core->on_closed();
    return false;
}

// Channels that only the server's programs hold open do not keep a connection that ends.
void client_connection::leave_agent_if_last() {
    const endpoint& end = endpoint_;
    if (end.state() == connection_state::open || agent_channels() != channels_.size()) return;
    for (const auto& [id, entry] : channels_)
        if (entry.is_accepted) entry.core->close();
}

// The channel is gone: its handler is told, and what is left of it is the caller's.
std::optional<client_connection::channel_entry> client_connection::take_closed(
    channel_id id, const channel_report& report) {
    const auto found = channels_.find(id);
    if (found == channels_.end()) return std::nullopt;
    auto entry = std::move(found->second);
    channels_.erase(found);
    entry.side->set_closed(report, {});
    entry.handler().on_closed();
    return entry;
}

void client_connection::on_open_failed(const channel_open_failed_event& event) {
    auto entry = take_closed(event.id, event.report);
    if (!entry) return;
    const auto error =
        event.reason == open_failure::connect_failed ? errc::connect_failed : errc::open_refused;
    if (entry->opening) entry->opening.post(error, {});
    if (entry->opening_sftp) entry->opening_sftp.post(error, {});
}

void client_connection::on_channel_closed(const channel_closed_event& event) {
    auto entry = take_closed(event.id, event.report);
    if (!entry) return;
    if (entry->sftp) on_sftp_end(event.id, *entry->sftp);
    // Confirmed only when the connection was draining already.
    if (entry->opening) entry->opening.post(errc::draining, {});
    const endpoint& end = endpoint_;
    const auto error =
        end.state() == connection_state::open ? errc::channel_closed : errc::draining;
    if (entry->opening_sftp) entry->opening_sftp.post(error, {});
    leave_agent_if_last();
}

void client_connection::on_sftp_ready(channel_id id, error_code e) {
    const auto found = channels_.find(id);
    if (found == channels_.end() || !found->second.opening_sftp) return;
    auto& entry = found->second;
    if (const log_sink& log = login_->options().log; log && e == errc::bad_identification)
        log({log_severity::error, "not_sftp", {{"received", entry.sftp->first_words()}}});
    entry.opening_sftp.post(e, e ? sftp_client() : sftp_client(entry.sftp));
}

void client_connection::on_sftp_end(channel_id id, const sftp_core& ended) {
    if (!ended.was_ready()) return;
    const sftp::client_report r = ended.report();
    sftp_.add({id, r.handles_left_open, 0, 0, r.requests_answered, 0, r.requests_unanswered,
               r.bytes_read, r.bytes_written});
}

// --- a server that does not come to keys -------------------------------------------------------

// TCP may be connected to what never says anything. While we judge its key it has time.
void client_connection::await_keys() {
    const auto timeout = login_->options().connect_timeout;
    if (timeout <= timeout.zero()) return;
    awaiting_keys_ = true;
    keys_due_.expires_after(timeout);
    keys_due_.async_wait([self = shared_from_this()](error_code cancelled) {
        if (cancelled || !self->awaiting_keys_) return;
        self->keys_overdue_ = true;
        self->cut();
    });
}

void client_connection::await_no_keys() {
    awaiting_keys_ = false;
    keys_due_.cancel();
}

// --- questions ----------------------------------------------------------------------------------

void client_connection::ask(asio::awaitable<void> task) {
    tasks_.spawn(std::move(task), [self = shared_from_this()](std::exception_ptr thrown) {
        if (thrown && !self->endpoint_.finished()) self->answer_nothing();
        self->tell_closed();
    });
}

asio::awaitable<void> client_connection::judge(std::shared_ptr<client_connection>,
                                               host_key_event shown) {
    const bool trusted =
        co_await login_->trusts(std::move(shown.shown), std::move(shown.algorithm));
    if (!endpoint_.awaiting_trust()) co_return;
    if (trusted) {
        endpoint_.accept_host_key(now());
        await_keys();
    } else {
        endpoint_.refuse_host_key(now());
    }
    pump_.run();
}

asio::awaitable<void> client_connection::answer(std::shared_ptr<client_connection>) {
    client_auth_question question = *endpoint_.question();
    client_auth_answer given =
        co_await login_->answer(std::move(question), endpoint_.agent_binding(false));
    if (endpoint_.question() == nullptr) co_return;
    endpoint_.answer(std::move(given), now());
    pump_.run();
}

// What threw has no answer.
void client_connection::answer_nothing() {
    if (endpoint_.awaiting_trust())
        endpoint_.refuse_host_key(now());
    else if (endpoint_.question() != nullptr)
        endpoint_.answer(auth_declined{}, now());
    pump_.run();
}

// --- the end ------------------------------------------------------------------------------------

void client_connection::on_finished() {
    finished_ = true;
    await_no_keys();
    const error_code error = endpoint_.end_error();
    for (auto& [id, entry] : std::exchange(channels_, {})) {
        entry.side->set_closed(entry.side->report(), error);
        entry.handler().on_closed();
        if (entry.sftp) on_sftp_end(id, *entry.sftp);
        if (entry.opening) entry.opening.post(error, {});
        if (entry.opening_sftp) entry.opening_sftp.post(error, {});
    }
    complete_all(pongs_due_, error);
    complete_all(global_replies_due_, error);
    rekeys_.post_all(error);
    tasks_.cancel();
}

void client_connection::on_stream_closed() { tell_closed(); }

close_report client_connection::report() const {
    close_report report = endpoint_.report();
    report.sftp_sessions = sftp_.sftp_sessions;
    report.total += sftp_.total;
    return report;
}

void client_connection::tell_closed() {
    if (!pump_.stream_closed() || tasks_.running() != 0 || std::exchange(told_closed_, true))
        return;
    if (logging_in_)
        logging_in_.post(keys_overdue_ ? make_error_code(errc::login_timeout)
                                       : endpoint_.end_error());
    closed_waiters_.post_all({}, report());
}

}  // namespace sluice
