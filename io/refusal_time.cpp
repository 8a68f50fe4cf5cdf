#include "sluice/io/refusal_time.hpp"

#include "sluice/crypto/hmac.hpp"
#include "sluice/crypto/random.hpp"
#include "sluice/wire/limits.hpp"

#include <cstdint>

namespace sluice {
namespace {

constexpr std::size_t secret_size = 32;  // bytes

bytes fresh_secret() {
    bytes secret(secret_size);
    crypto::system_random().fill(secret);
    return secret;
}

}  // namespace

const refusal_time& refusal_time::of_process() {
    static const refusal_time made(fresh_secret());
    return made;
}

refusal_time::duration refusal_time::of_user(std::string_view name) const {
    bytes hash(crypto::hash_size(crypto::hash_kind::sha256));
    crypto::hmac mac(crypto::hash_kind::sha256, secret_);
    mac.begin();
    mac.update(as_bytes(name));
    mac.finish(hash);
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < 4; ++i)
        number = number << 8 | hash[i];
    const duration spread = limits::refusal_time_spread;
    // A 32-bit fraction of the spread, which is far below 2^31 of whatever the clock counts.
    const auto part = static_cast<std::uint64_t>(spread.count()) * number >> 32;
    return limits::refusal_time_min + duration(static_cast<duration::rep>(part));
}

refusal_time::duration refusal_time::whole(std::string_view name, duration work) const {
    duration time = of_user(name);
    while (time < work && time < limits::refusal_time_max)
        time *= 2;
    return time;
}

}  // namespace sluice
