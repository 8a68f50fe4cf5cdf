#pragma once

#include "sluice/wire/byte_queue.hpp"
#include "sluice/wire/bytes.hpp"
#include "sluice/wire/error.hpp"

#include <cstddef>
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

/// The agent refuses: the key is gone, the user said no, the agent is locked.
struct agent_refusal {};

using agent_reply = std::variant<agent_identities, agent_signature, agent_refusal>;

/// The client's end of a conversation with an authentication agent (RFC 9987, OpenSSH's
/// PROTOCOL.agent). Bytes in and out; the caller has the connection.
///
/// Requests may follow each other at once: the replies come in their order.
class agent_client {
public:
    void request_identities();

    /// Asks for a signature over `data` by the key with that blob. For RSA keys `algorithm` names
    /// the hash: "rsa-sha2-256" or "rsa-sha2-512"; for others it says nothing.
    void request_signature(bytes_view key_blob, std::string_view algorithm, bytes_view data);

    /// Requests whose reply has not been taken.
    std::size_t pending() const { return pending_.size(); }

    /// What is to be sent; views live until the next call.
    bytes_view output() const { return output_.view(); }
    void consume_output(std::size_t n) { output_.consume(n); }

    mutable_bytes_view prepare_input(std::size_t n) { return input_.prepare(n); }
    void commit_input(std::size_t n) { input_.commit(n); }

    /// The reply to the oldest request, or nothing when it is not there yet.
    ///
    /// Errors are final: too_long above limits::agent_message_length_max or agent_identities_max;
    /// unexpected_message for a reply of another kind, or to nothing; those of the encoding.
    result<std::optional<agent_reply>> next();

private:
    enum class request { identities, signature };

    result<agent_reply> read(bytes_view message) const;
    void send(request kind, bytes_view message);

    wire::byte_queue output_;
    wire::byte_queue input_;
    std::deque<request> pending_;
    error_code error_;
};

}  // namespace sluice
