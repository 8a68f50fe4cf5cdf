#pragma once

#include <boost/asio/buffer.hpp>

namespace sluice {

/// Private to io/: of a sequence of buffers, the first that is not empty. What reads or writes
/// "some" needs no more.
template <class Buffer, class Buffers>
Buffer first_buffer(const Buffers& buffers) {
    const auto end = boost::asio::buffer_sequence_end(buffers);
    for (auto b = boost::asio::buffer_sequence_begin(buffers); b != end; ++b)
        if (Buffer(*b).size() != 0) return *b;
    return {};
}

}  // namespace sluice
