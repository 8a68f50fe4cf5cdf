#pragma once

#include "sluice/crypto/dh_groups.hpp"
#include "sluice/crypto/random.hpp"
#include "sluice/transport/identification.hpp"
#include "sluice/transport/kex.hpp"
#include "sluice/transport/packet_observer.hpp"
#include "sluice/wire/clock.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace sluice {

/// When we start a key exchange of our own (RFC 4253 §9, RFC 4344 §3).
struct rekey_limits {
    std::uint64_t bytes = 1ull << 30;    // in one direction; 1 GiB is RFC 4253's figure
    std::uint64_t packets = 1ull << 31;  // in one direction; RFC 4344 §3.1
    duration interval = std::chrono::hours(1);
};

/// What a server offers, behind all else, to programs that know nothing that is offered to all. Who
/// they are transport/peer_habits.cpp says, by how they identify themselves; both identifications
/// are part of what is signed, so that nobody between can make one program of another.
struct old_program_offer {
    std::vector<std::string> kex_algorithms{};       // to peer_habit::nist_curves_only
    std::vector<std::string> host_key_algorithms{};  // likewise
    std::vector<std::string> macs{};                 // to peer_habit::plaintext_macs_only

    bool none() const {
        return kex_algorithms.empty() && host_key_algorithms.empty() && macs.empty();
    }

    /// The best that each kind knows.
    static old_program_offer best();
};

/// What one end of a transport offers, in order of preference, and when it re-keys.
struct transport_config {
    std::vector<std::string> kex_algorithms;
    std::vector<std::string> host_key_algorithms;
    std::vector<std::string> ciphers;
    std::vector<std::string> macs;
    std::vector<std::string> compressions;
    rekey_limits rekey;
    std::string identification{own_identification};

    /// Server: where it names anything, our KEXINIT waits for the client's identification.
    old_program_offer to_old_programs{};

    /// Server: the keys it has. host_key_algorithms that none of them serves are not offered.
    std::vector<std::shared_ptr<const host_key>> host_keys;

    /// Server: groups to choose from in diffie-hellman-group-exchange-sha256. Null, or none that
    /// the client can accept: those of RFC 3526.
    std::shared_ptr<const std::vector<crypto::dh_group>> exchange_groups;

    /// What EXT_INFO announces as server-sig-algs (RFC 8308 §3.1).
    std::vector<std::string> public_key_algorithms;

    /// What else EXT_INFO announces, by name and value: all of it is served (PROTOCOL 1.9, 3.1).
    std::vector<std::pair<std::string, std::string>> extensions{
        {"publickey-hostbound@openssh.com", "0"}, {"ping@openssh.com", "0"}};

    /// Packets are padded to a multiple of this many bytes (a power of two, at most 128) where that
    /// is more than the cipher asks for: it blurs lengths.
    std::size_t padding_multiple = 8;

    crypto::random_source* random = &crypto::system_random();

    /// Sees every payload, of every connection with this configuration; null: nobody does.
    packet_observer* observer = nullptr;

    /// The tables' default offers; a client's has methods of key exchange that a server's has not.
    explicit transport_config(role own);
    transport_config() : transport_config(role::server) {}
};

/// Names in it that are there for old peers only: SHA-1, and CBC. They are never in the default
/// offer; programs warn whoever asks for one.
std::vector<std::string> weak_algorithms(const transport_config& config);

}  // namespace sluice
