#include "sluice/auth/user_certificate.hpp"

#include "sluice/auth/address_patterns.hpp"

#include <algorithm>

namespace sluice {

std::string_view user_certificate_fault(const crypto::certificate& cert,
                                        const user_certificate_use& use) {
    using verdict = crypto::certificate::verdict;
    const auto& listed = cert.fields().principals;
    const auto wanted = std::ranges::find_first_of(use.principals, listed);
    std::optional<std::string_view> principal;
    if (wanted != use.principals.end()) principal = *wanted;
    const crypto::certificate::use as_user{
        .kind = crypto::certificate_kind::user,
        .principal = principal,
        .system_seconds = static_cast<std::uint64_t>(use.system_seconds),
        .signature_algorithms = use.signature_algorithms};
    const auto judged = cert.judge(as_user);
    if (judged != verdict::good) return to_text(judged);

    const auto& rights = cert.rights();
    if (rights.source_address) {
        const auto blocks = address_patterns::parse_blocks(*rights.source_address);
        if (!blocks) return "certificate has a malformed source-address";
        if (!blocks->allows(use.address)) return "certificate is not for this address";
    }
    const bool asserts = cert.key().is_security_key() && use.assertion.has_value();
    if (cert.key().is_security_key() && rights.presence_required &&
        !(asserts && use.assertion->user_present))
        return "nobody touched the security key";
    if (rights.verification_required && !(asserts && use.assertion->user_verified))
        return "the security key verified nobody";
    return {};
}

}  // namespace sluice
