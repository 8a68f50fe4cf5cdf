#include "sluice/io/session_core.hpp"

#include "sluice/wire/limits.hpp"

#include <algorithm>
#include <cstring>

namespace asio = boost::asio;

namespace sluice {
namespace {

constexpr std::uint32_t ordinary = 0;
constexpr std::uint32_t standard_error = 1;  // RFC 4254 §5.2

}  // namespace

std::optional<exit_result> exit_of(const channel_request& request) {
    if (const auto* status = std::get_if<exit_status_request>(&request))
        return exit_result{status->exit_status, {}, false, {}};
    if (const auto* signal = std::get_if<exit_signal_request>(&request))
        return exit_result{std::nullopt,
                           std::string(signal->signal_name.substr(0, limits::name_length_max)),
                           signal->core_dumped,
                           std::string(signal->error_message.substr(0, limits::report_text_max))};
    return std::nullopt;
}

session_core::session_core(mux_port& port) : strand_(port.executor()), port_(&port) {}

// --- operations ---------------------------------------------------------------------------------

template <class... Args>
pending_operation<Args...> session_core::begin(completion<Args...> done) {
    const operation_number number = next_number();
    cancel_by_slot(shared_from_this(), strand_, number, done);
    return {number, std::move(done), strand_};
}

void session_core::async_read(std::uint32_t which, mutable_bytes_view space,
                              completion<std::size_t> done) {
    asio::dispatch(strand_, [self = shared_from_this(), which, space,
                             operation = begin(std::move(done))]() mutable {
        if (space.empty()) return operation.post({}, 0);
        self->start_read(which, space, std::move(operation));
    });
}

void session_core::async_wait_readable(std::uint32_t which, completion<std::size_t> done) {
    asio::dispatch(
        strand_, [self = shared_from_this(), which, operation = begin(std::move(done))]() mutable {
            self->start_read(which, {}, std::move(operation));
        });
}

void session_core::async_write(std::uint32_t which, bytes_view data, completion<std::size_t> done) {
    asio::dispatch(strand_, [self = shared_from_this(), which, data,
                             operation = begin(std::move(done))]() mutable {
        if (data.empty()) return operation.post(self->write_error(), 0);
        self->start_write(which, data, std::move(operation));
    });
}

void session_core::async_wait_writable(std::uint32_t which, completion<std::size_t> done) {
    asio::dispatch(
        strand_, [self = shared_from_this(), which, operation = begin(std::move(done))]() mutable {
            self->start_write(which, {}, std::move(operation));
        });
}

void session_core::async_request(std::function<void(mux_port&)> send, completion<> done) {
    asio::dispatch(strand_, [self = shared_from_this(), send = std::move(send),
                             operation = begin(std::move(done))]() mutable {
        if (self->port_ == nullptr) return operation.post(self->end_);
        self->requests_.push_back(std::move(operation));
        send(*self->port_);
    });
}

void session_core::async_wait_exit(completion<exit_result> done) {
    asio::dispatch(strand_,
                   [self = shared_from_this(), operation = begin(std::move(done))]() mutable {
                       if (self->exit_) return operation.post({}, *self->exit_);
                       if (self->port_ == nullptr)
                           return operation.post(self->connection_error_, {});
                       self->exit_waiters_.add(std::move(operation));
                   });
}

void session_core::async_close(completion<channel_report> done) {
    asio::dispatch(strand_,
                   [self = shared_from_this(), operation = begin(std::move(done))]() mutable {
                       if (self->port_ == nullptr)
                           return operation.post(self->connection_error_, self->report_);
                       self->close_waiters_.add(std::move(operation));
                       self->close();
                   });
}

void session_core::send(std::function<void(mux_port&)> what) {
    asio::dispatch(strand_, [self = shared_from_this(), what = std::move(what)] {
        if (self->port_ != nullptr) what(*self->port_);
    });
}

void session_core::discard_errors() {
    asio::dispatch(strand_, [self = shared_from_this()] {
        self->errors_discarded_ = true;
        auto& queue = self->receivers_[standard_error].queue;
        const std::size_t n = queue.size();
        queue.consume(n);
        queue.release_if_empty();
        self->credit(n);
    });
}

void session_core::abandon() {
    asio::dispatch(strand_, [self = shared_from_this()] {
        for (auto& r : self->receivers_)
            if (r.reader && r.filled == 0) r.reader.cancel();
        for (auto& s : self->senders_)
            if (s.writer) s.writer.cancel();
        for (auto& request : self->requests_)
            if (request) request.cancel();
        self->exit_waiters_.post_all(asio::error::operation_aborted, {});
        self->close_waiters_.post_all(asio::error::operation_aborted, {});
        self->close();
    });
}

void session_core::cancel_operation(operation_number number) {
    for (auto& r : receivers_)
        if (r.reader && r.reader.number() == number && r.filled == 0) return r.reader.cancel();
    for (auto& s : senders_)
        if (s.writer && s.writer.number() == number) return s.writer.cancel();
    // The reply will come all the same, and belongs to it.
    for (auto& request : requests_)
        if (request && request.number() == number) return request.cancel();
    if (!exit_waiters_.cancel(number)) close_waiters_.cancel(number);
}

// --- reading ------------------------------------------------------------------------------------

error_code session_core::readiness(std::uint32_t which) const {
    if (!receivers_[which].queue.empty()) return {};
    if (eof_received_) return asio::error::eof;
    return port_ == nullptr ? end_ : error_code(asio::error::would_block);
}

std::size_t session_core::read_some(std::uint32_t which, mutable_bytes_view space, error_code& e) {
    auto& queue = receivers_[which].queue;
    e = readiness(which);
    const std::size_t n = std::min(space.size(), queue.size());
    if (n == 0) return 0;
    std::memcpy(space.data(), queue.view().data(), n);
    queue.consume(n);
    queue.release_if_empty();
    credit(n);
    return n;
}

void session_core::start_read(std::uint32_t which, mutable_bytes_view space,
                              pending_operation<std::size_t> operation) {
    receiver& r = receivers_[which];
    if (r.reader) return operation.post(asio::error::already_started, 0);
    error_code e;
    const std::size_t n = read_some(which, space, e);
    if (e != asio::error::would_block) return operation.post(e, n);
    r.reader = std::move(operation);
    r.space = space;
}

// What a reader waits for goes into its memory at once. It is told a little later, so that the
// packets that came together with this one go there too.
void session_core::on_data(bytes_view data, std::uint32_t extended_type) {
    if (extended_type > standard_error || (extended_type == standard_error && errors_discarded_))
        return credit(data.size());
    receiver& r = receivers_[extended_type];
    const std::size_t n =
        r.reader && r.queue.empty() ? std::min(data.size(), r.space.size() - r.filled) : 0;
    if (n != 0) {
        std::memcpy(r.space.data() + r.filled, data.data(), n);
        credit(n);
    }
    if (n < data.size()) r.queue.append(data.subspan(n));
    const bool told = r.filled != 0;
    r.filled += n;
    if (r.reader && !told) complete_read(extended_type);
}

void session_core::complete_read(std::uint32_t which) {
    receiver& r = receivers_[which];
    if (r.filled == 0) return r.reader.post(readiness(which), 0);
    asio::post(strand_, [self = shared_from_this(), &r] {
        const std::size_t n = std::exchange(r.filled, 0);
        // It may begin the next one from within.
        auto reader = std::exchange(r.reader, {});
        reader.dispatch({}, n);
    });
}

void session_core::credit(std::size_t n) {
    if (port_ != nullptr && n != 0) port_->consumed(n);
}

void session_core::on_eof() {
    eof_received_ = true;
    for (std::uint32_t which : {ordinary, standard_error})
        if (receivers_[which].reader && receivers_[which].filled == 0) complete_read(which);
}

// --- writing ------------------------------------------------------------------------------------

error_code session_core::write_error() const {
    if (port_ == nullptr) return end_;
    if (eof_sent_) return errc::channel_closed;
    if (peer_reads_no_more_) return asio::error::broken_pipe;
    return {};
}

// No data asks whether some could be written.
std::size_t session_core::write_some(std::uint32_t which, bytes_view data, error_code& e) {
    e = write_error();
    if (e) return 0;
    const std::size_t room = port_->writable();
    if (room == 0) e = asio::error::would_block;
    const std::size_t n = std::min({data.size(), room, wire::bulk_block_size});
    if (n != 0) port_->write(wire::buffer::copy_of(data.first(n)), which);
    return n;
}

void session_core::start_write(std::uint32_t which, bytes_view data,
                               pending_operation<std::size_t> operation) {
    sender& s = senders_[which];
    if (s.writer) return operation.post(asio::error::already_started, 0);
    error_code e;
    const std::size_t n = write_some(which, data, e);
    if (e != asio::error::would_block) return operation.post(e, n);
    s.writer = std::move(operation);
    s.data = data;
}

void session_core::retry_writes() {
    for (std::uint32_t which : {ordinary, standard_error}) {
        sender& s = senders_[which];
        if (!s.writer) continue;
        error_code e;
        const std::size_t n = write_some(which, s.data, e);
        if (e != asio::error::would_block) s.writer.post(e, n);
    }
}

void session_core::on_writable() { retry_writes(); }

void session_core::on_eow() {
    peer_reads_no_more_ = true;
    retry_writes();
}

void session_core::send_eof() {
    if (port_ == nullptr || std::exchange(eof_sent_, true)) return;
    port_->send_eof();
    retry_writes();
}

// --- requests -----------------------------------------------------------------------------------

void session_core::on_reply(bool success) {
    if (requests_.empty()) return;  // the mux has checked that one was due
    auto operation = std::move(requests_.front());
    requests_.pop_front();
    if (operation) operation.post(success ? error_code() : make_error_code(errc::request_refused));
}

bool session_core::on_request(const channel_request& request) {
    auto exit = exit_of(request);
    if (!exit) return false;
    set_exit(std::move(*exit));
    return true;
}

void session_core::set_exit(exit_result exit) {
    if (exit_) return;
    exit_ = std::move(exit);
    exit_waiters_.post_all({}, *exit_);
}

// --- the end ------------------------------------------------------------------------------------

void session_core::close() {
    if (port_ == nullptr) return;
    eof_sent_ = true;
    port_->close();
    retry_writes();
}

void session_core::break_off() {
    if (port_ == nullptr) return;
    eof_sent_ = true;
    port_->break_off();
    retry_writes();
}

void session_core::on_closed() {
    if (port_ == nullptr) return;
    report_ = port_->report();
    connection_error_ = port_->end_error();
    detach();
}

void session_core::detach() {
    if (std::exchange(port_, nullptr) == nullptr) return;
    end_ = connection_error_ ? connection_error_ : make_error_code(errc::channel_closed);
    // What comes while we are closing is not told: an EOF with nothing lost before it is one.
    if (report_.eof_received && report_.bytes_discarded == 0) eof_received_ = true;
    if (!exit_ && report_.exit_status)
        set_exit({report_.exit_status, {}, false, {}});
    else if (!exit_ && !report_.exit_signal.empty())
        set_exit({std::nullopt, report_.exit_signal, false, {}});

    for (std::uint32_t which : {ordinary, standard_error})
        if (receivers_[which].reader && receivers_[which].filled == 0) complete_read(which);
    retry_writes();
    for (auto& request : std::exchange(requests_, {}))
        if (request) request.post(end_);
    exit_waiters_.post_all(connection_error_, {});
    close_waiters_.post_all(connection_error_, report_);
}

}  // namespace sluice
