#pragma once

#include "sluice/io/channel_handler.hpp"
#include "sluice/io/mux_port.hpp"
#include "sluice/io/operation.hpp"
#include "sluice/io/session_core.hpp"
#include "sluice/sftp/client.hpp"

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace sluice {

class sftp_core;

/// What READ and WRITE carry at most in a session, in bytes.
struct sftp_limits {
    std::uint32_t read_length_max = 0;
    std::uint32_t write_length_max = 0;
};

/// What became of an SFTP session, seen from the client.
struct sftp_session_report {
    sftp::client_report numbers;
    exit_result exit;  // the server's, as it tells
    channel_report channel;
};

/// Private to io/: something that is asked of a session, from its begin to its completion, by one
/// request or many. On the strand only.
class sftp_operation {
public:
    explicit sftp_operation(operation_number number) : number_(number) {}
    virtual ~sftp_operation() = default;
    sftp_operation(const sftp_operation&) = delete;
    sftp_operation& operator=(const sftp_operation&) = delete;

    operation_number number() const { return number_; }

    /// There is room for a request: makes the next one and has the core `await` it, or completes.
    virtual void ask(sftp_core& core) = 0;
    /// What was awaited has come.
    virtual void on_outcome(sftp_core& core, sftp::outcome& o) = 0;
    /// Completes with operation_aborted. What was awaited is forgotten already.
    virtual void cancel(sftp_core& core) = 0;

    // Only for those that have many requests in flight (sftp_core::add_mover):

    /// Does what can be done now; false when that was the last.
    virtual bool move(sftp_core& core);
    /// Takes an outcome, if it is one of its requests; tells whether.
    virtual bool take(sftp::outcome& o);

private:
    const operation_number number_;
};

/// Private to io/: what the handles of one SFTP session share with its connection.
///
/// Operations are begun from any thread; all else happens on the strand.
class sftp_core final : public channel_handler, public std::enable_shared_from_this<sftp_core> {
public:
    /// `ready` is told once: the server has answered, or why it will not.
    sftp_core(mux_port& port, std::function<void(error_code)> ready);
    sftp_core(const sftp_core&) = delete;
    sftp_core& operator=(const sftp_core&) = delete;

    const boost::asio::any_io_executor& executor() const { return strand_; }

    /// What an operation is for: while the connection drains, files that are open are finished and
    /// nothing new is begun.
    enum class admission { new_work, open_file };

    // --- from any thread ---

    using maker = std::function<result<sftp::request_id>(sftp::client&)>;
    template <class... Reply>
    void async_request(admission what, maker make, completion<Reply...> done);
    /// `make` makes an operation of a number, which completes `done`.
    template <class... Reply, class Make>
    void async_operation(admission what, completion<Reply...> done, Make make) {
        const operation_number number = ++numbers_;
        cancel_by_slot(shared_from_this(), strand_, number, done);
        boost::asio::dispatch(
            strand_,
            [self = shared_from_this(), what, number, make = std::move(make),
             waiting = pending_operation<Reply...>(number, std::move(done), strand_)]() mutable {
                self->keep_error_text({});
                if (const error_code e = self->refusal(what)) return waiting.post(e, Reply{}...);
                self->start(make(number, std::move(waiting)));
            });
    }
    /// Begins an Operation made of its number, `args` and what it completes.
    template <class Operation, class... Reply, class... Args>
    void begin(admission what, completion<Reply...> done, Args... args) {
        async_operation<Reply...>(
            what, std::move(done),
            [... kept = std::move(args)](operation_number number,
                                         pending_operation<Reply...> waiting) mutable {
                return std::make_shared<Operation>(number, std::move(kept)..., std::move(waiting));
            });
    }
    void async_limits(completion<sftp_limits> done);
    void async_close(completion<sftp_session_report> done);
    /// Nobody holds the handle any more.
    void close_handle(sftp::remote_handle handle);
    /// Nobody holds the session any more: what was begun is finished, then it is closed.
    void close_soon();

    // --- on the strand ---

    sftp::client& requests() { return client_; }
    /// Puts an operation in line for `sftp_operation::ask`.
    void start(std::shared_ptr<sftp_operation> operation);
    void await(sftp::request_id id, std::shared_ptr<sftp_operation> operation);
    /// From here on `move` and `take` are called.
    void add_mover(std::shared_ptr<sftp_operation> operation);
    /// Closes a handle without waiting for what the server says.
    void drop_handle(sftp::remote_handle handle);

    void cancel_operation(operation_number number);
    /// The channel is confirmed: asks for the subsystem.
    void on_opened();
    /// As `close_soon`, once no file is open.
    void drain();
    /// The connection is destroyed: nothing may be asked of the port any more.
    void detach();

    /// From any thread: what the server said beside the latest error of a request; empty from the
    /// begin of an operation on.
    std::string error_text() const;

    /// What came first, where that was no SFTP: at most limits::sftp_error_text_max printable ASCII
    /// characters, what is none being '?'.
    std::string first_words() const;

    sftp::client_report report() const { return client_.report(); }
    /// There was a session to report of.
    bool was_ready() const { return was_ready_; }

    void on_data(bytes_view data, std::uint32_t extended_type) override;
    void on_eof() override;
    void on_writable() override;
    bool on_request(const channel_request& request) override;
    void on_reply(bool success) override;
    void on_closed() override;

private:
    struct waiter {
        sftp::request_id id{};
        std::shared_ptr<sftp_operation> operation;
    };

    error_code refusal(admission what) const;
    void keep_error_text(std::string text);
    error_code greeting_error() const;
    void pump();
    void pump_once();
    void deliver(sftp::outcome& o);
    bool idle() const;
    void greet();
    void end_if_done();
    void tell_ready(error_code e);

    const boost::asio::any_io_executor strand_;
    mux_port* port_;  // null behind the end of the channel
    std::function<void(error_code)> ready_;
    std::atomic<operation_number> numbers_ = 0;

    sftp::client client_;
    std::deque<std::shared_ptr<sftp_operation>> in_line_;
    std::vector<waiter> waiters_;  // by client::index_of
    std::vector<std::shared_ptr<sftp_operation>> movers_;
    waiting_list<sftp_session_report> close_waiters_;

    mutable std::mutex error_text_mutex_;
    std::string error_text_;
    bytes first_bytes_;  // of the stream, until it proves to be SFTP

    bool subsystem_granted_ = false;
    bool was_ready_ = false;
    bool draining_ = false;  // begins nothing new; ends when no file is open
    bool closing_ = false;   // begins nothing at all; ends when what was begun is done
    bool eof_sent_ = false;
    bool pumping_ = false;
    bool again_ = false;
    sftp_session_report report_;
    error_code connection_error_;
};

/// Private to io/: what keeps a session open: it is closed when the last of these is gone.
class sftp_hold {
public:
    explicit sftp_hold(std::shared_ptr<sftp_core> core) : core_(std::move(core)) {}
    ~sftp_hold() { core_->close_soon(); }
    sftp_hold(const sftp_hold&) = delete;
    sftp_hold& operator=(const sftp_hold&) = delete;

    sftp_core* operator->() const { return core_.get(); }
    sftp_core& operator*() const { return *core_; }

private:
    std::shared_ptr<sftp_core> core_;
};

}  // namespace sluice
