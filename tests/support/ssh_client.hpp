#pragma once

#include "sluice/io/byte_stream.hpp"
#include "sluice/io/server.hpp"
#include "sluice/tests/support/linked.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_future.hpp>

#include <chrono>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace sluice::test {

/// Lets everybody in, or decides as a test says.
class test_logins final : public authenticator {
public:
    using decision = std::function<boost::asio::awaitable<login_verdict>(login_attempt)>;

    using talk = std::function<boost::asio::awaitable<login_verdict>(login_attempt, conversation&)>;

    explicit test_logins(decision decide = {}, talk converse = {})
        : decide_(std::move(decide)), converse_(std::move(converse)) {}
    boost::asio::awaitable<login_verdict> check(login_attempt attempt) override {
        return decide_ ? decide_(std::move(attempt)) : accept();
    }

    boost::asio::awaitable<login_verdict> converse(login_attempt attempt,
                                                   conversation& user) override {
        return converse_ ? converse_(std::move(attempt), user)
                         : authenticator::converse(std::move(attempt), user);
    }

private:
    static boost::asio::awaitable<login_verdict> accept() {
        co_return login_verdict{auth_answer::accept, {}};
    }
    decision decide_;
    talk converse_;
};

/// A server on a real socket, on the test's own thread or on some of its own, and what it logs.
class served {
public:
    /// 0: the server runs on `context`, which `until` runs.
    explicit served(unsigned threads = 0) : thread_count_(threads) {
        options.protocol.transport.host_keys = {test_host_key()};
        options.protocol.auth.method_chains = {{"none"}};
        options.logins = std::make_shared<test_logins>();
        options.exec = true;
        options.log = [this](const log_record& record) {
            const std::lock_guard lock(mutex_);
            log_.push_back({record.level, std::string(record.event), fields(record)});
        };
    }
    ~served() {
        on_server([this] { server_.reset(); });
        server_guard_.reset();
        guard_.reset();
        server_context_.stop();
        for (auto& t : threads_)
            t.join();
    }

    void start() {
        auto& context_of_server = thread_count_ == 0 ? context : server_context_;
        executor_ = boost::asio::make_strand(context_of_server);
        server_.emplace(executor_, std::move(options));
        const auto bound = server_->listen({boost::asio::ip::address_v4::loopback(), 0});
        expects(bound.has_value());
        address = *bound;
        for (unsigned i = 0; i < thread_count_; ++i)
            threads_.emplace_back([this] { server_context_.run(); });
    }

    /// Runs what there is to run until `done`; false when that takes for ever.
    template <class Predicate>
    bool until(Predicate done) {
        const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
        while (!done()) {
            if (std::chrono::steady_clock::now() > give_up) return false;
            handlers_run += context.run_one_for(std::chrono::milliseconds(10));
        }
        return true;
    }

    std::size_t connections() {
        std::size_t n = 0;
        on_server([&] { n = server_->connections(); });
        return n;
    }
    /// Serves what is connected already; its executor is one of the server's.
    void serve(std::unique_ptr<byte_stream> stream) {
        on_server([&] { server_->serve(std::move(stream), "192.0.2.1"); });
    }
    boost::asio::any_io_executor new_server_strand() {
        return boost::asio::make_strand(thread_count_ == 0 ? context : server_context_);
    }
    /// Begins to stop; `stopped()` tells when that is done.
    void stop() {
        on_server([this] {
            server_->stop();
            server_->drain({}, [this](const server_report&) { stopped_ = true; });
        });
    }
    void drain(const drain_options& how, std::function<void(const server_report&)> done) {
        on_server([&] { server_->drain(how, std::move(done)); });
    }
    bool stopped() const { return stopped_; }
    /// Destroys the server, with whatever it has.
    void drop() {
        on_server([this] { server_.reset(); });
    }
    /// Whether nothing at all is left to wait for, now that the server has stopped.
    bool nothing_runs() {
        guard_.reset();
        context.run_for(std::chrono::seconds(60));
        return context.stopped();
    }

    /// How often that event was logged, and the last value of a field of it.
    std::size_t logged(std::string_view event) const {
        const std::lock_guard lock(mutex_);
        return static_cast<std::size_t>(
            std::ranges::count_if(log_, [&](const line& l) { return l.event == event; }));
    }
    std::string last(std::string_view event, std::string_view field) const {
        const std::lock_guard lock(mutex_);
        for (auto l = log_.rbegin(); l != log_.rend(); ++l)
            for (const auto& [name, value] : l->fields)
                if (l->event == event && name == field) return value;
        return "";
    }
    /// Whether the text is anywhere in the log.
    bool log_holds(std::string_view text) const {
        const std::lock_guard lock(mutex_);
        for (const auto& l : log_)
            for (const auto& [name, value] : l.fields)
                if (value.find(text) != std::string::npos) return true;
        return false;
    }

