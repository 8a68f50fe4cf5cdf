#pragma once

#include "sluice/auth/agent_bindings.hpp"
#include "sluice/auth/agent_constraints.hpp"
#include "sluice/crypto/certificate.hpp"
#include "sluice/crypto/key.hpp"
#include "sluice/wire/byte_queue.hpp"
#include "sluice/wire/bytes.hpp"
#include "sluice/wire/error.hpp"
#include "sluice/wire/secret.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace sluice {

/// A key that an agent holds.
struct agent_identity {
    bytes key_blob;  // may be of a type that we do not know
    std::string comment;
};

struct agent_identities {
    std::vector<agent_identity> identities;
};

/// A signature blob (string algorithm, string signature). Whether it is good, and by the algorithm
/// that was asked for, is for the caller to check; client_auth does.
struct agent_signature {
    bytes blob;
};

/// What was asked for is done.
struct agent_success {};

/// An extension's answer; what the contents are belongs to that.
struct agent_extension_response {
    bytes contents;
};

/// Names of extensions that the agent serves.
struct agent_extensions {
    std::vector<std::string> names;
};

/// The agent refuses: the key is gone, the user said no, the agent is locked, or it does not know
/// what it was asked for.
struct agent_refusal {};

using agent_reply = std::variant<agent_identities, agent_signature, agent_success,
                                 agent_extension_response, agent_extensions, agent_refusal>;

/// The client's end of a conversation with an authentication agent (RFC 9987, OpenSSH's
/// PROTOCOL.agent). Bytes in and out; the caller has the connection.
///
/// Requests may follow each other at once: the replies come in their order. Each may be refused.
class agent_client {
public:
    /// agent_identities
    void request_identities();

    /// Asks for a signature over `data` by the key with that blob. For RSA keys `algorithm` names
    /// the hash: "rsa-sha2-256" or "rsa-sha2-512"; for others it says nothing. agent_signature
    void request_signature(bytes_view key_blob, std::string_view algorithm, bytes_view data);

    /// Gives the agent a key, under its certificate where there is one. agent_success
    ///
    /// Errors, and nothing is sent: bad_key for the certificate of another key; too_long.
    result<> add(const crypto::private_key& key, std::string_view comment,
                 const agent_constraints& constraints = {});
    result<> add(const crypto::private_key& key, const crypto::certificate& certificate,
                 std::string_view comment, const agent_constraints& constraints = {});

    /// The same of a key that we have no type for, such as one in hardware: `fields` is what stands
    /// between its type and its comment (RFC 9987 §3.2). Errors: too_long.
    result<> add_fields(std::string_view type, bytes_view fields, std::string_view comment,
                        const agent_constraints& constraints = {});

    void remove(bytes_view key_blob);  // agent_success
    void remove_all();                 // agent_success

    /// Suspends the use of keys until it is unlocked with the same passphrase. agent_success
    void lock(std::string_view passphrase);
    void unlock(std::string_view passphrase);

    void query();  // agent_extensions

    /// Tells through which SSH connection the next requests come. agent_success
    void bind_session(const agent_session_binding& binding);

    /// Any other extension. agent_success or agent_extension_response
    void extend(std::string_view name, bytes_view contents);

    /// Requests whose reply has not been taken.
    std::size_t pending() const { return pending_.size(); }

    /// What is to be sent next; the view lives until it is consumed, and there may be more behind.
    bytes_view output() const;
    void consume_output(std::size_t n);

    mutable_bytes_view prepare_input(std::size_t n) { return input_.prepare(n); }
    void commit_input(std::size_t n) { input_.commit(n); }

    /// The reply to the oldest request, or nothing when it is not there yet.
    ///
    /// Errors are final: too_long above limits::agent_message_length_max, agent_identities_max or
    /// agent_extensions_max; unexpected_message for a reply of another kind, or to nothing;
    /// bad_value for the answer of another extension; those of the encoding.
    result<std::optional<agent_reply>> next();

private:
    enum class kind { identities, signature, plain, query, extension };
    struct request {
        kind what;
        std::string extension{};  // its name
    };

    result<agent_reply> read(bytes_view message) const;
    void send(request what, secret_bytes framed);
    void send(request what, bytes_view message);
    void send_text(std::uint8_t number, bytes_view text);

    std::deque<secret_bytes> output_;  // a message each: some have private keys
    std::size_t sent_ = 0;             // of the first
    wire::byte_queue input_;
    std::deque<request> pending_;
    error_code error_;
};

}  // namespace sluice
