#include "sluice/transport/packet_mac.hpp"

#include "sluice/transport/cipher.hpp"
#include "sluice/wire/expects.hpp"
#include "sluice/wire/secret.hpp"

#include <array>

namespace sluice {

packet_mac::packet_mac(const mac_info& info, bytes_view key) {
    expects(key.size() == info.key_size);
    if (info.hash)
        mac_.emplace<crypto::hmac>(*info.hash, key);
    else
        mac_.emplace<crypto::umac>(info.tag_size, key);
}

void packet_mac::begin(std::uint32_t sequence_number) {
    if (auto* hmac = std::get_if<crypto::hmac>(&mac_)) {
        std::array<std::uint8_t, 4> number;
        store_be32(number.data(), sequence_number);
        hmac->begin();
        hmac->update(number);  // RFC 4253 §6.4: the message begins with it
    } else {
        std::array<std::uint8_t, 8> nonce{};  // draft-miller-secsh-umac-01 §2.2
        store_be32(nonce.data() + 4, sequence_number);
        std::get<crypto::umac>(mac_).begin(nonce);
    }
}

void packet_mac::update(bytes_view data) {
    if (auto* hmac = std::get_if<crypto::hmac>(&mac_))
        hmac->update(data);
    else
        std::get<crypto::umac>(mac_).update(data);
}

void packet_mac::finish(mutable_bytes_view tag) {
    if (auto* hmac = std::get_if<crypto::hmac>(&mac_))
        hmac->finish(tag);
    else
        std::get<crypto::umac>(mac_).finish(tag);
}

bool packet_mac::matches(bytes_view tag) {
    std::array<std::uint8_t, crypto::hash_size_max> want;
    finish(want);
    return equal_in_constant_time(bytes_view(want).first(tag.size()), tag);
}

}  // namespace sluice
