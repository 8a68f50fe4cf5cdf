#pragma once

#include <cstdint>
#include <string_view>

/// Private to auth/: numbers and names that both ends of an agent's conversation speak.
namespace sluice::agent_number {

// Requests (RFC 9987 §6.1)
inline constexpr std::uint8_t request_identities = 11;
inline constexpr std::uint8_t sign_request = 13;
inline constexpr std::uint8_t add_identity = 17;
inline constexpr std::uint8_t remove_identity = 18;
inline constexpr std::uint8_t remove_all_identities = 19;
inline constexpr std::uint8_t lock = 22;
inline constexpr std::uint8_t unlock = 23;
inline constexpr std::uint8_t add_id_constrained = 25;
inline constexpr std::uint8_t extension = 27;

// Replies
inline constexpr std::uint8_t failure = 5;
inline constexpr std::uint8_t success = 6;
inline constexpr std::uint8_t identities_answer = 12;
inline constexpr std::uint8_t sign_response = 14;
inline constexpr std::uint8_t extension_failure = 28;
inline constexpr std::uint8_t extension_response = 29;

// Flags of a signature by an RSA key (RFC 9987 §6.3). Without one it is made with SHA-1.
inline constexpr std::uint32_t rsa_sha2_256 = 2;
inline constexpr std::uint32_t rsa_sha2_512 = 4;

}  // namespace sluice::agent_number

namespace sluice {

inline constexpr std::string_view agent_query = "query";
inline constexpr std::string_view agent_session_bind = "session-bind@openssh.com";

}  // namespace sluice
