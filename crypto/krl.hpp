#pragma once

#include "sluice/crypto/certificate.hpp"
#include "sluice/crypto/key.hpp"
#include "sluice/wire/bytes.hpp"
#include "sluice/wire/error.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace sluice::crypto {

/// A key revocation list (PROTOCOL.krl), as ssh-keygen -k makes them. Whoever takes one from
/// somewhere sees to it that it is genuine.
class krl {
public:
    /// Errors: bad_value for what is no such list, also for a section or a critical extension that
    /// we do not know and for signatures within the list, which OpenSSH refuses as well; too_long.
    static result<krl> parse(bytes_view data);

    std::uint64_t version() const { return version_; }
    std::uint64_t generated() const { return generated_; }  ///< seconds since 1970
    const std::string& comment() const { return comment_; }

    bool revokes(const public_key& key) const;
    /// By its number or identity, by its key, or by the authority's key.
    bool revokes(const certificate& cert) const;

private:
    struct bitmap {
        std::uint64_t offset = 0;  // the number that the lowest bit is for
        bytes magnitude{};         // big-endian
    };

    // What is revoked of one authority.
    struct revoked_certificates {
        bytes authority{};  // its key's blob; empty: whoever signed
        std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges{};  // first and last number
        std::vector<bitmap> bitmaps{};
        std::vector<std::string> key_ids{};

        bool contains(const certificate& cert) const;
    };

    result<> read_section(std::uint8_t type, bytes_view section);
    static result<revoked_certificates> read_certificates(bytes_view section);
    static result<> read_certificate_section(std::uint8_t type, bytes_view section,
                                             revoked_certificates& out);

    std::uint64_t version_ = 0;
    std::uint64_t generated_ = 0;
    std::string comment_;
    // Sorted, once all is read.
    std::vector<bytes> keys_;
    std::vector<bytes> sha1_hashes_;
    std::vector<bytes> sha256_hashes_;
    std::vector<revoked_certificates> certificates_;
};

}  // namespace sluice::crypto
