#include "sluice/io/pump.hpp"

#include "sluice/io/clock.hpp"

#include <boost/asio/post.hpp>

#include <utility>

namespace asio = boost::asio;

namespace sluice {
namespace {

// One read takes as much as is there: little at first, a lot while data flows.
constexpr std::size_t read_size_min = 8 * 1024;
constexpr std::size_t read_size_bulk = 192 * 1024;  // at least; more when the block has room

// After this many turns the thread's other connections get theirs.
constexpr int turns_max = 8;

}  // namespace

pump::pump(std::unique_ptr<byte_stream> stream, endpoint& end, owner& told)
    : stream_(std::move(stream)),
      endpoint_(end),
      owner_(told),
      timer_(stream_->executor()),
      read_size_(read_size_min) {}

std::shared_ptr<byte_stream::observer> pump::self() { return {owner_.keep_alive(), this}; }

void pump::run() {
    if (running_ || closed_) return;
    const cpu_meter::span measured(meter_);
    running_ = true;
    int turns = 0;
    do {
        process();
    } while (write_output() && ++turns < turns_max);
    if (endpoint_.wants_shutdown()) shut();
    running_ = false;

    if (endpoint_.closed()) return close();
    if (turns == turns_max) run_soon();
    // While nothing is to be read, that the peer has left is noticed all the same; a stream that
    // takes no output tells it anyway.
    if (endpoint_.wants_input() || !writing_) wait_readable();
    arm_timer();
}

void pump::run_soon() {
    if (running_ || run_posted_ || closed_) return;
    run_posted_ = true;
    asio::post(executor(), [this, alive = owner_.keep_alive()] {
        run_posted_ = false;
        run();
    });
}

void pump::process() {
    owner_.take_events();
    // What came before the end of the stream is dealt with first.
    if (std::exchange(input_ended_, false)) endpoint_.stream_ended(stream_error_, now());
    tell_finished();
}

void pump::tell_finished() {
    if (!endpoint_.finished() || std::exchange(finished_told_, true)) return;
    owner_.on_finished();
}

// True when all that waited was taken, which may have made room for more.
bool pump::write_output() {
    if (writing_ || endpoint_.state() > connection_state::disconnecting) return false;
    bool any = false;
    for (bytes_view output = endpoint_.output(); !output.empty(); output = endpoint_.output()) {
        error_code e;
        const std::size_t n = stream_->write_some(output, e);
        bytes_out_ += n;
        endpoint_.consume_output(n);
        if (would_block(e)) {
            writing_ = true;
            stream_->wait_writable(self());
            return false;
        }
        if (e) {
            stream_ended(e);
            return false;
        }
        any = true;
    }
    return any;
}

void pump::on_writable() {
    writing_ = false;
    run();
}

void pump::wait_readable() {
    if (std::exchange(reading_, true)) return;
    stream_->wait_readable(self());
}

void pump::on_readable() {
    const cpu_meter::span measured(meter_);
    reading_ = false;
    if (!endpoint_.wants_input()) return look_for_end();
    for (int turns = 0; !closed_ && endpoint_.wants_input() && turns < turns_max; ++turns) {
        const bool more = read_some();
        run();
        if (!more) break;
    }
    if (endpoint_.output().empty()) endpoint_.release_idle_memory();
}

// True when there may be more to read at once.
bool pump::read_some() {
    const mutable_bytes_view space = endpoint_.prepare_input(read_size_);
    error_code e;
    const std::size_t n = stream_->read_some(space, e);
    endpoint_.commit_input(n, now());
    bytes_in_ += n;
    if (e && !would_block(e)) {
        input_ended_ = true;
        stream_error_ = e == asio::error::eof ? error_code() : e;
        return false;
    }
    const bool filled = n == space.size();
    if (filled)
        read_size_ = read_size_bulk;
    else if (n < read_size_min)
        read_size_ = read_size_min;
    return filled;
}

// The peer is heard to leave, unless it has said something before that waits in front.
void pump::look_for_end() {
    if (closed_) return;
    const error_code e = stream_->peek();
    if (would_block(e)) return wait_readable();
    if (!e) return;
    input_ended_ = true;
    stream_error_ = e == asio::error::eof ? error_code() : e;
    run();
}

void pump::arm_timer() {
    const time_point deadline = endpoint_.next_deadline();
    // A deadline that moves away is looked at again when the timer fires.
    if (deadline >= timer_set_for_) return;
    timer_set_for_ = deadline;
    timer_.expires_at(std::chrono::time_point_cast<std::chrono::steady_clock::duration>(deadline));
    timer_.async_wait([this, alive = owner_.keep_alive()](error_code e) {
        if (!e) on_timer();
    });
}

void pump::on_timer() {
    timer_set_for_ = time_point::max();
    run();
}

// --- the end ------------------------------------------------------------------------------------

void pump::shut() {
    const error_code e = stream_->shutdown_send();
    if (e) return stream_ended(e);
    endpoint_.stream_shut(now());
}

void pump::stream_ended(error_code error) {
    stream_error_ = error;
    endpoint_.stream_ended(error, now());
}

void pump::close() {
    closed_ = true;
    tell_finished();
    stream_->close();
    timer_.cancel();
    owner_.on_stream_closed();
}

}  // namespace sluice
