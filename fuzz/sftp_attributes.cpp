// ATTRS from hostile bytes: what parses is written in no more bytes, and parses to the same again.

#include "sluice/fuzz/fuzz.hpp"
#include "sluice/sftp/attributes.hpp"
#include "sluice/sftp/name_batch.hpp"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    wire::reader r({data, size});
    sftp::attributes value;
    sftp::get(r, value);
    if (r.error()) return 0;
    bytes out;
    wire::writer w(out);
    sftp::put(w, value);
    expects(out.size() <= size && out.size() <= sftp::attributes_length_max);
    wire::reader again(out);
    sftp::attributes same;
    sftp::get(again, same);
    value.unknown_flags = 0;  // are not written
    expects(!again.error() && again.at_end() && same == value);

    sftp::long_name_details details;
    details.now = static_cast<std::int64_t>(size) << 26;
    details.utc_offset = static_cast<std::int64_t>(size) * 97;
    expects(sftp::long_name_prefix(value, details).size() <= 256);
    return 0;
}
