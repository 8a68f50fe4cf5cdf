#include "sluice/auth/agent.hpp"

#include "sluice/wire/expects.hpp"
#include "sluice/wire/limits.hpp"
#include "sluice/wire/reader.hpp"
#include "sluice/wire/writer.hpp"

#include <cstdint>

namespace sluice {
namespace {

constexpr std::size_t length_size = 4;  // bytes in front of a message

// RFC 9987 §6.1
constexpr std::uint8_t failure = 5;
constexpr std::uint8_t request_identities_number = 11;
constexpr std::uint8_t identities_answer = 12;
constexpr std::uint8_t sign_request = 13;
constexpr std::uint8_t sign_response = 14;
constexpr std::uint8_t extension_failure = 28;

// RFC 9987 §6.3. Without one an ssh-rsa key signs with SHA-1.
std::uint32_t flags_for(std::string_view algorithm) {
    if (algorithm == "rsa-sha2-256") return 2;
    if (algorithm == "rsa-sha2-512") return 4;
    return 0;
}

agent_identities read_identities(wire::reader& r) {
    agent_identities answer;
    std::uint32_t count = 0;
    r.read(count);
    if (count > limits::agent_identities_max) r.fail(errc::too_long);
    for (std::uint32_t i = 0; i < count && !r.error(); ++i) {
        bytes_view key_blob;
        std::string_view comment;
        r.read(key_blob);
        r.read(comment);
        if (!r.error()) answer.identities.push_back({to_bytes(key_blob), std::string(comment)});
    }
    return answer;
}

}  // namespace

void agent_client::request_identities() {
    const std::uint8_t message[] = {request_identities_number};
    send(request::identities, message);
}

void agent_client::request_signature(bytes_view key_blob, std::string_view algorithm,
                                     bytes_view data) {
    bytes message;
    wire::writer w(message);
    w.write(sign_request);
    w.write(key_blob);
    w.write(data);
    w.write(flags_for(algorithm));
    send(request::signature, message);
}

void agent_client::send(request kind, bytes_view message) {
    bytes framed;
    wire::writer(framed).write(message);
    output_.append(framed);
    pending_.push_back(kind);
}

result<std::optional<agent_reply>> agent_client::next() {
    if (error_) return error_;
    const bytes_view waiting = input_.view();
    wire::reader r(waiting);
    std::uint32_t length = 0;
    r.read(length);
    if (r.error()) return std::nullopt;
    if (length > limits::agent_message_length_max) return error_ = errc::too_long;
    const bytes_view message = r.take(length);
    if (r.error()) return std::nullopt;

    auto reply = read(message);
    if (!reply) return error_ = reply.error();
    pending_.pop_front();
    input_.consume(length_size + length);
    return std::optional(std::move(*reply));
}

result<agent_reply> agent_client::read(bytes_view message) const {
    if (pending_.empty()) return errc::unexpected_message;
    wire::reader r(message);
    std::uint8_t number = 0;
    r.read(number);
    if (r.error()) return r.error();
    // A refusal may say more some day; nothing of it matters.
    if (number == failure || number == extension_failure) return agent_reply{agent_refusal{}};

    agent_reply reply;
    switch (pending_.front()) {
    case request::identities:
        if (number != identities_answer) return errc::unexpected_message;
        reply = read_identities(r);
        break;
    case request::signature: {
        if (number != sign_response) return errc::unexpected_message;
        bytes_view blob;
        r.read(blob);
        reply = agent_signature{to_bytes(blob)};
        break;
    }
    }
    if (r.error()) return r.error();
    if (!r.at_end()) return errc::trailing_bytes;
    return reply;
}

}  // namespace sluice
