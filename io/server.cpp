#include "sluice/io/server.hpp"

#include "sluice/io/clock.hpp"
#include "sluice/io/dialler.hpp"
#include "sluice/io/file_descriptor.hpp"
#include "sluice/io/server_connection.hpp"
#include "sluice/io/socket_stream.hpp"
#include "sluice/io/weak_algorithms.hpp"

#include <boost/asio/append.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <list>
#include <unordered_map>

namespace asio = boost::asio;
using asio::ip::tcp;

namespace sluice {
namespace {

// When descriptors have run out, accepting is tried again after this.
constexpr auto accept_pause = std::chrono::milliseconds(100);

// What OpenSSH says to those that it refuses.
constexpr std::string_view not_at_this_time = "Not allowed at this time\r\n";
constexpr std::string_view too_many_startups = "Exceeded MaxStartups\r\n";

std::string_view name_of(source_fault fault) {
    switch (fault) {
    case source_fault::no_auth: return "noauth";
    case source_fault::auth_fail: return "authfail";
    case source_fault::grace_exceeded: return "grace-exceeded";
    }
    return "";
}

server_options with_defaults(server_options options) {
    if (options.exec && !options.launcher) options.launcher = make_own_launcher();
    if (options.permit_connect && !options.connects) options.connects = std::make_shared<dialler>();
    return options;
}

// For a log.
std::string name_of_peer(const connection_ends& ends) {
    const std::string& address = ends.peer_address;
    if (ends.peer_port == 0) return address;
    const bool v6 = address.find(':') != std::string::npos;
    return (v6 ? "[" + address + "]" : address) + ":" + std::to_string(ends.peer_port);
}

}  // namespace

// As sshd sets them.
std::vector<std::pair<std::string, std::string>> connection_ends::variables() const {
    const auto or_else = [](const std::string& address) {
        return address.empty() ? std::string("UNKNOWN") : address;
    };
    const auto number = [](std::uint16_t port) { return std::to_string(port == 0 ? 65535 : port); };
    const std::string peer = or_else(peer_address) + " " + number(peer_port) + " ";
    const std::string port = number(local_port);
    return {{"SSH_CLIENT", peer + port},
            {"SSH_CONNECTION", peer + or_else(local_address) + " " + port}};
}

// Lives as long as a connection of its own does: they tell it of their end.
class server::implementation : public std::enable_shared_from_this<implementation> {
public:
    implementation(asio::any_io_executor executor, server_options options)
        : executor_(std::move(executor)),
          options_(std::make_shared<const server_options>(with_defaults(std::move(options)))),
          sources_(options_->sources) {
        const auto& protocol = options_->protocol;
        warn_of_weak_algorithms(protocol.transport, protocol.auth.public_key_algorithms,
                                options_->log);
    }

    result<tcp::endpoint> listen(const tcp::endpoint& address) {
        const auto socket = open_listening_socket(address);
        if (!socket) return socket.error();
        return listen(*socket);
    }

    result<tcp::endpoint> listen(int listening_socket) {
        sockaddr_storage address{};
        socklen_t size = sizeof address;
        if (::getsockname(listening_socket, reinterpret_cast<sockaddr*>(&address), &size) != 0)
            return last_system_error();
        if (address.ss_family != AF_INET && address.ss_family != AF_INET6)
            return error_code(asio::error::address_family_not_supported);
        auto l = std::make_shared<listener>(executor_);
        error_code e;
        l->acceptor.assign(address.ss_family == AF_INET ? tcp::v4() : tcp::v6(), listening_socket,
                           e);
        if (e) return e;
        return begin(l);
    }

    void serve(std::unique_ptr<byte_stream> stream, connection_ends ends) {
        std::string name = name_of_peer(ends);
        if (!ending_) admit(std::move(stream), {std::move(ends), std::move(name)});
    }

    void drain(const drain_options& how, drained_handler done) {
        close_listeners();
        done_.push_back(std::move(done));
        for (const auto& [number, one] : connections_) {
            auto connection = one.connection;
            asio::dispatch(connection->executor(), [connection, how] { connection->drain(how); });
        }
        tell_done();
    }

    void stop() {
        close_listeners();
        for (const auto& [number, one] : connections_) {
            auto connection = one.connection;
            asio::dispatch(connection->executor(),
                           [connection] { connection->cut("server is shutting down"); });
        }
    }

    /// Each connection goes on by itself until it has ended; nobody waits for it.
    void abandon() {
        stop();
        connections_.clear();
    }

    std::size_t connections() const { return connections_.size(); }

private:
    struct listener {
        explicit listener(const asio::any_io_executor& executor)
            : acceptor(executor), pause(executor) {}
        tcp::acceptor acceptor;
        asio::steady_timer pause;
    };
    struct member {
        std::shared_ptr<server_connection> connection;
        std::string address;
        bool authenticated = false;
    };

