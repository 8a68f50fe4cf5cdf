#include "sluice/io/channel_stream.hpp"

#include <boost/asio/bind_executor.hpp>

#include <utility>

namespace asio = boost::asio;

namespace sluice {
namespace {

class channel_stream final : public byte_stream {
public:
    explicit channel_stream(session channel)
        : channel_(std::move(channel)), core_(channel_.core()) {
        channel_.discard_errors();
    }

    asio::any_io_executor executor() override { return core_->executor(); }

    std::size_t read_some(mutable_bytes_view space, error_code& e) override {
        return core_->read_some(0, space, e);
    }
    std::size_t write_some(bytes_view data, error_code& e) override {
        return core_->write_some(0, data, e);
    }
    error_code peek() override { return core_->readiness(0); }

    void wait_readable(std::shared_ptr<observer> told) override {
        core_->async_wait_readable(
            0, [told = std::move(told)](error_code, std::size_t) { told->on_readable(); });
    }
    void wait_writable(std::shared_ptr<observer> told) override {
        core_->async_wait_writable(
            0, [told = std::move(told)](error_code, std::size_t) { told->on_writable(); });
    }

    error_code shutdown_send() override {
        core_->send_eof();
        return {};
    }
    void close() override { channel_ = {}; }

private:
    session channel_;
    const std::shared_ptr<session_core> core_;
};

}  // namespace

std::unique_ptr<byte_stream> make_channel_stream(session channel) {
    return std::make_unique<channel_stream>(std::move(channel));
}

}  // namespace sluice
