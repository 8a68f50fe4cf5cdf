#include "sluice/crypto/key_file.hpp"

#include "sluice/crypto/bcrypt_pbkdf.hpp"
#include "sluice/crypto/key_file_armour.hpp"
#include "sluice/crypto/key_file_cipher.hpp"
#include "sluice/crypto/key_file_pem.hpp"
#include "sluice/crypto/key_file_ppk.hpp"
#include "sluice/crypto/key_impl.hpp"
#include "sluice/wire/expects.hpp"
#include "sluice/wire/limits.hpp"

#include <algorithm>
#include <array>

namespace sluice::crypto {
namespace {

constexpr std::string_view begin_mark = "-----BEGIN OPENSSH PRIVATE KEY-----";
constexpr std::string_view end_mark = "-----END OPENSSH PRIVATE KEY-----";
constexpr std::string_view magic{"openssh-key-v1\0", 15};
constexpr std::size_t line_length = 70;      // as ssh-keygen breaks them
constexpr std::size_t salt_size = 16;        // as ssh-keygen makes it
constexpr std::size_t salt_size_max = 1024;  // hashed once a block of the derived key
constexpr std::size_t comment_length_max = 64 * 1024;

// The one error for a file that does not hold together; what the caller can act on stays.
error_code file_error(error_code e) {
    if (e == errc::unknown_key_type || e == errc::key_too_small || e == errc::crypto_failure)
        return e;
    return errc::bad_key_file;
}

// --- reading ----------------------------------------------------------------------------------

// The fields of PROTOCOL.key §1, as views into the decoded file.
struct sealed_file {
    const key_file_cipher* cipher = nullptr;
    std::string_view kdf;
    bytes_view salt;
    std::uint32_t rounds = 0;
    bytes_view public_blob;
    bytes_view list;  // of private keys, sealed
    bytes_view tag;
};

result<secret_bytes> unwrap(std::string_view text) {
    const auto end = text.find(end_mark);
    if (end == std::string_view::npos) return errc::bad_key_file;
    return from_base64_lines(text.substr(0, end));
}

result<sealed_file> parse_sealed(bytes_view data, const key_file_costs& costs) {
    wire::reader r(data);
    if (as_text(r.take(magic.size())) != magic) return errc::bad_key_file;
    sealed_file file;
    std::string_view cipher;
    bytes_view kdf_options;
    std::uint32_t count = 0;
    r.read(cipher);
    r.read(file.kdf);
    r.read(kdf_options);
    r.read(count);
    r.read(file.public_blob);
    r.read(file.list);
    // OpenSSH writes and reads files of one key only.
    if (r.error() || count != 1) return errc::bad_key_file;
    file.cipher = find_key_file_cipher(cipher);
    if (file.cipher == nullptr) return errc::bad_key_file;
    file.tag = r.take(file.cipher->tag_size);
    if (r.error() || !r.at_end()) return errc::bad_key_file;

    const bool encrypted = file.cipher->cipher != nullptr;
    if (encrypted != (file.kdf == "bcrypt") || (!encrypted && file.kdf != "none"))
        return errc::bad_key_file;
    if (!encrypted) return kdf_options.empty() ? result<sealed_file>(file) : errc::bad_key_file;
    wire::reader options(kdf_options);
    options.read(file.salt);
    options.read(file.rounds);
    if (options.error() || !options.at_end() || file.salt.empty() ||
        file.salt.size() > salt_size_max || file.rounds == 0 ||
        file.rounds > costs.bcrypt_rounds_max)
        return errc::bad_key_file;
    return file;
}

// PROTOCOL.key §3: the bytes 1, 2, 3, … behind the last comment.
bool padding_is_right(bytes_view padding) {
    for (std::size_t i = 0; i < padding.size(); ++i)
        if (padding[i] != static_cast<std::uint8_t>(i + 1)) return false;
    return true;
}

result<key_file_contents> parse_list(bytes_view list, bool encrypted,
                                     const public_key& public_half) {
    wire::reader r(list);
    std::uint32_t check = 0;
    std::uint32_t again = 0;
    r.read(check);
    r.read(again);
    if (r.error()) return errc::bad_key_file;
    if (check != again) return encrypted ? errc::wrong_passphrase : errc::bad_key_file;
    std::string_view name;
    r.read(name);
    const key_type* type = r.error() ? nullptr : find_key_type(name);
    if (type == nullptr) return errc::bad_key_file;  // the public half was of a known type
    if (type->read_fields == nullptr) return errc::unknown_key_type;  // its key is in hardware
    auto impl = type->read_fields(type->name, r);
    if (!impl) return file_error(impl.error());
    std::string_view comment;
    r.read(comment);
    if (r.error() || !padding_is_right(r.left()) || (*impl)->public_half() != public_half)
        return errc::bad_key_file;
    return key_file_contents{private_key_access::make(std::move(*impl)), std::string(comment)};
}

secret_bytes derive(const key_file_cipher& cipher, std::string_view passphrase, bytes_view salt,
                    std::uint32_t rounds) {
    secret_bytes secret(cipher.key_size + cipher.iv_size);
    bcrypt_pbkdf(passphrase, salt, rounds, secret.span());
    return secret;
}

result<public_key> public_half_of(const sealed_file& file) {
    auto key = public_key::from_blob(file.public_blob);
    if (!key) return file_error(key.error());
    return key;
}

result<key_file_contents> read_openssh(std::string_view body, std::string_view passphrase,
                                       const key_file_costs& costs) {
    const auto data = unwrap(body);
    if (!data) return errc::bad_key_file;
    const auto file = parse_sealed(*data, costs);
    if (!file) return file.error();
    const auto public_half = public_half_of(*file);
    if (!public_half) return public_half.error();
    const bool encrypted = file->cipher->cipher != nullptr;
    if (file->list.empty() || file->list.size() % file->cipher->block_size != 0)
        return errc::bad_key_file;
    if (encrypted && passphrase.empty()) return errc::passphrase_required;

    secret_bytes list(file->list);
    const secret_bytes secret =
        encrypted ? derive(*file->cipher, passphrase, file->salt, file->rounds) : secret_bytes();
    const auto opened = file->cipher->open(secret, list.span(), file->tag);
    if (!opened) return opened.error();
    return parse_list(list, encrypted, *public_half);
}

// Without the blanks before it; empty where there is nothing else, or too much.
std::string_view trimmed(std::string_view text) {
    if (text.size() > limits::key_file_length_max) return {};
    return text.substr(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
}

}  // namespace

result<public_key> read_public_half(std::string_view text) {
    text = trimmed(text);
    if (text.empty()) return errc::bad_key_file;
    if (!text.starts_with(begin_mark)) return errc::passphrase_required;
    const auto data = unwrap(text.substr(begin_mark.size()));
    if (!data) return errc::bad_key_file;
    const auto file = parse_sealed(*data, {});
    if (!file) return file.error();
    return public_half_of(*file);
}

result<key_file_contents> read_private_key(std::string_view text, std::string_view passphrase,
                                           const key_file_costs& costs) {
    text = trimmed(text);
    if (text.empty()) return errc::bad_key_file;
    if (text.starts_with(begin_mark))
        return read_openssh(text.substr(begin_mark.size()), passphrase, costs);
    if (is_ppk(text)) return read_ppk(text, passphrase, costs);
    auto key = read_pem_private_key(text, passphrase, costs);
    if (!key) return key.error() == errc::bad_key ? errc::bad_key_file : key.error();
    return key_file_contents{std::move(*key), {}};
}

result<std::string> write_private_key(const private_key& key, const key_file_options& options,
                                      random_source& random) {
    const bool encrypted = !options.passphrase.empty();
    const key_file_cipher* cipher = find_key_file_cipher(encrypted ? options.cipher : "none");
    if (cipher == nullptr || (encrypted && cipher->cipher == nullptr) || options.rounds == 0 ||
        options.rounds > limits::bcrypt_rounds_max || options.comment.size() > comment_length_max)
        return errc::bad_value;

    const std::size_t capacity = 32 * 1024 + options.comment.size();  // above any key's
    wiped_buffer list(capacity);
    const std::uint8_t* const place = list.data.data();
    wire::writer w(list.data);
    std::array<std::uint8_t, 4> check{};
    random.fill(check);
    w.append(check);
    w.append(check);
    w.write(key.public_half().type());
    const auto written = private_key_access::parts(key).write_fields(w);
    if (!written) return written.error();
    w.write(options.comment);
    for (std::uint8_t pad = 1; list.data.size() % cipher->block_size != 0; ++pad)
        w.write(pad);
    expects(list.data.data() == place);

    bytes salt;
    secret_bytes secret;
    bytes kdf_options;
    if (encrypted) {
        salt.resize(salt_size);
        random.fill(salt);
        secret = derive(*cipher, options.passphrase, salt, options.rounds);
        wire::writer o(kdf_options);
        o.write(bytes_view(salt));
        o.write(std::uint32_t{options.rounds});
    }
    bytes tag(cipher->tag_size);
    const auto sealed = cipher->seal(secret, list.data, tag);
    if (!sealed) return sealed.error();

    wiped_buffer file(2 * capacity);
    wire::writer f(file.data);
    f.append(as_bytes(magic));
    f.write(cipher->name);
    f.write(encrypted ? "bcrypt" : "none");
    f.write(bytes_view(kdf_options));
    f.write(std::uint32_t{1});
    f.write(bytes_view(key.public_half().blob()));
    f.write(bytes_view(list.data));
    f.append(tag);
    return armoured(begin_mark, file.data, end_mark, line_length);
}

}  // namespace sluice::crypto
