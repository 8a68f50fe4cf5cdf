#include "sluice/io/server_connection.hpp"

#include "sluice/io/session_port.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <array>

namespace asio = boost::asio;

namespace sluice {
namespace {

// One read takes as much as is there: little at first, a lot while data flows.
constexpr std::size_t read_size_min = 8 * 1024;
constexpr std::size_t read_size_bulk = 192 * 1024;  // at least; more when the block has room

// After this many turns the thread's other connections get theirs.
constexpr int turns_max = 8;

time_point now() { return std::chrono::steady_clock::now(); }

bool would_block(const error_code& e) {
    return e == asio::error::would_block || e == asio::error::try_again;
}

}  // namespace

server_connection::server_connection(socket stream, std::string peer_address, std::string peer_name,
                                     std::shared_ptr<const server_options> options, observer told)
    : socket_(std::move(stream)),
      peer_address_(std::move(peer_address)),
      peer_name_(std::move(peer_name)),
      options_(std::move(options)),
      told_(std::move(told)),
      endpoint_(options_->protocol, now()),
      timer_(socket_.get_executor()),
      started_(now()),
      read_size_(read_size_min) {}

server_connection::~server_connection() = default;

void server_connection::start() {
    error_code ignored;
    socket_.non_blocking(true, ignored);
    log(log_severity::info, "connection", {});
    pump();
}

void server_connection::stop() {
    if (state_ != state::open) return;
    end_reason_ = errc::cancelled;
    endpoint_.cut(disconnect_reason::by_application, "server is shutting down", now());
    pump();
}

// --- the pump -----------------------------------------------------------------------------------

// Lets the endpoint go through what it has and the socket take what it wants, until neither moves.
void server_connection::pump() {
    if (pumping_) return;
    pumping_ = true;
    int turns = 0;
    do {
        process();
    } while (write_output() && ++turns < turns_max);
    pumping_ = false;

    if (turns == turns_max) pump_soon();
    if (state_ == state::ending && endpoint_.output().empty()) half_close();
    if (state_ == state::open && (endpoint_.wants_input() || deciding_)) wait_readable();
    if (state_ != state::closed) arm_timer();
}

// For calls from within a handler: it is not called again before it has returned.
void server_connection::pump_soon() {
    if (pumping_ || pump_posted_) return;
    pump_posted_ = true;
    asio::post(executor(), [self = shared_from_this()] {
        self->pump_posted_ = false;
        self->pump();
    });
}

void server_connection::process() {
    while (state_ == state::open) {
        auto event = endpoint_.poll(now());
        if (!event) {
            if (!end_reason_) end_reason_ = event.error();
            break;
        }
        if (!*event) break;
        on_event(**event);
    }
    if (state_ == state::open && endpoint_.finished()) end();
}

// True when all that waited was taken, which may have made room for more.
bool server_connection::write_output() {
    if (writing_ || (state_ != state::open && state_ != state::ending)) return false;
    bool any = false;
    for (bytes_view output = endpoint_.output(); !output.empty(); output = endpoint_.output()) {
        error_code e;
        const std::size_t n = socket_.write_some(asio::buffer(output.data(), output.size()), e);
        bytes_out_ += n;
        endpoint_.consume_output(n);
        if (would_block(e)) {
            wait_writable();
            return false;
        }
        if (e) {
            lost(e);
            return false;
        }
        any = true;
    }
    return any;
}

void server_connection::wait_writable() {
    writing_ = true;
    socket_.async_wait(socket::wait_write, [self = shared_from_this()](error_code) {
        self->writing_ = false;
        self->pump();
    });
}

void server_connection::wait_readable() {
    if (reading_) return;
    reading_ = true;
    socket_.async_wait(socket::wait_read, [self = shared_from_this()](error_code) {
        self->reading_ = false;
        self->on_readable();
    });
}

void server_connection::on_readable() {
    if (state_ == state::half_closed) return discard();
    if (state_ == state::open && deciding_ && !endpoint_.wants_input()) return look_for_end();
    for (int turns = 0; state_ == state::open && endpoint_.wants_input() && turns < turns_max;
         ++turns) {
        const bool more = read_some();
        pump();
        if (!more) break;
    }
    if (state_ == state::open && endpoint_.output().empty()) endpoint_.release_idle_memory();
}

// True when there may be more to read at once.
bool server_connection::read_some() {
    const mutable_bytes_view space = endpoint_.prepare_input(read_size_);
    error_code e;
    const std::size_t n = socket_.read_some(asio::buffer(space.data(), space.size()), e);
    endpoint_.commit_input(n, now());
    bytes_in_ += n;
    if (e && !would_block(e)) {
        // What came before the end of the stream is dealt with first.
        process();
        if (state_ == state::open) lost(e == asio::error::eof ? error_code() : e);
        return false;
    }
    const bool filled = n == space.size();
    if (filled)
        read_size_ = read_size_bulk;
    else if (n < read_size_min)
        read_size_ = read_size_min;
    return filled;
}

// While a login is decided nothing is read; that a client has left meanwhile is noticed all the
// same, unless it has said something before that waits in front.
void server_connection::look_for_end() {
    std::uint8_t next = 0;
    error_code e;
    socket_.receive(asio::buffer(&next, 1), socket::message_peek, e);
    if (would_block(e)) return wait_readable();
    if (e) lost(e == asio::error::eof ? error_code() : e);
}

// Reading on until the peer's FIN: closing with unread input would send RST, and RST destroys what
// the peer has not read yet.
void server_connection::discard() {
    std::array<std::uint8_t, 16 * 1024> scrap;
    error_code e;
    for (int turns = 0; !e && turns < turns_max; ++turns)
        socket_.read_some(asio::buffer(scrap), e);
    if (!e || would_block(e)) return wait_readable();
    close_socket();
}

void server_connection::arm_timer() {
    const time_point deadline = std::min(endpoint_.next_deadline(), linger_until_);
    // A deadline that moves away is looked at again when the timer fires.
    if (deadline >= timer_set_for_) return;
    timer_set_for_ = deadline;
    timer_.expires_at(std::chrono::time_point_cast<std::chrono::steady_clock::duration>(deadline));
    timer_.async_wait([self = shared_from_this()](error_code e) {
        if (!e) self->on_timer();
    });
}

void server_connection::on_timer() {
    timer_set_for_ = time_point::max();
    if (now() >= linger_until_) return close_socket();
    pump();
}

// --- the end ------------------------------------------------------------------------------------

// The stream broke or ended without a goodbye.
void server_connection::lost(error_code error) {
    if (!end_reason_) end_reason_ = errc::connection_lost;
    if (error && end_text_.empty()) end_text_ = error.message();
    close_socket();
}

void server_connection::end() {
    state_ = state::ending;
    linger_until_ = now() + options_->linger;
    close_sessions();
    if (deciding_) deciding_->emit(asio::cancellation_type::terminal);
}

void server_connection::half_close() {
    state_ = state::half_closed;
    error_code e;
    socket_.shutdown(socket::shutdown_send, e);
    if (e) return close_socket();
    if (!reading_) on_readable();
}

void server_connection::close_socket() {
    if (state_ == state::closed) return;
    state_ = state::closed;
    error_code ignored;
    socket_.close(ignored);
    timer_.cancel();
    close_sessions();
    // Handlers that are still at work need us, and hold nothing that says so.
    if (!ports_.empty()) {
        timer_.expires_at(std::chrono::steady_clock::time_point::max());
        timer_.async_wait([self = shared_from_this()](error_code) {});
    }
    if (deciding_) deciding_->emit(asio::cancellation_type::terminal);
    // Not from here: the caller may be in the middle of something that is still needed.
    asio::post(executor(), [self = shared_from_this()] { self->finish_if_idle(); });
}

void server_connection::finish_if_idle() {
    if (state_ != state::closed || deciding_ || !ports_.empty() || !told_.closed) return;
    timer_.cancel();
    log_end();
    std::exchange(told_.closed, nullptr)();
}

void server_connection::log_end() const {
    const auto elapsed =
        std::chrono::duration_cast<std::chrono::milliseconds>(now() - started_).count();
    std::vector<std::pair<std::string_view, std::string>> fields;
    if (!session_.user.empty()) fields.emplace_back("user", session_.user);
    fields.emplace_back("reason", end_reason_ ? end_reason_.message() : "peer disconnected");
    if (!end_text_.empty()) fields.emplace_back("detail", end_text_);
    fields.emplace_back("received_bytes", std::to_string(bytes_in_));
    fields.emplace_back("sent_bytes", std::to_string(bytes_out_));
    fields.emplace_back("milliseconds", std::to_string(elapsed));
    log(log_severity::info, "closed", std::move(fields));
}

void server_connection::log(log_severity level, std::string_view event,
                            std::vector<std::pair<std::string_view, std::string>> fields) const {
    if (!options_->log) return;
    fields.emplace(fields.begin(), "peer", peer_name_);
    options_->log({level, event, std::move(fields)});
}

}  // namespace sluice
