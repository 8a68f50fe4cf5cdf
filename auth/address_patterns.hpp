#pragma once

#include "sluice/wire/error.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

/// An IPv4 or IPv6 address as a number. IPv4 is kept as IPv6 does it (::ffff:a.b.c.d), so that a
/// dual-stack socket's addresses match IPv4 rules.
struct ip_address {
    std::array<std::uint8_t, 16> raw{};
    bool is_v4 = false;

    /// Text as inet_ntop writes it; a zone ("%eth0") is left out. Nothing if it is no address.
    static std::optional<ip_address> parse(std::string_view text);
};

/// True if `text` matches `pattern`, where * is any run and ? any one character. Time is at most
/// the product of the lengths.
bool matches_wildcards(std::string_view text, std::string_view pattern);

/// A comma-separated list of addresses, wildcards and CIDR blocks, with ! for exceptions, as in
/// from="…" of authorized_keys (sshd(8), PATTERNS in ssh_config(5)).
class address_patterns {
public:
    /// Errors: bad_config for an empty pattern or a block with bits behind its mask.
    static result<address_patterns> parse(std::string_view list);

    /// The same for source-address of certificates, where only addresses and blocks may stand
    /// (PROTOCOL.certkeys). Errors: bad_config.
    static result<address_patterns> parse_blocks(std::string_view list);

    /// True if some pattern matches `address` and no negated one does. Names are never looked up,
    /// so a pattern that is a host name matches nothing.
    bool allows(std::string_view address) const;

private:
    struct pattern {
        bool negated = false;
        std::string wildcards{};  // lower case; unused for a block
        std::optional<ip_address> block{};
        unsigned prefix_bits = 0;  // of the 128
    };
    static result<pattern> parse_one(std::string_view text);
    static bool matches(const pattern& p, std::string_view text,
                        const std::optional<ip_address>& address);

    std::vector<pattern> patterns_;
};

}  // namespace sluice
