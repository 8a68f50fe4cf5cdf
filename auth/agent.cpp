#include "sluice/auth/agent.hpp"

#include "sluice/auth/agent_messages.hpp"
#include "sluice/crypto/private_key_fields.hpp"
#include "sluice/wire/expects.hpp"
#include "sluice/wire/limits.hpp"
#include "sluice/wire/reader.hpp"
#include "sluice/wire/writer.hpp"

#include <algorithm>
#include <utility>

namespace sluice {
namespace {

using namespace agent_number;

constexpr std::size_t length_size = 4;                 // bytes in front of a message
constexpr std::size_t private_fields_max = 32 * 1024;  // above any key's

std::uint32_t flags_for(std::string_view algorithm) {
    if (algorithm == "rsa-sha2-256") return rsa_sha2_256;
    if (algorithm == "rsa-sha2-512") return rsa_sha2_512;
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

agent_extensions read_names(wire::reader& r) {
    agent_extensions answer;
    while (!r.at_end() && !r.error()) {
        std::string_view name;
        r.read(name);
        if (answer.names.size() == limits::agent_extensions_max) r.fail(errc::too_long);
        if (!r.error()) answer.names.emplace_back(name);
    }
    return answer;
}

// Behind EXTENSION_RESPONSE stands the name again.
void expect_name(wire::reader& r, std::string_view name) {
    std::string_view given;
    r.read(given);
    if (given != name) r.fail(errc::bad_value);
}

// Memory of a message with secrets, wiped, and big enough not to grow.
class secret_message {
public:
    explicit secret_message(std::size_t size_max) {
        data_.reserve(length_size + size_max);
        data_.resize(length_size);
    }
    ~secret_message() {
        data_.resize(data_.capacity());
        wipe(data_);
    }
    secret_message(const secret_message&) = delete;
    secret_message& operator=(const secret_message&) = delete;

    wire::writer writer() { return wire::writer(data_); }
    bytes_view contents() const { return bytes_view(data_).subspan(length_size); }
    secret_bytes framed() const {
        bytes length;
        wire::writer(length).write(static_cast<std::uint32_t>(contents().size()));
        secret_bytes out(data_);
        std::ranges::copy(length, out.data());
        return out;
    }

private:
    bytes data_;
};

}  // namespace

// --- requests -----------------------------------------------------------------------------------

void agent_client::request_identities() {
    const std::uint8_t message[] = {agent_number::request_identities};
    send({kind::identities}, message);
}

void agent_client::request_signature(bytes_view key_blob, std::string_view algorithm,
                                     bytes_view data) {
    bytes message;
    wire::writer w(message);
    w.write(sign_request);
    w.write(key_blob);
    w.write(data);
    w.write(flags_for(algorithm));
    send({kind::signature}, message);
}

result<> agent_client::add(const crypto::private_key& key, std::string_view comment,
                           const agent_constraints& constraints) {
    secret_message fields(private_fields_max);
    wire::writer w = fields.writer();
    const auto written = crypto::write_private_fields(key, w);
    if (!written) return written.error();
    return add_fields(key.public_half().type(), fields.contents(), comment, constraints);
}

result<> agent_client::add(const crypto::private_key& key, const crypto::certificate& certificate,
                           std::string_view comment, const agent_constraints& constraints) {
    secret_message fields(private_fields_max + limits::public_key_blob_length_max);
    wire::writer w = fields.writer();
    w.write(bytes_view(certificate.blob()));
    const auto written = crypto::write_private_fields(key, certificate, w);
    if (!written) return written.error();
    return add_fields(certificate.type(), fields.contents(), comment, constraints);
}

result<> agent_client::add_fields(std::string_view type, bytes_view fields,
                                  std::string_view comment, const agent_constraints& constraints) {
    bytes trailer;
    wire::writer t(trailer);
    t.write(comment);
    write_agent_constraints(t, constraints);
    const std::size_t size = 1 + length_size + type.size() + fields.size() + trailer.size();
    if (size > limits::agent_message_length_max) return errc::too_long;
    secret_message message(size);
    wire::writer w = message.writer();
    w.write(constraints.empty() ? add_identity : add_id_constrained);
    w.write(type);
    w.append(fields);
    w.append(trailer);
    send({kind::plain}, message.framed());
    return {};
}

void agent_client::remove(bytes_view key_blob) { send_text(remove_identity, key_blob); }

void agent_client::remove_all() {
    const std::uint8_t message[] = {remove_all_identities};
    send({kind::plain}, message);
}

void agent_client::lock(std::string_view passphrase) {
    send_text(agent_number::lock, as_bytes(passphrase));
}

void agent_client::unlock(std::string_view passphrase) {
    send_text(agent_number::unlock, as_bytes(passphrase));
}

void agent_client::send_text(std::uint8_t number, bytes_view text) {
    secret_message message(1 + length_size + text.size());
    wire::writer w = message.writer();
    w.write(number);
    w.write(text);
    send({kind::plain}, message.framed());
}

void agent_client::query() {
    bytes message;
    wire::writer w(message);
    w.write(extension);
    w.write(agent_query);
    send({kind::query, std::string(agent_query)}, message);
}

void agent_client::bind_session(const agent_session_binding& binding) {
    bytes contents;
    wire::writer w(contents);
    w.write(binding.host_key_blob);
    w.write(binding.session_id);
    w.write(binding.signature);
    w.write(binding.is_forwarding);
    extend(agent_session_bind, contents);
}

// RFC 9987 §3.8: the contents follow the name as they are.
void agent_client::extend(std::string_view name, bytes_view contents) {
    bytes message;
    wire::writer w(message);
    w.write(extension);
    w.write(name);
    w.append(contents);
    send({kind::extension, std::string(name)}, message);
}

void agent_client::send(request what, bytes_view message) {
    bytes framed;
    wire::writer(framed).write(message);
    send(std::move(what), secret_bytes(framed));
}

void agent_client::send(request what, secret_bytes framed) {
    output_.push_back(std::move(framed));
    pending_.push_back(std::move(what));
}

bytes_view agent_client::output() const {
    return output_.empty() ? bytes_view() : output_.front().view().subspan(sent_);
}

void agent_client::consume_output(std::size_t n) {
    expects(n <= output().size());
    sent_ += n;
    if (output_.empty() || sent_ < output_.front().size()) return;
    output_.pop_front();
    sent_ = 0;
}

// --- replies ------------------------------------------------------------------------------------

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
    const request& asked = pending_.front();
    wire::reader r(message);
    std::uint8_t number = 0;
    r.read(number);
    if (r.error()) return r.error();
    // A refusal may say more some day; nothing of it matters.
    if (number == failure || number == extension_failure) return agent_reply{agent_refusal{}};

    agent_reply reply;
    switch (asked.what) {
    case kind::identities:
        if (number != identities_answer) return errc::unexpected_message;
        reply = read_identities(r);
        break;
    case kind::signature: {
        if (number != sign_response) return errc::unexpected_message;
        bytes_view blob;
        r.read(blob);
        reply = agent_signature{to_bytes(blob)};
        break;
    }
    case kind::plain:
        if (number != success) return errc::unexpected_message;
        reply = agent_success{};
        break;
    case kind::query:
        // Agents from before the RFC answer with SUCCESS and the names.
        if (number != success && number != extension_response) return errc::unexpected_message;
        if (number == extension_response) expect_name(r, asked.extension);
        reply = read_names(r);
        break;
    case kind::extension: {
        // Likewise: their SUCCESS has the contents.
        if (number != success && number != extension_response) return errc::unexpected_message;
        if (number == extension_response) expect_name(r, asked.extension);
        wire::rest contents;
        r.read(contents);
        if (number == success && contents.data.empty())
            reply = agent_success{};
        else
            reply = agent_extension_response{to_bytes(contents.data)};
        break;
    }
    }
    if (r.error()) return r.error();
    if (!r.at_end()) return errc::trailing_bytes;
    return reply;
}

}  // namespace sluice
