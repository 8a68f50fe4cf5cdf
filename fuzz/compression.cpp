// Compressed payloads: hostile ones inflate to no more than the cap or are refused, and what our
// compressor makes comes back whole, packet by packet.

#include "sluice/transport/compression.hpp"
#include "sluice/fuzz/fuzz.hpp"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    constexpr std::size_t length_max = 4096;
    const auto& zlib = *find_compression("zlib@openssh.com");

    fuzz::input hostile(data, size);
    const auto inflater = zlib.make_decompressor();
    bytes out;
    while (!hostile.empty()) {
        const bytes packet = to_bytes(hostile.take(1 + hostile.byte()));
        if (!inflater->inflate(packet, length_max, out)) break;
        expects(out.size() <= length_max);
    }

    fuzz::input own(data, size);
    const auto compressor = zlib.make_compressor();
    const auto decompressor = zlib.make_decompressor();
    bytes deflated;
    while (!own.empty()) {
        const bytes head = to_bytes(own.take(own.byte() % 16));
        const bytes bulk = to_bytes(own.take(1 + own.byte()));
        compressor->deflate(head, bulk, deflated);
        expects(decompressor->inflate(deflated, length_max, out).has_value());
        bytes whole = head;
        whole.insert(whole.end(), bulk.begin(), bulk.end());
        expects(out == whole);
    }
    return 0;
}
