#pragma once

#include "sluice/endpoint/endpoint.hpp"
#include "sluice/io/byte_stream.hpp"
#include "sluice/io/cpu_meter.hpp"

#include <boost/asio/steady_timer.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>

namespace sluice {

/// Private to io/: moves bytes between a stream and an endpoint, of either role, and arms the one
/// timer there is. It follows the endpoint to the end: shuts the stream for sending behind
/// DISCONNECT, reads on until the peer's FIN, and closes the stream only when the endpoint says so,
/// since closing with unread input sends RST, and RST destroys what the peer has not read yet.
///
/// All calls are made on the stream's executor.
class pump final : private byte_stream::observer {
public:
    /// Whose connection it is.
    class owner {
    public:
        virtual ~owner() = default;

        /// Takes what the endpoint's `poll` gives until that is nothing. At least once: the
        /// endpoint looks at the time there.
        virtual void take_events() = 0;
        /// The endpoint is finished: once, behind the last event that counts.
        virtual void on_finished() = 0;
        /// The stream is closed: once, behind `on_finished`.
        virtual void on_stream_closed() = 0;
        /// Keeps the owner, and so the pump, alive while something is waited for.
        virtual std::shared_ptr<void> keep_alive() = 0;
    };

    /// `end` and `told` outlive the pump.
    pump(std::unique_ptr<byte_stream> stream, endpoint& end, owner& told);
    pump(const pump&) = delete;
    pump& operator=(const pump&) = delete;

    boost::asio::any_io_executor executor() { return stream_->executor(); }

    /// Lets the endpoint go through what it has and the stream take what it wants, until neither
    /// moves. To be called first, and whenever the endpoint was used; within `take_events` it does
    /// nothing, since its caller goes on anyway.
    void run();

    /// The same, a little later: for calls from within a handler, so that this is not called again
    /// before it has returned.
    void run_soon();

    bool stream_closed() const { return closed_; }
    /// What broke the stream, if that is what ended it.
    error_code stream_error() const { return stream_error_; }
    std::uint64_t bytes_in() const { return bytes_in_; }
    std::uint64_t bytes_out() const { return bytes_out_; }

    /// What its calls use of a processor, the owner's work included, once it is started.
    cpu_meter& meter() { return meter_; }

private:
    void on_readable() override;
    void on_writable() override;
    void on_timer();

    void process();
    bool write_output();
    bool read_some();
    void look_for_end();
    void wait_readable();
    void arm_timer();
    void shut();
    void stream_ended(error_code error);
    void tell_finished();
    void close();
    std::shared_ptr<byte_stream::observer> self();

    std::unique_ptr<byte_stream> stream_;
    endpoint& endpoint_;
    owner& owner_;
    boost::asio::steady_timer timer_;
    time_point timer_set_for_ = time_point::max();
    cpu_meter meter_;

    bool running_ = false;
    bool run_posted_ = false;
    bool reading_ = false;  // a wait is outstanding
    bool writing_ = false;
    bool input_ended_ = false;  // and the endpoint is yet to be told
    bool finished_told_ = false;
    bool closed_ = false;
    std::size_t read_size_;
    error_code stream_error_;
    std::uint64_t bytes_in_ = 0;
    std::uint64_t bytes_out_ = 0;
};

}  // namespace sluice
