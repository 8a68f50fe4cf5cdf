// Packets under every cipher and MAC, with keys the fuzzer knows: what was sealed opens, whatever
// the fuzzer changes on the way is refused or waits for more, and nothing reads past the input.

#include "sluice/fuzz/fuzz.hpp"
#include "sluice/tests/support/seeded_random.hpp"
#include "sluice/transport/cipher.hpp"
#include "sluice/transport/mac.hpp"
#include "sluice/transport/packet.hpp"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::input in(data, size);
    const auto& cipher = ciphers()[in.byte() % ciphers().size()];
    const auto& mac = macs()[in.byte() % macs().size()];
    cipher_keys keys;
    keys.iv = secret_bytes(cipher.iv_size);
    keys.key = secret_bytes(cipher.key_size);
    keys.mac_key = secret_bytes(mac.key_size);
    const bool clear = in.byte() % 4 == 0;

    test::seeded_random random;
    packet_sealer sealer;
    packet_opener opener;
    if (!clear) {
        sealer.rekey(cipher.make(cipher, &mac, keys, true), false);
        opener.rekey(cipher.make(cipher, &mac, keys, false), false);
    }
    const std::size_t change_at = in.number() % 256;
    const std::uint8_t change = in.byte();
    const bytes head = to_bytes(in.take(in.byte()));
    const bytes bulk = to_bytes(in.take(in.byte()));
    const bytes raw = to_bytes(in.rest());

    wire::byte_queue queue;
    if (head.size() + bulk.size() > 0) {
        sealer.seal(head, bulk, random, queue);
        const bool changed = change != 0 && change_at < queue.size();
        if (changed) queue.span()[change_at] ^= change;
        const auto opened = opener.next(queue);
        if (!changed) {
            expects(opened.has_value() && opened->has_value());
            bytes whole = head;
            whole.insert(whole.end(), bulk.begin(), bulk.end());
            expects(std::ranges::equal(**opened, whole));
        } else if (!clear) {
            expects(!opened.has_value() || !opened->has_value());
        }
    }
    queue.append(raw);
    for (auto p = opener.next(queue); p && *p; p = opener.next(queue))
        expects(!(*p)->empty());
    return 0;
}
