#include "sluice/crypto/key_file_ppk.hpp"

#include "sluice/crypto/argon2.hpp"
#include "sluice/crypto/hash.hpp"
#include "sluice/crypto/hmac.hpp"
#include "sluice/crypto/key_file_armour.hpp"
#include "sluice/crypto/key_file_cipher.hpp"
#include "sluice/crypto/key_impl.hpp"
#include "sluice/wire/expects.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace sluice::crypto {
namespace {

constexpr std::string_view first_mark = "PuTTY-User-Key-File-";
constexpr std::size_t salt_size_max = 1024;  // bytes; PuTTY makes 16

// --- the outer layer: lines of text -----------------------------------------------------------

// Reads line by line; the first failure sticks.
class line_reader {
public:
    explicit line_reader(std::string_view text) : left_(text) {}

    // The value of the next line, which must be "name: value".
    std::string_view value(std::string_view name) {
        std::string_view line = next();
        if (!line.starts_with(name) || !line.substr(name.size()).starts_with(": ")) {
            failed_ = true;
            return {};
        }
        return line.substr(name.size() + 2);
    }

    std::uint32_t number(std::string_view name) {
        const std::string_view digits = value(name);
        std::uint32_t n = 0;
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), n);
        if (error != std::errc() || end != digits.data() + digits.size()) failed_ = true;
        return n;
    }

    // "name: count", and that many lines of base64.
    secret_bytes data(std::string_view name) {
        const std::uint32_t count = number(name);
        const std::string_view start = left_;
        for (std::uint32_t i = 0; i < count && !failed_; ++i)
            next();
        auto decoded = from_base64_lines(start.substr(0, start.size() - left_.size()));
        if (failed_ || !decoded) {
            failed_ = true;
            return {};
        }
        return std::move(*decoded);
    }

    // Hexadecimal digits, in pairs.
    bytes hex(std::string_view name) {
        const std::string_view digits = value(name);
        bytes out(digits.size() / 2);
        for (std::size_t i = 0; i < out.size(); ++i) {
            const char* at = digits.data() + 2 * i;
            const auto [end, error] = std::from_chars(at, at + 2, out[i], 16);
            if (error != std::errc() || end != at + 2) failed_ = true;
        }
        if (digits.size() % 2 != 0) failed_ = true;
        return out;
    }

    bool failed() const { return failed_; }

private:
    // Lines end in LF; CR LF and CR are taken, as PuTTY does.
    std::string_view next() {
        if (left_.empty()) failed_ = true;
        const auto end = std::min(left_.find_first_of("\r\n"), left_.size());
        const std::string_view line = left_.substr(0, end);
        left_.remove_prefix(end);
        if (left_.starts_with("\r\n"))
            left_.remove_prefix(2);
        else if (!left_.empty())
            left_.remove_prefix(1);
        return line;
    }

    std::string_view left_;
    bool failed_ = false;
};

struct ppk_file {
    unsigned version = 0;
    std::string_view algorithm;
    std::string_view encryption;
    std::string_view comment;
    secret_bytes public_blob;
    std::string_view derivation;  // of version 3, where it is encrypted
    argon2_cost cost;
    bytes salt;
    secret_bytes private_blob;  // as it stands in the file
    bytes mac;

    bool encrypted() const { return encryption != "none"; }
};

result<ppk_file> parse_outer(std::string_view text) {
    line_reader in(text);
    ppk_file f;
    f.version = text.starts_with("PuTTY-User-Key-File-2:") ? 2 : 3;
    f.algorithm = in.value(f.version == 2 ? "PuTTY-User-Key-File-2" : "PuTTY-User-Key-File-3");
    f.encryption = in.value("Encryption");
    f.comment = in.value("Comment");
    f.public_blob = in.data("Public-Lines");
    if (in.failed() || (f.encrypted() && f.encryption != "aes256-cbc")) return errc::bad_key_file;
    if (f.version == 3 && f.encrypted()) {
        f.derivation = in.value("Key-Derivation");
        f.cost.memory_kib = in.number("Argon2-Memory");
        f.cost.passes = in.number("Argon2-Passes");
        f.cost.lanes = in.number("Argon2-Parallelism");
        f.salt = in.hex("Argon2-Salt");
    }
    f.private_blob = in.data("Private-Lines");
    f.mac = in.hex("Private-MAC");
    if (in.failed()) return errc::bad_key_file;
    return f;
}

// --- keys from the passphrase -----------------------------------------------------------------

struct ppk_keys {
    secret_bytes cipher;  // key and IV
    secret_bytes mac;
};

constexpr std::size_t cipher_secret_size = 32 + 16;  // AES-256 key, IV
constexpr std::size_t mac_key_size = 32;

const char* const kinds[] = {"Argon2d", "Argon2i", "Argon2id"};  // in argon2_kind's order

