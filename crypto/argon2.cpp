#include "sluice/crypto/argon2.hpp"

#include "sluice/wire/expects.hpp"

#include <argon2.h>

namespace sluice::crypto {
namespace {

argon2_type type_of(argon2_kind kind) {
    switch (kind) {
    case argon2_kind::d: return Argon2_d;
    case argon2_kind::i: return Argon2_i;
    case argon2_kind::id: return Argon2_id;
    }
    unreachable();
}

}  // namespace

result<> argon2(argon2_kind kind, std::string_view passphrase, bytes_view salt,
                const argon2_cost& cost, mutable_bytes_view key) {
    argon2_context context{};
    context.out = key.data();
    context.outlen = static_cast<std::uint32_t>(key.size());
    // Not written to: ARGON2_FLAG_CLEAR_PASSWORD is not set.
    context.pwd = const_cast<std::uint8_t*>(as_bytes(passphrase).data());
    context.pwdlen = static_cast<std::uint32_t>(passphrase.size());
    context.salt = const_cast<std::uint8_t*>(salt.data());
    context.saltlen = static_cast<std::uint32_t>(salt.size());
    context.t_cost = cost.passes;
    context.m_cost = cost.memory_kib;
    context.lanes = cost.lanes;
    context.threads = 1;
    context.version = ARGON2_VERSION_13;
    context.flags = ARGON2_DEFAULT_FLAGS;
    const int status = argon2_ctx(&context, type_of(kind));
    if (status == ARGON2_OK) return {};
    if (status == ARGON2_MEMORY_ALLOCATION_ERROR) return errc::crypto_failure;
    return errc::bad_value;
}

}  // namespace sluice::crypto
