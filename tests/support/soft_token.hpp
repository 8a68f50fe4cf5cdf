#pragma once

#include "sluice/crypto/base64.hpp"
#include "sluice/crypto/hash.hpp"
#include "sluice/crypto/key.hpp"
#include "sluice/wire/reader.hpp"
#include "sluice/wire/writer.hpp"

#include <algorithm>
#include <string>
#include <string_view>

namespace sluice::test {

/// A security key in software: signs as OpenSSH's PROTOCOL.u2f says, with whatever flags.
class soft_token {
public:
    static constexpr std::uint8_t present = 1;
    static constexpr std::uint8_t verified = 4;
    static constexpr std::uint8_t attested = 0x40;
    static constexpr std::uint8_t extended = 0x80;

    /// `inner`: ssh-ed25519 or ecdsa-sha2-nistp256.
    explicit soft_token(std::string_view inner, std::string application = "ssh:")
        : key_(crypto::private_key::generate(inner).value()),
          application_(std::move(application)) {}

    crypto::public_key public_half() const { return crypto::public_key::from_blob(blob()).value(); }

    std::string type() const {
        return "sk-" + std::string(key_.public_half().type()) + "@openssh.com";
    }

    bytes blob() const {
        wire::reader in(key_.public_half().blob());
        std::string_view inner;
        in.read(inner);
        bytes out;
        wire::writer w(out);
        w.write(type());
        w.append(in.left());
        w.write(application_);
        return out;
    }

    /// The signature blob.
    bytes sign(bytes_view data, std::uint8_t flags = present, std::uint32_t counter = 1) const {
        const bytes hash = crypto::digest(crypto::hash_kind::sha256, data);
        return signature(type(), flags, counter, {}, hash);
    }

    struct browser {
        std::string origin = "https://example.com";
        std::string client_data = {};  // empty: as it must be
        bytes extensions = {};
    };

    bytes sign_in_browser(bytes_view data, std::uint8_t flags, const browser& b) const {
        std::string client_data =
            b.client_data.empty() ? client_data_for(data, b.origin) : b.client_data;
        const bytes hash = crypto::digest(crypto::hash_kind::sha256, as_bytes(client_data));
        bytes out = signature("webauthn-" + type(), flags, 1, b.extensions, hash);
        wire::writer w(out);
        w.write(b.origin);
        w.write(client_data);
        w.write(bytes_view(b.extensions));
        return out;
    }

    static std::string client_data_for(bytes_view data, const std::string& origin,
                                       const std::string& end = ",\"crossOrigin\":false}") {
        std::string challenge = crypto::to_base64(data);
        challenge.resize(std::min(challenge.find('='), challenge.size()));
        std::ranges::replace(challenge, '+', '-');
        std::ranges::replace(challenge, '/', '_');
        return R"({"type":"webauthn.get","challenge":")" + challenge + R"(","origin":")" + origin +
               '"' + end;
    }

private:
    bytes signature(const std::string& algorithm, std::uint8_t flags, std::uint32_t counter,
                    bytes_view extensions, bytes_view message_hash) const {
        bytes covered = crypto::digest(crypto::hash_kind::sha256, as_bytes(application_));
        wire::writer c(covered);
        c.write(flags);
        c.write(counter);
        c.append(extensions);
        c.append(message_hash);
        const bytes made = key_.sign(key_.public_half().type(), covered).value();
        wire::reader in(made);
        std::string_view name;
        bytes_view content;
        in.read(name);
        in.read(content);
        bytes out;
        wire::writer w(out);
        w.write(algorithm);
        w.write(content);
        w.write(flags);
        w.write(counter);
        return out;
    }

    crypto::private_key key_;
    std::string application_;
};

}  // namespace sluice::test
