#pragma once

#include <cstdint>
#include <string_view>

namespace sluice {

/// What some programs do that others do not, as bits: against the rules, and served all the same,
/// or beyond them. Whatever depends on who the peer is asks for one of these, or of
/// sftp::client_habit, by its name; which versions have it is for the table in the .cpp to say.
enum class peer_habit : std::uint32_t {
    /// Sends channel messages between its KEXINIT and its NEWKEYS (against RFC 4253 §7.1).
    channel_messages_in_exchange = 1u << 0,

    /// Understands eow@openssh.com.
    takes_eow = 1u << 1,

    /// Knows no MAC but those of the plaintext, and no cipher that has its own: neither the names
    /// that end in "-etm@openssh.com" nor AES-GCM and ChaCha20-Poly1305.
    plaintext_macs_only = 1u << 2,

    /// Of the curves it knows those of NIST alone, for key exchange and host keys.
    nist_curves_only = 1u << 3,
};

/// The habits of the program that such an identification line names (RFC 4253 §4.2).
///
/// A line is the peer's word: a habit never makes anything possible that a login does not.
class peer_habits {
public:
    peer_habits() = default;
    explicit peer_habits(std::string_view identification);

    bool has(peer_habit habit) const { return (bits_ & static_cast<std::uint32_t>(habit)) != 0; }
    bool none() const { return bits_ == 0; }

private:
    std::uint32_t bits_ = 0;
};

}  // namespace sluice
