// Keys and ciphertexts of the KEMs, right but for what the input changes: a length and some bytes.

#include "sluice/crypto/ml_kem.hpp"
#include "sluice/crypto/sntrup761.hpp"
#include "sluice/fuzz/fuzz.hpp"
#include "sluice/tests/support/seeded_random.hpp"

using namespace sluice;

namespace {

// Pairs of a position and a value, then a length to cut or grow to when there is one.
void change(bytes& data, fuzz::input& in, int changes) {
    for (int i = 0; i < changes && !in.empty(); ++i) {
        const std::size_t at = in.position();
        data[at % data.size()] = in.byte();
    }
    if (in.byte() == 1) data.resize(in.position() % 4096);
}

template <class Generate, class Encapsulate, class Decapsulate>
void run(fuzz::input& in, Generate&& generate, Encapsulate&& encapsulate,
         Decapsulate&& decapsulate) {
    test::seeded_random random;
    const crypto::kem_keys keys = generate(random);
    auto sealed = encapsulate(keys.encapsulation_key, random);
    expects(sealed.has_value());

    bytes ek = keys.encapsulation_key;
    change(ek, in, in.byte() % 8);
    const auto other = encapsulate(ek, random);
    expects(other.has_value() || other.error() == errc::bad_public_value);

    // A ciphertext of the right length always gives a secret: the right one if it is unchanged.
    bytes ciphertext = sealed->ciphertext;
    change(ciphertext, in, in.byte() % 8);
    const auto secret = decapsulate(keys.decapsulation_key, ciphertext);
    expects(secret.has_value() == (ciphertext.size() == sealed->ciphertext.size()));
    if (secret)
        expects(equal_in_constant_time(*secret, sealed->shared_secret) ==
                (ciphertext == sealed->ciphertext));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace crypto;
    fuzz::input in(data, size);
    const std::uint8_t kind = in.byte() % 3;
    if (kind == 2) {
        run(in, sntrup761_generate, sntrup761_encapsulate, sntrup761_decapsulate);
        return 0;
    }
    const auto set = kind == 0 ? ml_kem_set::ml_kem_768 : ml_kem_set::ml_kem_1024;
    run(
        in, [&](auto& random) { return ml_kem_generate(set, random); },
        [&](bytes_view ek, auto& random) { return ml_kem_encapsulate(set, ek, random); },
        [&](bytes_view dk, bytes_view c) { return ml_kem_decapsulate(set, dk, c); });
    return 0;
}
