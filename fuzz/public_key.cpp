// Public key blobs and lines, and signatures on them, from hostile bytes.

#include "sluice/crypto/key.hpp"
#include "sluice/crypto/signature_algorithms.hpp"
#include "sluice/fuzz/fuzz.hpp"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::input in(data, size);
    const bool as_line = in.byte() % 2 != 0;
    const bytes_view signature = in.take(in.byte());
    const bytes_view raw = in.rest();
    const auto key =
        as_line ? crypto::public_key::from_line(as_text(raw)) : crypto::public_key::from_blob(raw);
    if (!key) return 0;
    // What parses is known by its own bytes, and its line reads back to the same key.
    expects(as_line || std::ranges::equal(key->blob(), raw));
    expects(crypto::public_key::from_line(key->line()).value() == *key);
    for (const auto& a : crypto::known_signature_algorithms())
        (void)key->verify(a.name, raw, signature);  // true for keys that were made weak
    return 0;
}