    boost::asio::io_context context;
    server_options options;
    boost::asio::ip::tcp::endpoint address;
    std::size_t handlers_run = 0;

private:
    struct line {
        log_severity level;
        std::string event;
        std::vector<std::pair<std::string, std::string>> fields;
    };
    static std::vector<std::pair<std::string, std::string>> fields(const log_record& record) {
        std::vector<std::pair<std::string, std::string>> out;
        for (const auto& [name, value] : record.fields)
            out.emplace_back(name, value);
        return out;
    }

    // On the server's executor; waits for it.
    template <class Function>
    void on_server(Function f) {
        if (thread_count_ == 0 || threads_.empty()) return f();
        boost::asio::post(executor_, boost::asio::use_future(f)).get();
    }

    using guard = boost::asio::executor_work_guard<boost::asio::io_context::executor_type>;

    unsigned thread_count_;
    mutable std::mutex mutex_;
    std::vector<line> log_;
    std::atomic<bool> stopped_ = false;
    boost::asio::io_context server_context_;
    std::optional<guard> guard_{boost::asio::make_work_guard(context)};
    std::optional<guard> server_guard_{boost::asio::make_work_guard(server_context_)};
    boost::asio::any_io_executor executor_;
    std::optional<server> server_;
    std::vector<std::thread> threads_;
};

/// The least client: a transport on a socket; its payloads are written by hand.
class ssh_client final : public std::enable_shared_from_this<ssh_client> {
public:
    /// What one session has sent.
    struct session {
        std::uint32_t server_number = 0;
        bool confirmed = false;
        std::optional<std::uint32_t> refused;  // the reason
        std::string out;
        std::string err;
        std::size_t replies = 0;
        std::size_t successes = 0;
        bool eof = false;
        bool closed = false;      // its CLOSE came
        bool close_sent = false;  // ours is out
        std::optional<std::uint32_t> exit_status;
        std::string exit_signal;
        std::size_t eows = 0;
    };

    explicit ssh_client(served& s) : served_(s), socket_(s.context) {
        config_.random = &random_;
        // OpenSSH by name, so that its extensions are used.
        config_.identification = "SSH-2.0-OpenSSH_test";
        transport_.emplace(config_, role::client, time_point{});
    }

    static std::shared_ptr<ssh_client> connect(served& s) {
        auto client = std::make_shared<ssh_client>(s);
        client->socket_.connect(s.address);
        client->read();
        client->write();
        return client;
    }

    void send(const bytes& payload) {
        transport_->send(payload);
        write();
    }
    /// DISCONNECT, and no more is sent.
    void leave() {
        transport_->disconnect(disconnect_reason::by_application, "enough");
        write();
    }
    void close() {
        error_code ignored;
        socket_.close(ignored);
    }
    std::uint16_t local_port() const { return socket_.local_endpoint().port(); }

    /// Ends the stream with RST.
    void reset() {
        error_code ignored;
        socket_.set_option(boost::asio::socket_base::linger(true, 0), ignored);
        close();
    }

    bool exchange_keys() {
        return served_.until([this] { return transport_->keys_in_use() || ended(); }) && !ended();
    }
    bool ask_service() {
        if (!exchange_keys()) return false;
        send(wire::encoded(service_request{"ssh-userauth"}));
        return served_.until([this] { return service || ended(); }) && !ended();
    }
    bool log_in(const bytes& request = none_request()) {
        if (!ask_service()) return false;
        send(request);
        return served_.until([this] { return logged_in || failures != 0 || ended(); }) && logged_in;
    }

    /// Opens a session; its number here. Number 0 is the first.
    std::uint32_t open(std::uint32_t window = 1 << 20, std::uint32_t packet = 32 * 1024) {
        const auto number = static_cast<std::uint32_t>(sessions.size());
        sessions.emplace_back();
        send(wire::encoded(channel_open{"session", number, window, packet, {}}));
        served_.until(
            [&] { return sessions[number].confirmed || sessions[number].refused || ended(); });
        return number;
    }
    /// Sends a request and waits for its reply: whether it was a success.
    bool request(std::uint32_t number, const channel_request& r) {
        session& s = sessions[number];
        const auto replies = s.replies;
        const auto successes = s.successes;
        bytes payload;
        encode_channel_request(s.server_number, r, true, payload);
        send(payload);
        served_.until([&] { return sessions[number].replies != replies || ended(); });
        return sessions[number].successes != successes;
    }
    bool exec(std::uint32_t number, std::string_view command) {
        return request(number, exec_request{command});
    }
    void write_data(std::uint32_t number, std::string_view text) {
        send(wire::encoded(channel_data{sessions[number].server_number, as_bytes(text)}));
    }
    void send_eof(std::uint32_t number) {
        send(wire::encoded(channel_eof{sessions[number].server_number}));
    }
    void send_close(session& s) {
        if (!std::exchange(s.close_sent, true)) send(wire::encoded(channel_close{s.server_number}));
    }
    /// Waits for the CLOSE of that session.
    bool finish(std::uint32_t number) {
        return served_.until([&] { return sessions[number].closed || ended(); }) &&
               sessions[number].closed;
    }

