#pragma once

// Private to crypto/: arithmetic on secrets without branches, and storage for them.

#include "sluice/wire/bytes.hpp"
#include "sluice/wire/secret.hpp"

#include <cstdint>
#include <type_traits>

namespace sluice::crypto {

/// The same value, of which the compiler knows nothing: it cannot make a branch of a mask again.
template <class Integer>
Integer opaque(Integer x) {
    __asm__("" : "+r"(x));
    return x;
}

/// All ones or zero.
inline std::uint32_t mask_if_nonzero(std::uint32_t x) {
    return opaque(0u - ((x | (0u - x)) >> 31));
}
inline std::uint32_t mask_if_negative(std::int32_t x) {
    return opaque(0u - (static_cast<std::uint32_t>(x) >> 31));
}

/// All ones when they differ, in time that depends on the sizes only. Equal sizes.
inline std::uint32_t mask_if_different(bytes_view a, bytes_view b) {
    std::uint32_t difference = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
        difference |= static_cast<std::uint32_t>(a[i] ^ b[i]);
    return mask_if_nonzero(difference);
}

/// `to` becomes `from` where the mask is all ones, and stays where it is zero. Equal sizes.
inline void assign_if(std::uint32_t mask, mutable_bytes_view to, bytes_view from) {
    const auto chosen = static_cast<std::uint8_t>(opaque(mask));
    for (std::size_t i = 0; i < to.size(); ++i)
        to[i] = static_cast<std::uint8_t>(to[i] ^ (chosen & (to[i] ^ from[i])));
}

/// Says that these bytes are no secret although they were computed from one: a public key, a
/// rejected candidate. Does nothing; the constant-time test replaces it to tell memcheck.
void declassify(const void* memory, std::size_t size);

/// A plain object that holds a secret: zero at first, wiped when it goes.
template <class T>
class wiped {
    static_assert(std::is_trivially_copyable_v<T>);

public:
    wiped() = default;
    wiped(const wiped&) = delete;
    wiped& operator=(const wiped&) = delete;
    ~wiped() { wipe({reinterpret_cast<std::uint8_t*>(&value_), sizeof(T)}); }

    T& operator*() { return value_; }
    const T& operator*() const { return value_; }
    T* operator->() { return &value_; }

private:
    T value_{};
};

}  // namespace sluice::crypto
