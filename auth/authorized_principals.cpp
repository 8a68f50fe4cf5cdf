#include "sluice/auth/authorized_principals.hpp"

#include "sluice/auth/policy_line.hpp"
#include "sluice/crypto/certificate.hpp"
#include "sluice/wire/limits.hpp"

#include <algorithm>
#include <optional>

namespace sluice {
namespace {

constexpr std::string_view blanks = " \t\r";

std::optional<authorized_principal> parse_line(std::string_view line) {
    line = without_leading_blanks(line);
    line = line.substr(0, line.find('#'));
    line = line.substr(0, line.find_last_not_of(blanks) + 1);
    if (line.empty() || line.size() > limits::policy_line_length_max) return std::nullopt;
    // The name is the last word; sshd(8) takes what is before it for options.
    const auto blank = line.find_last_of(blanks);
    const std::string_view name = line.substr(blank == std::string_view::npos ? 0 : blank + 1);
    if (!crypto::is_certificate_principal(name)) return std::nullopt;
    if (blank == std::string_view::npos) return authorized_principal{std::string(name)};
    const std::string_view front = line.substr(0, line.find_last_not_of(blanks, blank) + 1);
    const auto length = options_length(front);
    if (!length || *length != front.size()) return std::nullopt;
    auto options = key_options::parse(front);
    // A name signs nothing.
    if (!options || options->cert_authority) return std::nullopt;
    return authorized_principal{std::string(name), std::move(*options)};
}

}  // namespace

result<std::vector<authorized_principal>> parse_authorized_principals(std::string_view text) {
    if (text.size() > limits::policy_file_length_max) return errc::too_long;
    std::vector<authorized_principal> list;
    for (std::size_t number = 1; !text.empty(); ++number) {
        const auto end = std::min(text.find('\n'), text.size());
        if (auto parsed = parse_line(text.substr(0, end))) {
            parsed->line = number;
            list.push_back(std::move(*parsed));
        }
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return list;
}

}  // namespace sluice
