// The identification line, in one piece and byte by byte: the same answer.

#include "sluice/transport/identification.hpp"
#include "sluice/fuzz/fuzz.hpp"
#include "sluice/wire/byte_queue.hpp"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    for (const role own : {role::client, role::server}) {
        identification_reader whole(own);
        wire::byte_queue all;
        all.append({data, size});
        const auto at_once = whole.next(all);

        identification_reader pieces(own);
        wire::byte_queue queue;
        auto in_pieces = pieces.next(queue);
        for (std::size_t i = 0; i < size && in_pieces && !*in_pieces; ++i) {
            queue.append({data + i, 1});
            in_pieces = pieces.next(queue);
        }
        expects(at_once.has_value() == in_pieces.has_value());
        if (at_once) expects(*at_once == *in_pieces);
    }
    return 0;
}
