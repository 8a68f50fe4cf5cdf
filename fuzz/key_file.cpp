// Private key files of every form, with a passphrase (that of the seeds) and without.

#include "sluice/crypto/key_file.hpp"
#include "sluice/fuzz/fuzz.hpp"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = as_text({data, size});
    const crypto::key_file_costs costs{.bcrypt_rounds_max = 1,
                                       .pbkdf2_rounds_max = 2048,
                                       .argon2_memory_kib_max = 128,
                                       .argon2_work_kib_max = 128};
    const auto shown = crypto::read_public_half(text);
    for (const std::string_view passphrase : {"", "fuzzing"}) {
        const auto file = crypto::read_private_key(text, passphrase, costs);
        if (!file) continue;
        // A key that was read can sign and be written, and is the same when it is read again.
        const auto& half = file->key.public_half();
        expects(!shown || *shown == half);
        const std::string_view algorithm =
            half.type() == "ssh-rsa" ? "rsa-sha2-256" : std::string_view(half.type());
        expects(file->key.sign(algorithm, {data, size}).has_value());
        const auto pkcs8 = crypto::write_pkcs8(file->key, {}, crypto::system_random());
        expects(crypto::read_private_key(*pkcs8)->key.public_half() == half);
        const auto written = crypto::write_private_key(file->key, {.comment = file->comment},
                                                       crypto::system_random());
        if (!written) continue;  // the comment can be too long
        expects(crypto::read_private_key(*written)->key.public_half() == half);
    }
    return 0;
}
