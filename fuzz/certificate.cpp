// Certificates, as blobs and as lines.

#include "sluice/crypto/certificate.hpp"
#include "sluice/fuzz/fuzz.hpp"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::input in(data, size);
    const bool as_line = in.byte() % 2 != 0;
    const bytes_view raw = in.rest();
    const auto c = as_line ? crypto::certificate::from_line(as_text(raw))
                           : crypto::certificate::from_blob(raw);
    if (!c) return 0;
    expects(as_line || std::ranges::equal(c->blob(), raw));
    expects(crypto::certificate::from_line(c->line())->blob() == c->blob());
    expects(crypto::certificate_type_of(c->key().type()) == c->type());
    using verdict = crypto::certificate::verdict;
    const auto& f = c->fields();
    for (const auto kind : {crypto::certificate_kind::user, crypto::certificate_kind::host}) {
        const auto v = c->judge({kind, "somebody", f.valid_after, true});
        expects(v != verdict::good || (kind == f.kind && f.valid_after < f.valid_before));
    }
    return 0;
}
