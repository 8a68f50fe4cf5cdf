#include "sluice/crypto/shielded_key.hpp"

#include "sluice/crypto/key_file_armour.hpp"
#include "sluice/crypto/key_file_cipher.hpp"
#include "sluice/crypto/key_impl.hpp"
#include "sluice/wire/expects.hpp"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <sys/mman.h>

#include <algorithm>
#include <memory>
#include <utility>

namespace sluice::crypto {
namespace {

constexpr std::size_t fields_size_max = 32 * 1024;  // above any key's
constexpr std::size_t mask_size = 16 * 1024;        // bytes, as OpenSSH

// Pages of their own, which are not swapped out where we may ask for that.
class locked_pages {
public:
    explicit locked_pages(std::size_t size) : size_(size) {
        void* const at =
            ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        expects(at != MAP_FAILED);
        data_ = static_cast<std::uint8_t*>(at);
        static_cast<void>(::mlock(data_, size_));
        static_cast<void>(::madvise(data_, size_, MADV_DONTDUMP));
    }
    ~locked_pages() {
        wipe(span());
        ::munmap(data_, size_);
    }
    locked_pages(const locked_pages&) = delete;
    locked_pages& operator=(const locked_pages&) = delete;

    mutable_bytes_view span() { return {data_, size_}; }
    bytes_view view() const { return {data_, size_}; }

private:
    std::uint8_t* data_ = nullptr;
    const std::size_t size_;
};

const key_file_cipher& cipher() {
    const key_file_cipher* const found = find_key_file_cipher("aes256-gcm@openssh.com");
    expects(found != nullptr);
    return *found;
}

class shielded_key final : public private_key_impl {
public:
    static result<private_key_ptr> make(const private_key& key, random_source& random) {
        const auto made = std::make_shared<shielded_key>(key.public_half());
        random.fill(made->mask_.span());
        wiped_buffer fields(fields_size_max);
        wire::writer w(fields.data);
        if (const auto written = private_key_access::parts(key).write_fields(w); !written)
            return written.error();
        made->sealed_.resize(fields.data.size());
        made->tag_.resize(cipher().tag_size);
        const auto sealed = cipher().seal(made->secret(), fields.data, made->tag_);
        if (!sealed) return sealed.error();
        std::copy(fields.data.begin(), fields.data.end(), made->sealed_.begin());
        return private_key_ptr(made);
    }

    explicit shielded_key(public_key public_half)
        : public_half_(std::move(public_half)), mask_(mask_size) {}

    const public_key& public_half() const override { return public_half_; }

    result<bytes> sign(std::string_view algorithm, bytes_view data) const override {
        const auto key = plain();
        if (!key) return key.error();
        return (*key)->sign(algorithm, data);
    }

    result<> write_fields(wire::writer& out) const override {
        const auto key = plain();
        if (!key) return key.error();
        return (*key)->write_fields(out);
    }

    EVP_PKEY* openssl_key() const override { return nullptr; }

private:
    // A key and a nonce. The nonce may be the same for all: each key seals once. SHA-256 is what
    // processors compute fastest.
    secret_bytes secret() const {
        secret_bytes secret(cipher().key_size + cipher().iv_size);
        expects(cipher().key_size == SHA256_DIGEST_LENGTH);
        expects(EVP_Digest(mask_.view().data(), mask_.view().size(), secret.data(), nullptr,
                           EVP_sha256(), nullptr) == 1);
        return secret;
    }

    result<private_key_ptr> plain() const {
        secret_bytes fields{bytes_view(sealed_)};
        if (const auto opened = cipher().open(secret(), fields.span(), tag_); !opened)
            return errc::crypto_failure;  // somebody has changed our memory
        const key_type* const type = find_key_type(public_half_.type());
        expects(type != nullptr && type->reread_fields != nullptr);
        wire::reader r(fields);
        return type->reread_fields(public_half_, r);
    }

    const public_key public_half_;
    locked_pages mask_;
    bytes sealed_;
    bytes tag_;
};

}  // namespace

result<private_key> shielded(const private_key& key, random_source& random) {
    auto made = shielded_key::make(key, random);
    if (!made) return made.error();
    return private_key_access::make(std::move(*made));
}

}  // namespace sluice::crypto
