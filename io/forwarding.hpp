#pragma once

#include "sluice/channel/events.hpp"
#include "sluice/io/coroutine_handler.hpp"
#include "sluice/io/dialler.hpp"
#include "sluice/io/operation.hpp"
#include "sluice/io/session.hpp"

#include <boost/asio/async_result.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

namespace sluice {

/// What a relay has carried.
struct relay_report {
    std::uint64_t to_channel = 0;
    std::uint64_t to_socket = 0;
    std::uint64_t discarded = 0;  // of what the socket gave when the channel took no more

    error_code socket_error;   // a reset, or what else broke it
    error_code channel_error;  // how the channel ended, where not by an EOF
    channel_report channel;    // says what was lost on the way, and what was acknowledged
};

void start_relay(boost::asio::generic::stream_protocol::socket socket, session channel,
                 completion<relay_report> done);

/// Carries a connected socket, TCP or unix, over a channel until both have ended, each direction on
/// its own: a FIN becomes EOF and back. A socket that is reset becomes CLOSE without EOF, a channel
/// that ends without EOF becomes a reset, each behind the last byte that came before it. When the
/// peer closes the channel, what the socket still gives is read and dropped for 2 s, so that
/// nothing that was written to it is lost by a reset.
///
/// Runs on the strand of the channel, to which the socket goes over. Cancelling it, by any type,
/// resets the socket and breaks off the channel; there is no report then.
///
///     auto channel = co_await connection.open_direct_tcpip("db.internal", 5432);
///     co_await relay(std::move(accepted), std::move(channel));
template <class Token = boost::asio::use_awaitable_t<>>
auto relay(boost::asio::generic::stream_protocol::socket socket, session channel,
           Token&& token = {}) {
    return boost::asio::async_initiate<Token, void(error_code, relay_report)>(
        [](auto handler, boost::asio::generic::stream_protocol::socket from, session over) {
            start_relay(std::move(from), std::move(over),
                        completion<relay_report>(std::move(handler)));
        },
        token, std::move(socket), std::move(channel));
}

/// Private to io/: connects, answers the OPEN, and relays. `forbidden` is called where no address
/// of the host is permitted.
coroutine_handler::task serve_direct_tcpip(std::shared_ptr<dialler> by, dialler::request to,
                                           std::function<void()> forbidden);

}  // namespace sluice
