#include "sluice/transport/key_derivation.hpp"

#include <algorithm>
#include <array>

namespace sluice {

secret_bytes derive_key(crypto::hash_kind kind, bytes_view encoded_secret, bytes_view exchange_hash,
                        char letter, bytes_view session_id, std::size_t size) {
    secret_bytes key(size);
    std::array<std::uint8_t, crypto::hash_size_max> block;
    const std::size_t block_size = crypto::hash_size(kind);
    // K1 = HASH(K || H || X || session_id), K2 = HASH(K || H || K1), K3 = HASH(K || H || K1 || K2)
    for (std::size_t made = 0; made < size; made += block_size) {
        crypto::hash hash(kind);
        hash.update(encoded_secret).update(exchange_hash);
        if (made == 0) {
            const auto x = static_cast<std::uint8_t>(letter);
            hash.update({&x, 1}).update(session_id);
        } else {
            hash.update(key.view().first(made));
        }
        hash.finish(block);
        std::copy_n(block.begin(), std::min(block_size, size - made), key.data() + made);
    }
    wipe(block);
    return key;
}

cipher_keys derive_keys(crypto::hash_kind hash, bytes_view encoded_secret, bytes_view exchange_hash,
                        bytes_view session_id, const negotiated::direction& direction,
                        bool client_to_server) {
    const auto derive = [&](char to_server, char to_client, std::size_t size) {
        return derive_key(hash, encoded_secret, exchange_hash,
                          client_to_server ? to_server : to_client, session_id, size);
    };
    cipher_keys keys;
    keys.iv = derive('A', 'B', direction.cipher->iv_size);
    keys.key = derive('C', 'D', direction.cipher->key_size);
    if (direction.mac != nullptr) keys.mac_key = derive('E', 'F', direction.mac->key_size);
    return keys;
}

}  // namespace sluice
