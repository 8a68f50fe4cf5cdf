#include "sluice/tools/sluiced_lines_out.hpp"

#include <limits.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string_view>
#include <thread>
#include <utility>

namespace sluice {

struct line_writer::state {
    std::mutex mutex;
    std::condition_variable woken;    // the writer, which sleeps without lines
    std::condition_variable written;  // whoever waits for all to be written
    std::deque<std::string> lines;
    std::size_t bytes_max = 0;
    std::size_t bytes = 0;  // of them
    std::uint64_t dropped = 0;
    std::uint64_t untold = 0;  // of the dropped
    bool asleep = false;
    bool writing = false;
    bool ended = false;

    bool has_lines() const { return !lines.empty() || untold != 0; }
    bool idle() const { return !has_lines() && !writing; }
};

namespace {

// To wake a thread costs more than a line: what is said within a moment is written together.
constexpr auto gathering = std::chrono::milliseconds(20);

// A pipe takes so much as one piece, which lines of other processes do not break.
constexpr std::size_t piece_max = PIPE_BUF;

// A descriptor that is gone or full for good takes its lines with it.
void write_all(int descriptor, std::string_view text) {
    while (!text.empty()) {
        const ssize_t n = ::write(descriptor, text.data(), text.size());
        if (n > 0)
            text.remove_prefix(static_cast<std::size_t>(n));
        else if (errno == EAGAIN)
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        else if (errno != EINTR)
            return;
    }
}

}  // namespace

line_writer::line_writer(int descriptor, std::size_t bytes_max, told_of_dropped tell)
    : state_(std::make_shared<state>()) {
    state_->bytes_max = bytes_max;
    const auto put = [descriptor](std::string_view text) { write_all(descriptor, text); };
    start(put, piece_max, std::move(tell));
}

line_writer::line_writer(std::function<void(std::string_view)> put, std::size_t bytes_max,
                         told_of_dropped tell)
    : state_(std::make_shared<state>()) {
    state_->bytes_max = bytes_max;
    const auto without_end = [put = std::move(put)](std::string_view line) {
        put(line.substr(0, line.size() - 1));
    };
    start(without_end, 0, std::move(tell));
}

// A piece is several lines up to `most` bytes, or one.
void line_writer::start(std::function<void(std::string_view)> put, std::size_t most,
                        told_of_dropped tell) {
    std::thread([s = state_, most, put = std::move(put), tell = std::move(tell)] {
        std::unique_lock lock(s->mutex);
        while (!s->ended) {
            if (!s->has_lines()) {
                s->asleep = true;
                s->woken.wait(lock, [&] { return s->ended || s->has_lines(); });
                s->asleep = false;
                lock.unlock();
                std::this_thread::sleep_for(gathering);
                lock.lock();
                continue;
            }
            std::string text;
            while (!s->lines.empty() &&
                   (text.empty() || text.size() + s->lines.front().size() <= most)) {
                text += s->lines.front();
                s->bytes -= s->lines.front().size();
                s->lines.pop_front();
            }
            if (text.empty()) text = tell(std::exchange(s->untold, 0)) + "\n";
            s->writing = true;
            lock.unlock();
            put(text);
            lock.lock();
            s->writing = false;
            if (s->idle()) s->written.notify_all();
        }
    }).detach();
}

line_writer::~line_writer() {
    const std::lock_guard lock(state_->mutex);
    state_->ended = true;
    state_->woken.notify_one();
}

void line_writer::write(std::string line) {
    line += '\n';
    {
        const std::lock_guard lock(state_->mutex);
        // Behind a gap nothing is kept before the gap has been told.
        if (state_->untold != 0 || state_->bytes + line.size() > state_->bytes_max) {
            ++state_->dropped;
            ++state_->untold;
        } else {
            state_->bytes += line.size();
            state_->lines.push_back(std::move(line));
        }
        if (!std::exchange(state_->asleep, false)) return;
    }
    state_->woken.notify_one();
}

bool line_writer::flush(std::chrono::milliseconds most) {
    std::unique_lock lock(state_->mutex);
    return state_->written.wait_for(lock, most, [this] { return state_->idle(); });
}

std::uint64_t line_writer::dropped() const {
    const std::lock_guard lock(state_->mutex);
    return state_->dropped;
}

}  // namespace sluice
