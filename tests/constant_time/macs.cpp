// The MACs of packets with their keys marked as undefined, for valgrind's memcheck: how long it
// takes to refuse a tag may not tell how much of it was right. With the argument `branch` a tag is
// compared as it should not be, for the test of the test.

#include "sluice/transport/packet_mac.hpp"
#include "sluice/wire/expects.hpp"
#include "sluice/wire/secret.hpp"

#include <valgrind/memcheck.h>

#include <algorithm>
#include <cstdio>
#include <string_view>

namespace sluice {
namespace {

bytes tag_of(packet_mac& mac, std::size_t size, bytes_view data) {
    bytes tag(crypto::hash_size_max);
    mac.begin(7);
    mac.update(data);
    mac.finish(tag);
    tag.resize(size);
    return tag;
}

// What comes of it is no secret; how it came about is.
bool matches(packet_mac& mac, bytes_view tag, bytes_view data) {
    mac.begin(7);
    mac.update(data);
    bool same = mac.matches(tag);
    VALGRIND_MAKE_MEM_DEFINED(&same, sizeof same);
    return same;
}

bool all_undefined(bytes_view data) {
    bytes undefined_bits(data.size());
    expects(VALGRIND_GET_VBITS(data.data(), undefined_bits.data(), data.size()) == 1);
    return std::ranges::all_of(undefined_bits, [](std::uint8_t b) { return b == 0xff; });
}

void run(const mac_info& info) {
    bytes key(info.key_size);
    for (std::size_t i = 0; i < key.size(); ++i)
        key[i] = static_cast<std::uint8_t>(i);
    VALGRIND_MAKE_MEM_UNDEFINED(key.data(), key.size());
    packet_mac mac(info, key);
    const bytes data(100, 'd');

    bytes tag = tag_of(mac, info.tag_size, data);
    expects(all_undefined(tag));  // otherwise a mark that got lost would let everything pass
    VALGRIND_MAKE_MEM_DEFINED(tag.data(), tag.size());  // on the wire it is no secret
    expects(matches(mac, tag, data));
    for (const std::size_t wrong : {std::size_t{0}, info.tag_size / 2, info.tag_size - 1}) {
        bytes other = tag;
        other[wrong] ^= 1;
        expects(!matches(mac, other, data));
    }
    std::printf("%.*s: ran\n", static_cast<int>(info.name.size()), info.name.data());
}

// What nobody should do with a tag.
void compare_in_the_time_it_takes() {
    const mac_info& info = macs().front();
    bytes key(info.key_size);
    VALGRIND_MAKE_MEM_UNDEFINED(key.data(), key.size());
    packet_mac mac(info, key);
    const bytes want = tag_of(mac, info.tag_size, as_bytes("d"));
    if (std::ranges::equal(want, bytes(info.tag_size, 0))) std::puts("equal");
}

}  // namespace
}  // namespace sluice

int main(int argc, char** argv) {
    if (RUNNING_ON_VALGRIND == 0) {
        std::fputs("to be run under valgrind\n", stderr);
        return 2;
    }
    if (argc > 1 && std::string_view(argv[1]) == "branch")
        return sluice::compare_in_the_time_it_takes(), 0;
    for (const sluice::mac_info& info : sluice::macs())
        sluice::run(info);
    return 0;
}
