// What a key exchange costs: the KEMs, and each method from the client's first message to both
// sides' secrets, signature included. Build with -DSLUICE_BENCH=ON and the release preset.

#include "sluice/crypto/ml_kem.hpp"
#include "sluice/crypto/sntrup761.hpp"
#include "sluice/transport/kex.hpp"
#include "sluice/wire/expects.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

using namespace sluice;

namespace {

// Prints the least of several means: what else the machine does only adds to it.
template <class Function>
void measure(const std::string& name, Function&& run) {
    using clock = std::chrono::steady_clock;
    constexpr int repetitions = 40;
    constexpr int rounds = 10;
    auto least = clock::duration::max();
    for (int round = 0; round < rounds; ++round) {
        const auto start = clock::now();
        for (int i = 0; i < repetitions; ++i)
            run();
        least = std::min(least, (clock::now() - start) / repetitions);
    }
    std::printf("%-42s %9.1f us\n", name.c_str(),
                std::chrono::duration<double, std::micro>(least).count());
}

template <class Generate, class Encapsulate, class Decapsulate>
void measure_kem(const std::string& name, Generate&& generate, Encapsulate&& encapsulate,
                 Decapsulate&& decapsulate) {
    auto& random = crypto::system_random();
    const auto keys = generate(random);
    const auto made = encapsulate(keys.encapsulation_key, random);
    expects(made.has_value());
    measure(name + " generate", [&] { generate(random); });
    measure(name + " encapsulate",
            [&] { expects(encapsulate(keys.encapsulation_key, random).has_value()); });
    measure(name + " decapsulate",
            [&] { expects(decapsulate(keys.decapsulation_key, made->ciphertext).has_value()); });
}

template <crypto::ml_kem_set Set>
void measure_ml_kem(const std::string& name) {
    measure_kem(
        name, [](auto& random) { return crypto::ml_kem_generate(Set, random); },
        [](bytes_view key, auto& random) { return crypto::ml_kem_encapsulate(Set, key, random); },
        [](bytes_view key, bytes_view c) { return crypto::ml_kem_decapsulate(Set, key, c); });
}

// Both sides of one exchange, message by message.
void exchange(const kex_info& info, const host_key& key) {
    kex_context client_context;
    client_context.random = &crypto::system_random();
    kex_context server_context = client_context;
    server_context.own = role::server;
    server_context.key = &key;
    server_context.host_key_algorithm = "ssh-ed25519";
    const auto client = info.make(info, client_context);
    const auto server = info.make(info, server_context);
    std::vector<bytes> to_server{*client->begin()};
    std::vector<bytes> to_client;
    for (;;) {
        expects(server->on_message(to_server.back(), to_client).has_value());
        const auto outcome = client->on_message(to_client.back(), to_server);
        expects(outcome.has_value());
        if (*outcome) return;
    }
}

}  // namespace

int main() {
    measure_ml_kem<crypto::ml_kem_set::ml_kem_768>("ML-KEM-768");
    measure_ml_kem<crypto::ml_kem_set::ml_kem_1024>("ML-KEM-1024");
    measure_kem("sntrup761", crypto::sntrup761_generate, crypto::sntrup761_encapsulate,
                crypto::sntrup761_decapsulate);
    auto key = crypto::private_key::generate("ssh-ed25519", 0);
    expects(key.has_value());
    const auto host = make_host_key(std::move(*key));
    for (const auto& info : kex_methods())
        measure(std::string(info.name), [&] { exchange(info, *host); });
    return 0;
}
