#include "sluice/crypto/ml_kem.hpp"

#include "sluice/crypto/ml_kem_impl.hpp"

namespace sluice::crypto {
namespace {

const ml_kem_implementation& implementation() {
    static const ml_kem_implementation* const openssl = ml_kem_of_openssl();
    return openssl != nullptr ? *openssl : ml_kem_own;
}

}  // namespace

kem_keys ml_kem_generate(ml_kem_set set, random_source& random) {
    secret_bytes seed(ml_kem_seed_size);
    random.fill(seed.span());
    return implementation().generate(set, seed);
}

result<kem_encapsulation> ml_kem_encapsulate(ml_kem_set set, bytes_view encapsulation_key,
                                             random_source& random) {
    if (encapsulation_key.size() != sizes_of(set).encapsulation_key) return errc::bad_public_value;
    secret_bytes message(ml_kem_message_size);
    random.fill(message.span());
    return implementation().encapsulate(set, encapsulation_key, message);
}

result<secret_bytes> ml_kem_decapsulate(ml_kem_set set, bytes_view decapsulation_key,
                                        bytes_view ciphertext) {
    if (decapsulation_key.size() != sizes_of(set).decapsulation_key) return errc::bad_key;
    if (ciphertext.size() != sizes_of(set).ciphertext) return errc::bad_public_value;
    return implementation().decapsulate(set, decapsulation_key, ciphertext);
}

}  // namespace sluice::crypto