    result<tcp::endpoint> begin(const std::shared_ptr<listener>& l) {
        error_code e;
        l->acceptor.non_blocking(true, e);
        if (e) return e;
        const auto bound = l->acceptor.local_endpoint(e);
        if (e) return e;
        listeners_.push_back(l);
        accept(l);
        return bound;
    }

    void close_listeners() {
        if (!std::exchange(ending_, true)) report_.connections = connections_.size();
        for (const auto& l : listeners_) {
            error_code ignored;
            l->acceptor.close(ignored);
            l->pause.cancel();
        }
        listeners_.clear();
    }

    asio::any_io_executor next_executor() {
        return options_->connection_executor ? options_->connection_executor()
                                             : asio::any_io_executor(asio::make_strand(executor_));
    }

    void accept(const std::shared_ptr<listener>& l) {
        l->acceptor.async_accept(next_executor(),
                                 [self = shared_from_this(), l](error_code e, tcp::socket socket) {
                                     self->on_accept(l, e, std::move(socket));
                                 });
    }

    void on_accept(const std::shared_ptr<listener>& l, error_code e, tcp::socket socket) {
        if (!l->acceptor.is_open()) return;
        if (!e) {
            admit(std::move(socket));
            return accept(l);
        }
        // Out of descriptors or memory: the connection waits in the kernel's queue meanwhile.
        log(log_severity::error, "accept_failed", {{"reason", e.message()}});
        l->pause.expires_after(accept_pause);
        l->pause.async_wait([self = shared_from_this(), l](error_code cancelled) {
            if (!cancelled && l->acceptor.is_open()) self->accept(l);
        });
    }

    void admit(tcp::socket socket) {
        error_code e;
        const auto peer = socket.remote_endpoint(e);
        if (e) return;  // gone already
        socket.set_option(tcp::no_delay(true), e);
        socket.set_option(asio::socket_base::keep_alive(true), e);
        const auto local = socket.local_endpoint(e);
        serve(std::make_unique<socket_stream>(std::move(socket)),
              {peer.address().to_string(), peer.port(), local.address().to_string(), local.port()});
    }

    void admit(std::unique_ptr<byte_stream> stream, server_connection::place between) {
        if (source_refused(between)) return tell(*stream, not_at_this_time);
        if (connections_.size() >= options_->connections_max || startup_refused()) {
            log(log_severity::info, "refused",
                {{"peer", between.peer_name}, {"reason", "too many connections"}});
            return tell(*stream, too_many_startups);
        }
        const std::uint64_t number = next_number_++;
        const std::string address = between.ends.peer_address;
        server_connection::observer told;
        told.authenticated = [self = shared_from_this(), number] {
            asio::post(self->executor_, [self, number] { self->on_authenticated(number); });
        };
        told.closed = [self = shared_from_this(), number](const close_report& report) {
            asio::post(self->executor_,
                       [self, number, report] { self->on_closed(number, report); });
        };
        told.charged = [self = shared_from_this(), address](std::optional<source_fault> fault,
                                                            std::chrono::nanoseconds cpu) {
            asio::post(self->executor_,
                       [self, address, fault, cpu] { self->on_charged(address, fault, cpu); });
        };
        auto connection = std::make_shared<server_connection>(std::move(stream), std::move(between),
                                                              options_, std::move(told));
        connections_.emplace(number, member{connection, address});
        ++starting_;
        sources_.startup_begun(address);
        asio::dispatch(connection->executor(), [connection] { connection->start(); });
    }

    // Random early drop, as MaxStartups of OpenSSH.
    bool startup_refused() {
        const auto& s = options_->startups;
        if (starting_ < s.begin) return false;
        if (starting_ >= s.full) return true;
        const unsigned span = std::max(1u, s.full - s.begin);
        const unsigned percent =
            s.rate_percent + (100 - std::min(100u, s.rate_percent)) * (starting_ - s.begin) / span;
        std::array<std::uint8_t, 2> draw{};
        options_->protocol.transport.random->fill(draw);
        return (draw[0] * 256u + draw[1]) % 100 < percent;
    }

    // A line when a source begins to be refused and one when that is over: those between count.
    bool source_refused(const server_connection::place& from) {
        const auto verdict = sources_.check(from.ends.peer_address, now());
        tell_releases();
        const bool full = verdict == source_limits::verdict::table_full;
        if (full && !std::exchange(sources_full_told_, true))
            log(log_severity::error, "sources_full", {{"peer", from.peer_name}});
        if (verdict == source_limits::verdict::admitted) sources_full_told_ = false;
        if (verdict == source_limits::verdict::too_many_startups)
            log(log_severity::info, "refused",
                {{"peer", from.peer_name}, {"reason", "too many connections of its source"}});
        return verdict != source_limits::verdict::admitted;
    }

