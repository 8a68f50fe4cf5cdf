#include "sluice/io/sftp_stream.hpp"

#include "sluice/io/channel_handler.hpp"
#include "sluice/io/sftp_service.hpp"
#include "sluice/sftp/fifo.hpp"
#include "sluice/wire/limits.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <optional>
#include <utility>

namespace asio = boost::asio;

namespace sluice {
namespace {

constexpr std::size_t read_size = 256 * 1024;  // bytes at once

// A stream in the place of a channel: the window is how much is read and not worked off.
class sftp_stream final : public channel_port,
                          public byte_stream::observer,
                          public std::enable_shared_from_this<sftp_stream> {
public:
    sftp_stream(std::unique_ptr<byte_stream> stream,
                std::function<void(const sftp_stream_report&)> done)
        : stream_(std::move(stream)), done_(std::move(done)), input_(read_size) {}

    void start(std::unique_ptr<sftp::filesystem> files, sftp::server_config config) {
        self_ = shared_from_this();  // until it is done: what runs in the filesystem calls back
        service_.emplace(*this, std::move(files), std::move(config),
                         [this](const sftp::session_report& report, error_code error) {
                             report_.session = report;
                             report_.protocol = error;
                         });
        process_soon();
    }

    // channel_port
    asio::any_io_executor executor() const override { return stream_->executor(); }
    std::size_t writable() const override {
        return over_ ? 0 : limits::sftp_output_max - std::min(queued_, limits::sftp_output_max);
    }
    void write(wire::buffer chunk, std::uint32_t) override {
        queued_ += chunk.size();
        output_.push(std::move(chunk));
        process_soon();
    }
    void consumed(std::size_t n) override {
        held_ -= n;
        process_soon();
    }
    void send_eow() override {}
    void send_eof() override {}
    void exit(std::uint32_t) override {
        exiting_ = true;
        process_soon();
    }
    void exit_signal(std::string_view, bool, std::string_view) override { exit(1); }
    void finished() override {
        finished_ = true;
        process_soon();
    }

    // byte_stream::observer
    void on_readable() override {
        reading_ = false;
        process();
    }
    void on_writable() override {
        writing_ = false;
        process();
    }

private:
    void process_soon() {
        if (std::exchange(process_posted_, true)) return;
        asio::post(stream_->executor(), [self = shared_from_this()] { self->process(); });
    }

    void process() {
        process_posted_ = false;
        write_output();
        read_input();
        if (exiting_ && output_.empty()) end({});
        if (!finished_ || told_) return;
        told_ = true;
        service_.reset();
        const auto self = std::exchange(self_, nullptr);
        done_(report_);
    }

    void write_output() {
        while (!over_ && !writing_ && !output_.empty()) {
            wire::buffer& front = output_.front();
            error_code e;
            const std::size_t n = stream_->write_some(front.view(), e);
            front.consume(n);
            queued_ -= n;
            if (front.empty()) output_.pop();
            if (would_block(e)) {
                writing_ = true;
                stream_->wait_writable(shared_from_this());
            } else if (e) {
                end(e);
            }
            if (n != 0 && !over_) service_->on_writable();
        }
    }

    void read_input() {
        while (!over_ && !reading_ && !input_ended_ && held_ < limits::sftp_input_max) {
            error_code e;
            const std::size_t n = stream_->read_some(input_, e);
            held_ += n;
            if (n != 0) service_->on_data(bytes_view(input_).first(n), 0);
            if (would_block(e)) {
                reading_ = true;
                stream_->wait_readable(shared_from_this());
            } else if (e == asio::error::eof) {
                input_ended_ = true;
                service_->on_eof();
            } else if (e) {
                end(e);
            } else if (n < input_.size()) {
                write_output();
            }
        }
    }

    // Nothing is read or written any more.
    void end(error_code e) {
        if (std::exchange(over_, true)) return;
        report_.stream = e;
        stream_->close();
        service_->on_closed();
    }

    const std::unique_ptr<byte_stream> stream_;
    const std::function<void(const sftp_stream_report&)> done_;
    std::shared_ptr<sftp_stream> self_;
    std::optional<sftp_service> service_;
    sftp_stream_report report_;
    bytes input_;
    sftp::fifo<wire::buffer> output_;
    std::size_t queued_ = 0;  // bytes of output_
    std::size_t held_ = 0;    // bytes read and not worked off
    bool process_posted_ = false;
    bool reading_ = false;  // a wait is outstanding
    bool writing_ = false;
    bool input_ended_ = false;
    bool exiting_ = false;
    bool over_ = false;  // the stream is closed
    bool finished_ = false;
    bool told_ = false;
};

}  // namespace

void serve_sftp(std::unique_ptr<byte_stream> stream, std::unique_ptr<sftp::filesystem> files,
                sftp::server_config config, std::function<void(const sftp_stream_report&)> done) {
    std::make_shared<sftp_stream>(std::move(stream), std::move(done))
        ->start(std::move(files), std::move(config));
}

}  // namespace sluice
