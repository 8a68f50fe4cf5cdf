#pragma once

#include "sluice/wire/bytes.hpp"
#include "sluice/wire/error.hpp"

#include <memory>
#include <span>
#include <string_view>

namespace sluice {

/// Compresses the payloads of one direction (RFC 4253 §6.2); state runs on from packet to packet.
class compressor {
public:
    virtual ~compressor() = default;

    /// Sets `out` to the compressed form of `head` followed by `bulk`.
    virtual void deflate(bytes_view head, bytes_view bulk, bytes& out) = 0;
};

class decompressor {
public:
    virtual ~decompressor() = default;

    /// Sets `out` to the payload that `in` stands for. Errors: bad_compression; inflated_too_long
    /// as soon as more than `length_max` bytes come out, whatever `in` would still give.
    virtual result<> inflate(bytes_view in, std::size_t length_max, bytes& out) = 0;
};

/// One row of the table of compression methods.
struct compression_info {
    std::string_view name;
    bool offered;  // in the default offer
    bool delayed;  // starts when authentication has succeeded (PROTOCOL 1.2)
    std::unique_ptr<compressor> (*make_compressor)();      // null: none
    std::unique_ptr<decompressor> (*make_decompressor)();  // null: none
};

std::span<const compression_info> compressions();
const compression_info* find_compression(std::string_view name);

}  // namespace sluice
