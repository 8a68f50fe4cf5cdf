#include "sluice/auth/revoked_keys.hpp"

#include "sluice/auth/policy_line.hpp"
#include "sluice/wire/limits.hpp"

#include <algorithm>
#include <string_view>

namespace sluice {
namespace {

constexpr std::string_view krl_magic("SSHKRL\n\0", 8);

}  // namespace

result<revoked_keys> revoked_keys::parse(bytes_view file) {
    if (file.size() > limits::krl_length_max) return errc::too_long;
    revoked_keys parsed;
    std::string_view text = as_text(file);
    if (text.starts_with(krl_magic)) {
        auto list = crypto::krl::parse(file);
        if (!list) return list.error();
        parsed.list_ = std::move(*list);
        return parsed;
    }
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        std::string_view line = without_leading_blanks(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (line.empty() || line.front() == '#') continue;
        if (line.size() > limits::policy_line_length_max) return errc::too_long;
        if (const auto key = crypto::public_key::from_line(line)) {
            parsed.blobs_.push_back(key->blob());
        } else if (const auto cert = crypto::certificate::from_line(line)) {
            parsed.blobs_.push_back(cert->blob());
        } else {
            return errc::bad_config;
        }
    }
    std::ranges::sort(parsed.blobs_);
    return parsed;
}

bool revoked_keys::revokes(const crypto::presented_key& shown) const {
    if (list_) return shown.cert ? list_->revokes(*shown.cert) : list_->revokes(shown.key);
    const auto listed = [&](const bytes& blob) { return std::ranges::binary_search(blobs_, blob); };
    if (listed(shown.key.blob())) return true;
    return shown.cert && (listed(shown.cert->blob()) || listed(shown.cert->signature_key().blob()));
}

}  // namespace sluice
