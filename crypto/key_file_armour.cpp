#include "sluice/crypto/key_file_armour.hpp"

#include "sluice/crypto/base64.hpp"

namespace sluice::crypto {

std::string armoured(std::string_view first, bytes_view data, std::string_view last,
                     std::size_t line_length) {
    std::string coded = to_base64(data);
    std::string text;
    text.reserve(first.size() + coded.size() + coded.size() / line_length + last.size() + 3);
    text = first;
    text += '\n';
    for (std::size_t at = 0; at < coded.size(); at += line_length) {
        text.append(coded, at, line_length);
        text += '\n';
    }
    text += last;
    text += '\n';
    wipe({reinterpret_cast<std::uint8_t*>(coded.data()), coded.size()});
    return text;
}

result<secret_bytes> from_base64_lines(std::string_view text) {
    secret_bytes compact(text.size());
    std::size_t size = 0;
    for (const char c : text)
        if (c != '\n' && c != '\r') compact.data()[size++] = static_cast<std::uint8_t>(c);
    compact.shrink(size);
    return from_base64(as_text(compact));
}

}  // namespace sluice::crypto
