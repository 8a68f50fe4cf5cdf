#pragma once

#include "sluice/auth/client_question.hpp"
#include "sluice/crypto/certificate.hpp"
#include "sluice/wire/bytes.hpp"
#include "sluice/wire/error.hpp"
#include "sluice/wire/payload_sink.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

/// How the host that a client runs on vouches for its user (RFC 4252 §9).
struct client_host_based {
    /// The host's public keys, or certificates of them, to be tried in order. The application signs
    /// with the private half, or has somebody sign who may read it (ssh-keysign(8)).
    std::vector<crypto::presented_key> keys{};
    std::vector<std::string> algorithms{};  // to sign by, in order of preference
    std::string client_host{};              // its name, fully qualified; the server looks it up
    std::string client_user{};              // who we are there
};

/// What a method may know of the connection. Lives as long as the call.
struct client_method_context {
    std::string_view user_name;
    bytes_view session_id;
    bytes_view host_key_blob;                     // the server's, as the key exchange sent it
    std::span<const crypto::presented_key> keys;  // to be tried, in order
    std::span<const std::string> public_key_algorithms;  // that we use, in order of preference
    std::span<const std::string> server_sig_algs;        // empty: not announced
    bool hostbound = false;  // the server serves publickey-hostbound-v00@openssh.com
    const client_host_based& host_based;
    unsigned prompts_max = 0;
};

/// How a login stands after a step.
enum class client_step {
    requested,  // a message was sent that the server has to answer
    asking,     // the question is filled in; on_answer comes next
    exhausted,  // the method has nothing more to try
};

/// What the latest message of a method can lead to.
enum class client_proof {
    impossible,  // a query: SUCCESS would be no answer to it
    nothing,     // SUCCESS would let us in without any proof
    given,
};

/// Seam: one way a client proves itself. Lives as long as the login: it remembers what it tried.
class client_method {
public:
    virtual ~client_method() = default;

    /// Begins the next attempt: the first, or one behind FAILURE, partial success or not.
    virtual client_step next(const client_method_context& context, client_auth_question& question,
                             wire::payload_sink& out) = 0;

    /// A message from 60 to 79. Errors end the connection: unexpected_message, protocol_error,
    /// those of the encoding.
    virtual result<client_step> on_message(bytes_view payload, const client_method_context& context,
                                           client_auth_question& question,
                                           wire::payload_sink& out) = 0;

    /// The answer fits the question.
    virtual client_step on_answer(client_auth_answer answer, const client_method_context& context,
                                  client_auth_question& question, wire::payload_sink& out) = 0;

    virtual client_proof proof() const = 0;
};

}  // namespace sluice
