#pragma once

#include "sluice/io/byte_stream.hpp"

#include <boost/asio/generic/stream_protocol.hpp>

namespace sluice {

/// A connected socket of any stream protocol: TCP, a unix socket, one end of a socketpair.
class socket_stream final : public byte_stream {
public:
    using socket = boost::asio::generic::stream_protocol::socket;

    explicit socket_stream(socket connected);

    boost::asio::any_io_executor executor() override { return socket_.get_executor(); }
    std::size_t read_some(mutable_bytes_view space, error_code& e) override;
    std::size_t write_some(bytes_view data, error_code& e) override;
    error_code peek() override;
    void wait_readable(std::shared_ptr<observer> told) override;
    void wait_writable(std::shared_ptr<observer> told) override;
    error_code shutdown_send() override;
    void close() override;

private:
    socket socket_;
};

}  // namespace sluice
