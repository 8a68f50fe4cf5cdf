// The KEMs with every random byte marked as undefined, for valgrind's memcheck: a branch or an
// index that depends on one is an error then. (Divisions it does not see.) With the argument
// `branch` there is a branch on a secret and nothing else, for the test of the test.

#include "sluice/crypto/constant_time.hpp"
#include "sluice/crypto/ml_kem_impl.hpp"
#include "sluice/crypto/sntrup761.hpp"
#include "sluice/tests/support/seeded_random.hpp"
#include "sluice/wire/expects.hpp"

#include <valgrind/memcheck.h>

#include <cstdio>
#include <string_view>

namespace sluice::crypto {

// In place of the library's.
void declassify(const void* memory, std::size_t size) { VALGRIND_MAKE_MEM_DEFINED(memory, size); }

namespace {

class secret_random final : public random_source {
public:
    void fill(mutable_bytes_view out) override {
        source_.fill(out);
        VALGRIND_MAKE_MEM_UNDEFINED(out.data(), out.size());
    }

private:
    test::seeded_random source_;
};

// Without this, a mark that got lost would let everything pass.
void expect_secret(bytes_view data) {
    bytes undefined_bits(data.size());
    expects(VALGRIND_GET_VBITS(data.data(), undefined_bits.data(), data.size()) == 1);
    expects(undefined_bits == bytes(data.size(), 0xff));
}

template <class Generate, class Encapsulate, class Decapsulate>
void run(const char* name, Generate generate, Encapsulate encapsulate, Decapsulate decapsulate) {
    secret_random random;
    const kem_keys keys = generate(random);
    auto made = encapsulate(keys.encapsulation_key, random);
    expects(made.has_value());
    auto secret = decapsulate(keys.decapsulation_key, made->ciphertext);
    bytes changed = made->ciphertext;
    changed[100] ^= 1;
    auto rejected = decapsulate(keys.decapsulation_key, changed);
    expects(secret.has_value() && rejected.has_value());

    for (const secret_bytes* one : {&made->shared_secret, &*secret, &*rejected}) {
        expect_secret(*one);
        declassify(one->data(), one->size());
    }
    expects(equal_in_constant_time(*secret, made->shared_secret));
    expects(!equal_in_constant_time(*rejected, made->shared_secret));
    std::printf("%s: ran\n", name);
}

// Ours, also where OpenSSL has one: it says in its own way what is public.
template <ml_kem_set Set>
void run_ml_kem(const char* name) {
    run(
        name,
        [](auto& random) {
            secret_bytes seed(ml_kem_seed_size);
            random.fill(seed.span());
            return ml_kem_own.generate(Set, seed);
        },
        [](bytes_view key, auto& random) {
            secret_bytes message(ml_kem_message_size);
            random.fill(message.span());
            return ml_kem_own.encapsulate(Set, key, message);
        },
        [](bytes_view key, bytes_view c) { return ml_kem_own.decapsulate(Set, key, c); });
}

// What nobody should do with a secret.
void branch_on_a_secret() {
    secret_random random;
    secret_bytes secret(1);
    random.fill(secret.span());
    if (secret.data()[0] != 0) std::puts("a branch");
}

}  // namespace
}  // namespace sluice::crypto

int main(int argc, char** argv) {
    using namespace sluice::crypto;
    if (RUNNING_ON_VALGRIND == 0) {
        std::fputs("to be run under valgrind\n", stderr);
        return 2;
    }
    if (argc > 1 && std::string_view(argv[1]) == "branch") return branch_on_a_secret(), 0;
    run_ml_kem<ml_kem_set::ml_kem_768>("ML-KEM-768");
    run_ml_kem<ml_kem_set::ml_kem_1024>("ML-KEM-1024");
    run("sntrup761", sntrup761_generate, sntrup761_encapsulate, sntrup761_decapsulate);
    return 0;
}
