#include "sluice/io/memory_stream.hpp"

#include "sluice/io/waiting_room.hpp"
#include "sluice/wire/byte_queue.hpp"
#include "sluice/wire/expects.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <mutex>

namespace asio = boost::asio;

namespace sluice {
namespace {

// Who waits at one end. Protected by the mutex of its direction.
class waiting_end final : public waiting_room::guest {
public:
    using observer = std::shared_ptr<byte_stream::observer>;

    explicit waiting_end(std::mutex& mutex) : mutex_(mutex) {}

    explicit operator bool() const { return told_ != nullptr; }
    void begin(observer told, const asio::any_io_executor& executor) {
        told_ = std::move(told);
        enter(executor);
    }
    observer end() {
        leave();
        return std::move(told_);
    }

private:
    void drop() override {
        observer gone;
        const std::lock_guard lock(mutex_);
        gone.swap(told_);
    }

    std::mutex& mutex_;
    observer told_;
};

// One direction. Each end has an executor of its own, on which it is told.
class one_way {
public:
    using waiting = waiting_end::observer;

    one_way(asio::any_io_executor writers, asio::any_io_executor readers, std::size_t capacity)
        : writers_(std::move(writers)), readers_(std::move(readers)), capacity_(capacity) {}

    std::size_t read_some(mutable_bytes_view space, error_code& e) {
        const std::lock_guard lock(mutex_);
        e = readiness();
        if (e) return 0;
        const std::size_t n = std::min(space.size(), queue_.size());
        std::copy_n(queue_.view().begin(), n, space.begin());
        queue_.consume(n);
        queue_.release_if_empty();
        wake_writer();
        return n;
    }

    std::size_t write_some(bytes_view data, error_code& e) {
        const std::lock_guard lock(mutex_);
        e = {};
        if (read_closed_ || write_closed_) e = asio::error::broken_pipe;
        const std::size_t n = e ? 0 : std::min(data.size(), capacity_ - queue_.size());
        if (n == 0) {
            if (!e && !data.empty()) e = asio::error::would_block;
            return 0;
        }
        queue_.append(data.first(n));
        wake_reader();
        return n;
    }

    error_code peek() const {
        const std::lock_guard lock(mutex_);
        return readiness();
    }

    void wait_readable(waiting told) {
        const std::lock_guard lock(mutex_);
        expects(!reader_);
        reader_.begin(std::move(told), readers_);
        if (!queue_.empty() || write_closed_ || read_closed_) wake_reader();
    }

    void wait_writable(waiting told) {
        const std::lock_guard lock(mutex_);
        expects(!writer_);
        writer_.begin(std::move(told), writers_);
        if (queue_.size() < capacity_ || read_closed_ || write_closed_) wake_writer();
    }

    error_code close_write() {
        const std::lock_guard lock(mutex_);
        error_code e;
        if (read_closed_) e = asio::error::broken_pipe;
        write_closed_ = true;
        wake_reader();
        wake_writer();
        return e;
    }

    void close_read() {
        const std::lock_guard lock(mutex_);
        read_closed_ = true;
        queue_.consume(queue_.size());
        queue_.release_if_empty();
        wake_reader();
        wake_writer();
    }

    // An end that is closed is told nothing more, and its context may go before the other's.
    void forget_writers() {
        const std::lock_guard lock(mutex_);
        writers_ = {};
    }
    void forget_readers() {
        const std::lock_guard lock(mutex_);
        readers_ = {};
    }

private:
    error_code readiness() const {
        if (!queue_.empty()) return {};
        if (read_closed_) return asio::error::bad_descriptor;
        return write_closed_ ? error_code(asio::error::eof) : asio::error::would_block;
    }

    void wake_reader() {
        if (!reader_) return;
        asio::post(readers_, [told = reader_.end()] { told->on_readable(); });
    }
    void wake_writer() {
        if (!writer_) return;
        asio::post(writers_, [told = writer_.end()] { told->on_writable(); });
    }

    asio::any_io_executor writers_;
    asio::any_io_executor readers_;
    const std::size_t capacity_;
    mutable std::mutex mutex_;
    wire::byte_queue queue_;
    bool write_closed_ = false;
    bool read_closed_ = false;
    waiting_end reader_{mutex_};
    waiting_end writer_{mutex_};
};

class memory_stream final : public byte_stream {
public:
    memory_stream(asio::any_io_executor executor, std::shared_ptr<one_way> in,
                  std::shared_ptr<one_way> out)
        : executor_(std::move(executor)), in_(std::move(in)), out_(std::move(out)) {}
    ~memory_stream() override { memory_stream::close(); }

    asio::any_io_executor executor() override { return executor_; }
    std::size_t read_some(mutable_bytes_view space, error_code& e) override {
        return in_->read_some(space, e);
    }
    std::size_t write_some(bytes_view data, error_code& e) override {
        return out_->write_some(data, e);
    }
    error_code peek() override { return in_->peek(); }
    void wait_readable(std::shared_ptr<observer> told) override {
        if (!closed_) return in_->wait_readable(std::move(told));
        asio::post(executor_, [told = std::move(told)] { told->on_readable(); });
    }
    void wait_writable(std::shared_ptr<observer> told) override {
        if (!closed_) return out_->wait_writable(std::move(told));
        asio::post(executor_, [told = std::move(told)] { told->on_writable(); });
    }
    error_code shutdown_send() override { return out_->close_write(); }
    void close() override {
        closed_ = true;
        static_cast<void>(out_->close_write());
        in_->close_read();
        out_->forget_writers();
        in_->forget_readers();
    }

private:
    const asio::any_io_executor executor_;
    const std::shared_ptr<one_way> in_;
    const std::shared_ptr<one_way> out_;
    bool closed_ = false;
};

}  // namespace

std::pair<std::unique_ptr<byte_stream>, std::unique_ptr<byte_stream>> make_memory_streams(
    asio::any_io_executor executor_a, asio::any_io_executor executor_b, std::size_t capacity) {
    const auto a_to_b = std::make_shared<one_way>(executor_a, executor_b, capacity);
    const auto b_to_a = std::make_shared<one_way>(executor_b, executor_a, capacity);
    return {std::make_unique<memory_stream>(executor_a, b_to_a, a_to_b),
            std::make_unique<memory_stream>(executor_b, a_to_b, b_to_a)};
}

}  // namespace sluice
