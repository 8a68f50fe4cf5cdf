#include "sluice/io/socket_stream.hpp"

#include "sluice/io/readiness.hpp"

#include <boost/asio/buffer.hpp>

#include <cstdint>
#include <utility>

namespace asio = boost::asio;

namespace sluice {

socket_stream::socket_stream(socket connected) : socket_(std::move(connected)) {
    error_code ignored;  // shows again at the first read
    socket_.non_blocking(true, ignored);
}

std::size_t socket_stream::read_some(mutable_bytes_view space, error_code& e) {
    return socket_.read_some(asio::buffer(space.data(), space.size()), e);
}

std::size_t socket_stream::write_some(bytes_view data, error_code& e) {
    return socket_.write_some(asio::buffer(data.data(), data.size()), e);
}

error_code socket_stream::peek() {
    std::uint8_t next = 0;
    error_code e;
    socket_.receive(asio::buffer(&next, 1), socket::message_peek, e);
    return e;
}

void socket_stream::wait_readable(std::shared_ptr<observer> told) {
    async_wait_readable(socket_, [told = std::move(told)](error_code) { told->on_readable(); });
}

void socket_stream::wait_writable(std::shared_ptr<observer> told) {
    async_wait_writable(socket_, [told = std::move(told)](error_code) { told->on_writable(); });
}

error_code socket_stream::shutdown_send() {
    error_code e;
    socket_.shutdown(socket::shutdown_send, e);
    return e;
}

void socket_stream::close() {
    error_code ignored;
    socket_.close(ignored);
}

}  // namespace sluice
