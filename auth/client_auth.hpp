#pragma once

#include "sluice/auth/client_method.hpp"
#include "sluice/auth/client_question.hpp"
#include "sluice/crypto/certificate.hpp"
#include "sluice/wire/bytes.hpp"
#include "sluice/wire/error.hpp"
#include "sluice/wire/payload_sink.hpp"

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace sluice {

struct client_auth_config {
    std::string user{};

    /// Tried in this order, as far as the server lists them. Known: "publickey", "hostbased",
    /// "keyboard-interactive", "password". "none" goes first always: it brings the server's list.
    std::vector<std::string> methods = {"publickey", "keyboard-interactive", "password"};

    /// Public halves of the keys to be tried, in order, or certificates of them: a key that has one
    /// may stand there twice. Who holds the private half, a file or an agent, is the application's
    /// business: it is asked for a signature when the server would accept the key.
    std::vector<crypto::presented_key> keys{};

    /// Signature algorithms that we use, in order of preference; all that we know by default.
    std::vector<std::string> public_key_algorithms = all_public_key_algorithms();

    /// For "hostbased", which is not among `methods` by default.
    client_host_based host_based{.algorithms = host_key_algorithms()};

    /// How often each of password and keyboard-interactive is begun (NumberOfPasswordPrompts).
    unsigned prompts_max = 3;

    /// Use publickey-hostbound-v00@openssh.com where the server announces it.
    bool hostbound = true;

    /// Refuses a server that lets us in although we proved nothing: by "none", or by
    /// keyboard-interactive that asked nothing. Such a server may only look like the right one.
    bool require_proof = false;

    static std::vector<std::string> all_public_key_algorithms();
    static std::vector<std::string> host_key_algorithms();
};

/// The client's side of user authentication (RFC 4252). Payloads in; payloads and questions out.
class client_auth {
public:
    /// `config` and `out` must outlive it. `host_key_blob` is the host key of the key exchange.
    client_auth(const client_auth_config& config, bytes session_id, bytes host_key_blob,
                wire::payload_sink& out);
    ~client_auth();
    client_auth(const client_auth&) = delete;
    client_auth& operator=(const client_auth&) = delete;

    /// What the server announced by EXT_INFO; it may do so again later (PROTOCOL 1.9).
    void set_server_extensions(std::span<const std::string> server_sig_algs, bool hostbound);

    /// Sends the first request. Once, when the server has accepted the service.
    void start();

    /// One payload with a number from 50 to 79. Sends what follows, or leaves a question.
    ///
    /// Any error ends the connection: auth_denied when nothing is left to try, or when
    /// require_proof is broken; too_many_attempts; unexpected_message; protocol_error; those of the
    /// encoding.
    result<> on_message(bytes_view payload);

    /// What the application must give now, or null. It stays until it is answered; the server may
    /// send banners meanwhile.
    const client_auth_question* question() const { return waiting() ? &question_ : nullptr; }
    bool waiting() const { return state_ == state::awaiting_answer; }

    /// Only while waiting(), and of the kind that was asked for, or auth_declined.
    /// Errors: auth_denied, too_many_attempts.
    result<> answer(client_auth_answer answer);

    /// The text of the latest banner (RFC 4252 §5.4), once: ask after every message.
    std::optional<std::string> take_banner();

    bool succeeded() const { return state_ == state::succeeded; }

    /// The methods that the server was convinced by, in order, the one of SUCCESS last.
    const std::vector<std::string>& methods_done() const { return methods_done_; }

    /// As the server listed them last: "publickey,password".
    const std::string& can_continue() const { return can_continue_; }

private:
    enum class state {
        idle,
        awaiting_reply,   // of the server, to the latest request
        awaiting_answer,  // of the application, to question_
        succeeded,
        failed,  // error_ says why
    };

    struct candidate {
        std::string name;
        std::unique_ptr<client_method> method;
        bool exhausted = false;
    };

    result<> on_reply(bytes_view payload);
    result<> on_banner(bytes_view payload);
    result<> on_failure(bytes_view payload);
    result<> on_success(bytes_view payload);
    result<> finish_method(bool complete);
    result<> try_next();
    result<> settle(client_step step);
    result<> fail(error_code error);
    client_method_context context() const;

    const client_auth_config& config_;
    const bytes session_id_;
    const bytes host_key_blob_;
    wire::payload_sink& out_;
    std::vector<std::string> server_sig_algs_;
    bool server_hostbound_ = false;

    state state_ = state::idle;
    error_code error_;
    std::vector<candidate> candidates_;  // "none", then those of config_
    candidate* current_ = nullptr;
    client_auth_question question_;
    std::string can_continue_;
    std::vector<std::string> methods_done_;
    bool proven_ = false;
    unsigned requests_ = 0;
    unsigned banners_ = 0;
    std::optional<std::string> banner_;
};

}  // namespace sluice
