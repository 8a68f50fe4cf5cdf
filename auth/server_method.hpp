#pragma once

#include "sluice/auth/auth_question.hpp"
#include "sluice/auth/messages.hpp"
#include "sluice/wire/error.hpp"
#include "sluice/wire/payload_sink.hpp"

#include <span>
#include <string>
#include <vector>

namespace sluice {

/// What a method may know of the connection. What it refers to lives as long as server_auth.
struct server_method_context {
    bytes_view session_id;
    bytes_view host_key_blob;                              // ours, as the key exchange sent it
    std::span<const std::string> public_key_algorithms;    // that we accept of users
    std::span<const std::string> host_based_algorithms;    // that we accept of their hosts
    const std::vector<crypto::public_key>& keys_accepted;  // in earlier steps of this login
    /// The latest key or certificate that a query of this user was told it may sign with; empty
    /// before. "publickey" keeps it here.
    bytes& key_admitted;
};

/// How a request stands after a step.
enum class method_verdict {
    failed,      // FAILURE, and it counts as an attempt
    unproven,    // FAILURE, but nothing was tried: not counted
    asking,      // the question is filled in; on_answer comes next
    replied,     // the method sent its own reply; the client goes on with another request
    prompted,    // the method sent a message; the client goes on with one of the method's own
    successful,  // this method is done
};

/// Seam: one way a server is convinced. Made for one request, and gone when that is settled or the
/// client makes another.
class server_method {
public:
    virtual ~server_method() = default;

    /// Gives failed, unproven or asking. Errors end the connection: those of the encoding.
    virtual result<method_verdict> on_request(const userauth_request& request,
                                              const server_method_context& context,
                                              auth_question& question) = 0;

    /// The reply fits the question. Gives any verdict; asking where the answer leads to another
    /// question, which is filled in.
    virtual method_verdict on_answer(const auth_reply& reply, auth_question& question,
                                     wire::payload_sink& out) = 0;

    /// A message from 60 to 79, after `prompted`. Gives failed or asking. Errors end the
    /// connection: unexpected_message, those of the encoding.
    virtual result<method_verdict> on_message(bytes_view, auth_question&) {
        return errc::unexpected_message;
    }
};

}  // namespace sluice
