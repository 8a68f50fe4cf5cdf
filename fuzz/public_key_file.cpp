// Public key files: OpenSSH's line and RFC 4716.

#include "sluice/crypto/public_key_file.hpp"
#include "sluice/fuzz/fuzz.hpp"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto file = crypto::read_public_key(as_text({data, size}));
    if (!file) return 0;
    // What was read can be written and is the same when it is read again, but for the blanks around
    // its comment.
    const auto written = crypto::write_rfc4716(file->key, file->comment);
    if (!written) return 0;  // the comment can be too long, or hold control characters
    const auto again = crypto::read_public_key(*written).value();
    expects(again.key == file->key && again.comment == file->comment);
    return 0;
}
