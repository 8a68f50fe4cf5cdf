#pragma once

#include "sluice/io/byte_stream.hpp"

#include <cstddef>
#include <memory>
#include <utility>

namespace sluice {

/// Two connected streams within the process, each to be used on its own executor, which may belong
/// to different threads. At most `capacity` bytes wait in each direction. Destroying an end closes
/// it: the other reads what was written, then the end of the stream.
std::pair<std::unique_ptr<byte_stream>, std::unique_ptr<byte_stream>> make_memory_streams(
    boost::asio::any_io_executor executor_a, boost::asio::any_io_executor executor_b,
    std::size_t capacity = 256 * 1024);

}  // namespace sluice
