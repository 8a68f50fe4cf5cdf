#include "sluice/transport/mac.hpp"

#include "sluice/crypto/umac.hpp"
#include "sluice/transport/table.hpp"

#include <array>

namespace sluice {
namespace {

enum class coverage { ciphertext, plaintext };
enum class offer { by_default, by_choice, weak };

// The tag is the whole digest; so is the key.
constexpr mac_info hmac(std::string_view name, crypto::hash_kind hash, coverage what, offer how) {
    const std::size_t size = crypto::hash_size(hash);
    return {name,
            hash,
            size,
            size,
            what == coverage::ciphertext,
            how == offer::by_default,
            how == offer::weak};
}

constexpr mac_info umac(std::string_view name, std::size_t tag_size, coverage what) {
    return {name,  std::nullopt, tag_size, crypto::umac::key_size, what == coverage::ciphertext,
            false, false};
}

// UMAC is fast, but only beside CTR, where every peer that has it has HMAC over SHA-2 as well; that
// is OpenSSL's code, and 64 bits are few. SHA-1 is for peers that have nothing else.
constexpr std::array table{
    hmac("hmac-sha2-256-etm@openssh.com", crypto::hash_kind::sha256, coverage::ciphertext,
         offer::by_default),
    hmac("hmac-sha2-512-etm@openssh.com", crypto::hash_kind::sha512, coverage::ciphertext,
         offer::by_default),
    umac("umac-128-etm@openssh.com", 16, coverage::ciphertext),
    umac("umac-64-etm@openssh.com", 8, coverage::ciphertext),
    hmac("hmac-sha2-256", crypto::hash_kind::sha256, coverage::plaintext,
         offer::by_choice),  // RFC 6668
    hmac("hmac-sha2-512", crypto::hash_kind::sha512, coverage::plaintext, offer::by_choice),
    umac("umac-128@openssh.com", 16, coverage::plaintext),
    umac("umac-64@openssh.com", 8, coverage::plaintext),
    hmac("hmac-sha1-etm@openssh.com", crypto::hash_kind::sha1, coverage::ciphertext, offer::weak),
    hmac("hmac-sha1", crypto::hash_kind::sha1, coverage::plaintext, offer::weak),
};

}  // namespace

std::span<const mac_info> macs() { return table; }
const mac_info* find_mac(std::string_view name) { return find_row(macs(), name); }

}  // namespace sluice