result<ppk_keys> derive_with_argon2(const ppk_file& f, std::string_view passphrase,
                                    const key_file_costs& costs) {
    const auto kind = std::ranges::find(kinds, f.derivation);
    // The time is memory times passes; checked by division, so that nothing overflows.
    if (kind == std::end(kinds) || f.salt.size() > salt_size_max || f.cost.passes == 0 ||
        f.cost.memory_kib > costs.argon2_memory_kib_max ||
        f.cost.memory_kib > costs.argon2_work_kib_max / f.cost.passes)
        return errc::bad_key_file;
    secret_bytes all(cipher_secret_size + mac_key_size);
    const auto done = argon2(static_cast<argon2_kind>(kind - std::begin(kinds)), passphrase, f.salt,
                             f.cost, all.span());
    if (!done) return done.error() == errc::bad_value ? errc::bad_key_file : done.error();
    return ppk_keys{secret_bytes(all.view().first(cipher_secret_size)),
                    secret_bytes(all.view().last(mac_key_size))};
}

// Version 2: SHA-1 of a counter and the passphrase, twice; the IV is zero.
ppk_keys derive_with_sha1(const ppk_file& f, std::string_view passphrase) {
    ppk_keys keys;
    const std::size_t size = hash_size(hash_kind::sha1);
    if (f.encrypted()) {
        secret_bytes both(2 * size);
        for (std::uint8_t i = 0; i < 2; ++i) {
            const std::array<std::uint8_t, 4> counter{0, 0, 0, i};
            hash(hash_kind::sha1)
                .update(counter)
                .update(as_bytes(passphrase))
                .finish(both.span().subspan(i * size));
        }
        keys.cipher = secret_bytes(cipher_secret_size);
        std::ranges::copy(both.view().first(32), keys.cipher.data());
    }
    keys.mac = secret_bytes(size);
    hash(hash_kind::sha1)
        .update(as_bytes("putty-private-key-file-mac-key"))
        .update(as_bytes(f.encrypted() ? passphrase : std::string_view()))
        .finish(keys.mac.span());
    return keys;
}

// The MAC covers the texts and the private blob in the clear, each as an SSH string.
bool mac_is_right(const ppk_file& f, bytes_view key, bytes_view private_blob) {
    hmac mac(f.version == 2 ? hash_kind::sha1 : hash_kind::sha256, key);
    const auto add = [&mac](bytes_view string) {
        bytes length;
        wire::writer(length).write(static_cast<std::uint32_t>(string.size()));
        mac.update(length);
        mac.update(string);
    };
    add(as_bytes(f.algorithm));
    add(as_bytes(f.encryption));
    add(as_bytes(f.comment));
    add(f.public_blob);
    add(private_blob);
    bytes computed(mac.size());
    mac.finish(computed);
    return equal_in_constant_time(computed, f.mac);
}

error_code file_error(error_code e) {
    if (e == errc::unknown_key_type || e == errc::key_too_small || e == errc::crypto_failure)
        return e;
    return errc::bad_key_file;
}

}  // namespace

bool is_ppk(std::string_view text) { return text.starts_with(first_mark); }

result<key_file_contents> read_ppk(std::string_view text, std::string_view passphrase,
                                   const key_file_costs& costs) {
    auto file = parse_outer(text);
    if (!file) return file.error();
    const auto public_half = public_key::from_blob(file->public_blob);
    if (!public_half) return file_error(public_half.error());
    const key_type* type = find_key_type(public_half->type());
    expects(type != nullptr);
    if (file->algorithm != type->name) return errc::bad_key_file;
    if (type->read_putty == nullptr) return errc::unknown_key_type;
    if (file->encrypted() && passphrase.empty()) return errc::passphrase_required;

    ppk_keys keys;
    if (file->version == 2) {
        keys = derive_with_sha1(*file, passphrase);
    } else if (file->encrypted()) {  // else the MAC's key is empty
        auto derived = derive_with_argon2(*file, passphrase, costs);
        if (!derived) return derived.error();
        keys = std::move(*derived);
    }
    if (file->encrypted()) {
        const key_file_cipher* cipher = find_key_file_cipher("aes256-cbc");
        if (file->private_blob.empty() || file->private_blob.size() % cipher->block_size != 0)
            return errc::bad_key_file;
        const auto opened = cipher->open(keys.cipher, file->private_blob.span(), {});
        if (!opened) return opened.error();
    }
    if (!mac_is_right(*file, keys.mac, file->private_blob))
        return file->encrypted() ? errc::wrong_passphrase : errc::bad_key_file;

    // Padding follows the fields; the MAC has covered it.
    wire::reader fields(file->private_blob);
    auto impl = type->read_putty(type->name, public_half->blob(), fields);
    if (!impl) return file_error(impl.error());
    if ((*impl)->public_half() != *public_half) return errc::bad_key_file;
    return key_file_contents{private_key_access::make(std::move(*impl)),
                             std::string(file->comment)};
}

}  // namespace sluice::crypto