    void on_charged(const std::string& address, std::optional<source_fault> fault,
                    std::chrono::nanoseconds cpu) {
        if (ending_) return;
        const auto refused = sources_.penalise(address, fault, cpu, now());
        tell_releases();
        if (!refused) return;
        const auto time = std::chrono::ceil<std::chrono::seconds>(refused->time).count();
        log(log_severity::info, "source_refused",
            {{"source", refused->source},
             {"reason", std::string(fault ? name_of(*fault) : "cpu")},
             {"seconds", std::to_string(time)}});
    }

    void tell_releases() {
        for (const auto& one : sources_.take_releases())
            log(log_severity::info, "source_served",
                {{"source", one.source}, {"refused", std::to_string(one.refused)}});
    }

    // As OpenSSH: a line before the identification (RFC 4253 §4.2), as far as it goes at once.
    static void tell(byte_stream& peer, std::string_view text) {
        error_code ignored;
        peer.write_some(as_bytes(text), ignored);
        static_cast<void>(peer.shutdown_send());
    }

    void on_authenticated(std::uint64_t number) {
        const auto found = connections_.find(number);
        if (found == connections_.end() || found->second.authenticated) return;
        found->second.authenticated = true;
        startup_ended(found->second);
    }

    void on_closed(std::uint64_t number, const close_report& report) {
        const auto found = connections_.find(number);
        if (found == connections_.end()) return;
        if (!found->second.authenticated) startup_ended(found->second);
        if (ending_) add(report);
        connections_.erase(found);
        tell_done();
    }

    void startup_ended(const member& one) {
        --starting_;
        sources_.startup_ended(one.address);
    }

    // A login that was not finished had nothing to lose.
    void add(const close_report& report) {
        const bool lost = report.outcome == close_outcome::lost;
        const bool left = lost || report.outcome == close_outcome::peer_closed;
        const bool early = lost || report.outcome == close_outcome::deadline;
        if (early || !report.complete())
            ++(left && report.tasks_not_returned == 0 ? report_.left : report_.cut);
        report_.total += report.total;
        report_.tasks_not_returned += report.tasks_not_returned;
    }

    void tell_done() {
        if (!connections_.empty()) return;
        report_.refused_by_source = sources_.refused();
        for (auto& done : std::exchange(done_, {}))
            asio::post(executor_, asio::append(std::move(done), report_));
    }

    void log(log_severity level, std::string_view event,
             std::vector<std::pair<std::string_view, std::string>> fields) const {
        if (options_->log) options_->log({level, event, std::move(fields)});
    }

    asio::any_io_executor executor_;
    std::shared_ptr<const server_options> options_;
    std::vector<std::shared_ptr<listener>> listeners_;
    std::unordered_map<std::uint64_t, member> connections_;
    std::uint64_t next_number_ = 0;
    unsigned starting_ = 0;  // connections that have not logged in
    source_limits sources_;
    bool sources_full_told_ = false;
    bool ending_ = false;
    server_report report_;  // of what was there when the end began
    std::vector<drained_handler> done_;
};

result<int> open_listening_socket(const tcp::endpoint& address) {
    asio::io_context none;
    tcp::acceptor acceptor(none);
    error_code e;
    acceptor.open(address.protocol(), e);
    if (!e) acceptor.set_option(tcp::acceptor::reuse_address(true), e);
    if (!e && address.address().is_v6()) acceptor.set_option(asio::ip::v6_only(true), e);
    if (!e) acceptor.bind(address, e);
    if (!e) acceptor.listen(asio::socket_base::max_listen_connections, e);
    if (e) return e;
    const int socket = acceptor.release(e);
    if (e) return e;
    return socket;
}

server::server(asio::any_io_executor executor, server_options options)
    : implementation_(std::make_shared<implementation>(std::move(executor), std::move(options))) {}

server::~server() { implementation_->abandon(); }

result<tcp::endpoint> server::listen(const tcp::endpoint& address) {
    return implementation_->listen(address);
}

void server::serve(std::unique_ptr<byte_stream> stream, std::string peer_address) {
    serve(std::move(stream), connection_ends{.peer_address = std::move(peer_address)});
}

void server::serve(std::unique_ptr<byte_stream> stream, connection_ends ends) {
    implementation_->serve(std::move(stream), std::move(ends));
}

result<tcp::endpoint> server::listen(int listening_socket) {
    return implementation_->listen(listening_socket);
}

void server::begin_drain(const drain_options& how, drained_handler done) {
    implementation_->drain(how, std::move(done));
}

void server::stop() { implementation_->stop(); }

std::size_t server::connections() const { return implementation_->connections(); }

}  // namespace sluice
