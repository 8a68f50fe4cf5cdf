// Every method of key exchange, as client and as server, against messages of the fuzzer's making.
// What the honest other side says can be passed on, whole or changed.

#include "sluice/fuzz/fuzz.hpp"
#include "sluice/tests/support/transport_pair.hpp"
#include "sluice/transport/kex.hpp"

using namespace sluice;

namespace {

struct side {
    side(const kex_info& info, role own, crypto::random_source& random) {
        context.own = own;
        context.random = &random;
        context.key = key.get();
        context.host_key_algorithm = "ssh-ed25519";
        method = info.make(info, context);
    }

    void take(bytes_view payload, std::vector<bytes>& replies) {
        const auto outcome = method->on_message(payload, replies);
        if (!outcome || !*outcome) return;
        expects(!(*outcome)->encoded_secret.empty());
        expects(!(*outcome)->exchange_hash.empty());
    }

    std::shared_ptr<const host_key> key = test::test_host_key();
    kex_context context;
    std::unique_ptr<key_exchange> method;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::input in(data, size);
    const auto methods = kex_methods();
    const kex_info& info = methods[in.byte() % methods.size()];
    const role tested = in.byte() % 2 == 0 ? role::client : role::server;
    test::seeded_random random;
    side own(info, tested, random);
    side peer(info, tested == role::client ? role::server : role::client, random);

    std::vector<bytes> to_peer;
    std::vector<bytes> to_own;
    if (auto first = own.method->begin()) to_peer.push_back(std::move(*first));
    if (auto first = peer.method->begin()) to_own.push_back(std::move(*first));
    for (int messages = 0; messages < 8 && !in.empty(); ++messages) {
        const std::uint8_t kind = in.byte();
        if (kind == 0xff) {  // a message of its own
            own.take(in.take(in.byte() * 8u), to_peer);
        } else {  // what the peer has to say, with `kind` bytes changed
            for (const bytes& payload : std::exchange(to_peer, {}))
                peer.take(payload, to_own);
            if (to_own.empty()) continue;
            bytes payload = std::move(to_own.front());
            to_own.erase(to_own.begin());
            for (int i = 0; i < kind % 8 && !in.empty(); ++i) {
                const std::size_t at = in.position();
                payload[at % payload.size()] = in.byte();
            }
            own.take(payload, to_peer);
        }
    }
    return 0;
}