    bool ended() const { return end.has_value(); }
    /// Waits for the end of the stream: whether it was a FIN.
    bool ends_with_fin() {
        served_.until([this] { return ended(); });
        return end == error_code(boost::asio::error::eof);
    }

    std::vector<session> sessions;
    std::optional<error_code> end;  // of the stream
    std::optional<std::uint32_t> disconnected;
    bool service = false;
    bool logged_in = false;
    std::size_t failures = 0;         // of logins
    std::size_t global_failures = 0;  // REQUEST_FAILURE
    bool reads = true;                // from the socket
    bool credits = true;              // opens its windows again

private:
    void read() {
        if (!reads) return;
        const auto space = transport_->prepare_input(64 * 1024);
        socket_.async_read_some(
            boost::asio::buffer(space.data(), space.size()),
            [self = shared_from_this()](error_code e, std::size_t n) { self->on_read(e, n); });
    }
    void on_read(error_code e, std::size_t n) {
        transport_->commit_input(n);
        for (;;) {
            auto event = transport_->poll(time_point{});
            if (!event || !*event) break;
            if (std::holds_alternative<transport_host_key>(**event))
                transport_->accept_host_key(time_point{});
            else if (const auto* bye = std::get_if<transport_disconnected>(&**event))
                disconnected = bye->reason_code;
            else if (const auto* p = std::get_if<transport_payload>(&**event))
                on_payload(p->payload);
        }
        if (e) {
            end = e;
            return;
        }
        write();
        read();
    }
    void write() {
        const bytes_view output = writing_ ? bytes_view() : transport_->output();
        if (output.empty()) return;
        writing_ = true;
        socket_.async_write_some(boost::asio::buffer(output.data(), output.size()),
                                 [self = shared_from_this()](error_code e, std::size_t n) {
                                     self->writing_ = false;
                                     self->transport_->consume_output(n);
                                     if (!e) self->write();
                                 });
    }

    void on_payload(bytes_view payload) {
        switch (payload.front()) {
        case service_accept::number: service = true; return;
        case userauth_failure::number: ++failures; return;
        case userauth_success::number:
            logged_in = true;
            transport_->set_authenticated();
            return;
        case request_failure::number: ++global_failures; return;
        default: break;
        }
        if (payload.front() < channel_open_confirmation::number) return;
        wire::reader r(payload.subspan(1));
        std::uint32_t number = 0;
        r.read(number);
        if (number < sessions.size()) on_channel_payload(sessions[number], payload);
    }

    void on_channel_payload(session& s, bytes_view payload) {
        switch (payload.front()) {
        case channel_open_confirmation::number:
            s.confirmed = true;
            s.server_number = wire::decode<channel_open_confirmation>(payload)->sender_channel;
            return;
        case channel_open_failure::number:
            s.refused = wire::decode<channel_open_failure>(payload)->reason_code;
            return;
        case channel_data::number:
            return on_data(s, s.out, wire::decode<channel_data>(payload)->data);
        case channel_extended_data::number:
            return on_data(s, s.err, wire::decode<channel_extended_data>(payload)->data);
        case channel_eof::number: s.eof = true; return;
        case channel_success::number: ++s.successes; [[fallthrough]];
        case channel_failure::number: ++s.replies; return;
        case channel_close::number:
            s.closed = true;
            send_close(s);
            return;
        case channel_request_message::number: return on_request(s, payload);
        default: return;
        }
    }
    void on_data(session& s, std::string& into, bytes_view data) {
        into += as_text(data);
        if (credits)
            send(wire::encoded(
                channel_window_adjust{s.server_number, static_cast<std::uint32_t>(data.size())}));
    }
    static void on_request(session& s, bytes_view payload) {
        const auto m = wire::decode<channel_request_message>(payload);
        const auto r = decode_channel_request(m->request_type, m->type_specific.data);
        if (!r || !*r) return;
        if (const auto* status = std::get_if<exit_status_request>(&**r))
            s.exit_status = status->exit_status;
        else if (const auto* signal = std::get_if<exit_signal_request>(&**r))
            s.exit_signal = signal->signal_name;
        else if (std::holds_alternative<eow_request>(**r))
            ++s.eows;
    }

    served& served_;
    boost::asio::ip::tcp::socket socket_;
    seeded_random random_;
    transport_config config_;
    std::optional<transport> transport_;
    bool writing_ = false;
};

}  // namespace sluice::test
