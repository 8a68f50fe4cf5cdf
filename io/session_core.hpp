#pragma once

#include "sluice/io/channel_handler.hpp"
#include "sluice/io/mux_port.hpp"
#include "sluice/io/operation.hpp"
#include "sluice/wire/byte_queue.hpp"

#include <array>
#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace sluice {

/// How a command ended, as the peer tells it (RFC 4254 §6.10). Neither: it did not say.
struct exit_result {
    std::optional<std::uint32_t> status;
    std::string signal;  // without "SIG"; the rest belongs to it
    bool core_dumped = false;
    std::string message;  // the peer's: escape it before it is shown
};

/// What a request says of it; nothing where it is not about that.
std::optional<exit_result> exit_of(const channel_request& request);

/// Private to io/: what the handles of one channel share with its connection. It outlives the
/// channel for as long as somebody may read what came before the end.
///
/// Operations are begun from any thread; all else happens on the strand.
class session_core final : public channel_handler,
                           public std::enable_shared_from_this<session_core> {
public:
    explicit session_core(mux_port& port);
    session_core(const session_core&) = delete;
    session_core& operator=(const session_core&) = delete;

    const boost::asio::any_io_executor& executor() const { return strand_; }

    // --- from any thread ---

    /// `which` is 0 for ordinary data, 1 for stderr. One read or wait and one write of each at a
    /// time: asio::error::already_started.
    void async_read(std::uint32_t which, mutable_bytes_view space, completion<std::size_t> done);
    /// Until `read_some` would get somewhere.
    void async_wait_readable(std::uint32_t which, completion<std::size_t> done);
    void async_write(std::uint32_t which, bytes_view data, completion<std::size_t> done);
    /// Until `write_some` would get somewhere.
    void async_wait_writable(std::uint32_t which, completion<std::size_t> done);

    /// `send` makes the request, whose views live as long as itself.
    void async_request(std::function<void(mux_port&)> send, completion<> done);
    void async_wait_exit(completion<exit_result> done);
    void async_close(completion<channel_report> done);

    /// Calls it with the port, unless the channel is closed.
    void send(std::function<void(mux_port&)> what);
    /// Stderr is thrown away from here on.
    void discard_errors();
    /// No handle is left: ends what waits and closes in order.
    void abandon();

    // --- on the strand ---

    std::size_t read_some(std::uint32_t which, mutable_bytes_view space, error_code& e);
    std::size_t write_some(std::uint32_t which, bytes_view data, error_code& e);
    /// What `read_some` would say.
    error_code readiness(std::uint32_t which) const;
    void send_eof();
    void close();
    void break_off();
    void cancel_operation(operation_number number);
    /// The connection is destroyed: nothing may be asked of the port any more.
    void detach();

    void on_data(bytes_view data, std::uint32_t extended_type) override;
    void on_eof() override;
    void on_writable() override;
    bool on_request(const channel_request& request) override;
    void on_reply(bool success) override;
    void on_eow() override;
    void on_closed() override;

private:
    struct receiver {
        wire::byte_queue queue;
        pending_operation<std::size_t> reader;
        mutable_bytes_view space;
        std::size_t filled = 0;  // of `space`; the completion is on its way
    };
    struct sender {
        pending_operation<std::size_t> writer;
        bytes_view data;
    };

    operation_number next_number() { return ++numbers_; }
    template <class... Args>
    pending_operation<Args...> begin(completion<Args...> done);
    void start_read(std::uint32_t which, mutable_bytes_view space,
                    pending_operation<std::size_t> operation);
    void start_write(std::uint32_t which, bytes_view data,
                     pending_operation<std::size_t> operation);
    error_code write_error() const;
    void complete_read(std::uint32_t which);
    void retry_writes();
    void set_exit(exit_result exit);
    void credit(std::size_t n);

    const boost::asio::any_io_executor strand_;
    mux_port* port_;  // null behind the end of the channel
    std::atomic<operation_number> numbers_ = 0;

    std::array<receiver, 2> receivers_;
    std::array<sender, 2> senders_;
    std::deque<pending_operation<>> requests_;  // those whose wait was cancelled are empty
    waiting_list<exit_result> exit_waiters_;
    waiting_list<channel_report> close_waiters_;
    std::optional<exit_result> exit_;
    channel_report report_;  // behind the end
    bool errors_discarded_ = false;
    bool eof_received_ = false;
    bool eof_sent_ = false;
    bool peer_reads_no_more_ = false;
    error_code end_;  // what reads behind the last byte, and all else, get; set by the end
    error_code connection_error_;
};

}  // namespace sluice
