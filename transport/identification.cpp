#include "sluice/transport/identification.hpp"

#include "sluice/wire/limits.hpp"

#include <algorithm>
#include <string_view>

namespace sluice {
namespace {

result<std::string> checked(std::string_view line, bool ended_by_crlf) {
    const std::size_t length_max = limits::identification_length_max - (ended_by_crlf ? 2 : 1);
    if (line.size() > length_max) return errc::bad_identification;
    for (const char c : line)
        if (c < ' ' || c > '~') return errc::bad_identification;
    // SSH-protoversion-softwareversion
    const auto version = line.substr(4);
    const auto dash = version.find('-');
    if (dash == std::string_view::npos) return errc::bad_identification;
    const auto protocol = version.substr(0, dash);
    if (protocol != "2.0" && protocol != "1.99") return errc::unsupported_version;
    return std::string(line);
}

}  // namespace

result<std::optional<std::string>> identification_reader::next(wire::byte_queue& input) {
    for (;;) {
        const std::string_view text = as_text(input.view());
        // A server need not wait for the end of a line that cannot be one.
        const std::string_view prefix = std::string_view("SSH-").substr(0, text.size());
        const bool identification = text.substr(0, prefix.size()) == prefix;
        if (!identification && own_ == role::server) return errc::bad_identification;

        const auto end = text.find('\n', searched_);
        const std::size_t length_max =
            identification ? limits::identification_length_max : limits::banner_line_length_max;
        if (std::min(end, text.size()) >= length_max) return errc::bad_identification;
        if (end == std::string_view::npos) {
            searched_ = text.size();
            return std::nullopt;
        }
        searched_ = 0;
        std::string_view line = text.substr(0, end);
        const bool crlf = !line.empty() && line.back() == '\r';
        if (crlf) line.remove_suffix(1);
        if (line.starts_with("SSH-")) {
            const auto good = checked(line, crlf);
            if (!good) return good.error();
            std::optional<std::string> found = *good;
            input.consume(end + 1);
            return found;
        }
        if (own_ == role::server || ++banner_lines_ > limits::banner_lines_max)
            return errc::bad_identification;
        input.consume(end + 1);
    }
}

}  // namespace sluice
