#pragma once

// Private to crypto/: base64 text between two marks, as key files have it.

#include "sluice/wire/bytes.hpp"
#include "sluice/wire/error.hpp"
#include "sluice/wire/secret.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace sluice::crypto {

/// Wipes a buffer that secrets were written to. It is reserved at full size first, so that growing
/// leaves no copies behind.
class wiped_buffer {
public:
    explicit wiped_buffer(std::size_t capacity) { data.reserve(capacity); }
    wiped_buffer(const wiped_buffer&) = delete;
    wiped_buffer& operator=(const wiped_buffer&) = delete;
    ~wiped_buffer() {
        data.resize(data.capacity());
        wipe(data);
    }
    bytes data;
};

/// `first`, the base64 of `data` in lines of `line_length`, and `last`, each ended by a line feed.
std::string armoured(std::string_view first, bytes_view data, std::string_view last,
                     std::size_t line_length);

/// Decodes base64 text with its line breaks (LF, CR LF or CR). Errors: bad_value.
result<secret_bytes> from_base64_lines(std::string_view text);

}  // namespace sluice::crypto
