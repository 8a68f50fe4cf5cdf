#pragma once

#include "sluice/auth/auth_question.hpp"
#include "sluice/auth/messages.hpp"
#include "sluice/auth/server_method.hpp"
#include "sluice/wire/error.hpp"
#include "sluice/wire/payload_sink.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sluice {

struct server_auth_config {
    /// Any one chain of methods logs in, its methods in their order (sshd_config's
    /// AuthenticationMethods). Known: "publickey", "password", "keyboard-interactive", "hostbased",
    /// "none".
    std::vector<std::vector<std::string>> method_chains = {{"publickey"}, {"password"}};

    /// The failed attempt of this number ends the connection (MaxAuthTries). "none" does not count;
    /// public key queries do where they are refused.
    unsigned attempts_max = 6;

    /// Sent once, before the first reply; none if empty. Line breaks are CR LF (RFC 4252 §5.4).
    std::string banner{};

    /// Signature algorithms accepted from users; all that we know by default.
    std::vector<std::string> public_key_algorithms = all_public_key_algorithms();

    /// The same of hosts that vouch for their users by "hostbased" (HostbasedAcceptedAlgorithms).
    std::vector<std::string> host_based_algorithms = host_key_algorithms();

    /// Serve publickey-hostbound-v00@openssh.com too.
    bool hostbound = true;

    /// Ask for an auth_policy when the user's name is known (sshd_config's Match).
    bool asks_for_policy = false;

    /// What stands behind the first ":" of a user's name is a style, which asks for a way to log in
    /// on BSD: it is signed as sent, and is no part of who the user is, as for sshd.
    bool names_may_have_styles = false;

    static std::vector<std::string> all_public_key_algorithms();
    static std::vector<std::string> host_key_algorithms();
};

/// Proof that this connection's peer is `name()`. Only server_auth can make one, and it does so in
/// exactly one place, so "who may open a channel" is a question the compiler answers.
class authenticated_user {
public:
    const std::string& name() const { return name_; }

    /// The methods that convinced us, in order: "publickey", "password" …
    const std::vector<std::string>& methods() const { return methods_; }

    /// The keys of the publickey steps, in order.
    const std::vector<crypto::public_key>& keys() const { return keys_; }

private:
    friend class server_auth;
    authenticated_user(std::string name, std::vector<std::string> methods,
                       std::vector<crypto::public_key> keys)
        : name_(std::move(name)), methods_(std::move(methods)), keys_(std::move(keys)) {}

    std::string name_;
    std::vector<std::string> methods_;
    std::vector<crypto::public_key> keys_;
};

/// The server's side of user authentication (RFC 4252). Payloads in; payloads and questions out.
class server_auth {
public:
    /// `config` and `out` must outlive it. `host_key_blob` is the host key of the key exchange.
    server_auth(const server_auth_config& config, bytes session_id, bytes host_key_blob,
                wire::payload_sink& out);
    ~server_auth();
    server_auth(const server_auth&) = delete;
    server_auth& operator=(const server_auth&) = delete;

    /// One payload with a number from 50 to 79. Sends the reply, or leaves a question.
    ///
    /// Requests that come while `waiting()` are not lost if the caller keeps them until after
    /// `answer()`, as it must: a client may send several (RFC 4252 §5.1). After success every
    /// payload is ignored (§5.3).
    ///
    /// Any error ends the connection: too_many_attempts; unknown_service; protocol_error when the
    /// user or service changes; too_long or bad_value for an impossible user name;
    /// unexpected_message, also while waiting(); those of the encoding.
    ///
    /// A client that makes another request in the middle of keyboard-interactive has given that up
    /// (RFC 4256 §3.1), which counts as a failed attempt.
    result<> on_message(bytes_view payload);

    /// What the application must decide now, or null.
    const auth_question* question() const;
    bool waiting() const { return state_ == state::awaiting_answer; }

    /// Settles the question, or asks the client something: sends FAILURE, PK_OK, SUCCESS,
    /// INFO_REQUEST or PASSWD_CHANGEREQ. Only while waiting(), and what `fits` the question.
    /// Errors: too_many_attempts.
    result<> answer(const auth_reply& reply);

    /// The proof, once, after SUCCESS was sent; else nothing.
    std::optional<authenticated_user> take_user();

    bool succeeded() const { return state_ == state::succeeded; }
    unsigned attempts_failed() const { return attempts_failed_; }

    /// Who wants to log in; empty before the first request.
    const std::string& user_name() const { return login_name_; }

private:
    enum class state {
        awaiting_request,
        awaiting_answer,   // of the application, to question_
        awaiting_message,  // of the client, for method_; or another request
        succeeded,
        failed,  // error_ says why
    };

    result<> on_request(bytes_view payload);
    result<> begin_method(const userauth_request& request);
    result<> on_method_message(bytes_view payload);
    result<> count_request();
    void begin_question();
    void adopt(auth_policy policy);
    result<> check_who(const userauth_request& request);
    result<> settle(method_verdict verdict);
    result<> fail_attempt(bool counts);
    result<> finish_method();
    result<> fail(error_code error);
    bool is_next(std::string_view method) const;
    void send_failure(bool partial_success);
    void send_banner();

    const server_auth_config& config_;
    auth_policy policy_;
    const bytes session_id_;
    const bytes host_key_blob_;
    wire::payload_sink& out_;

    state state_ = state::awaiting_request;
    error_code error_;
    std::string user_name_;    // as sent
    std::string login_name_;   // without its style
    bool user_known_ = false;  // a first request named the user
    bytes first_request_;      // while the policy is awaited
    bool banner_sent_ = false;
    unsigned requests_ = 0;
    unsigned attempts_failed_ = 0;

    std::string method_name_;  // of the request at hand, as chains call it
    std::unique_ptr<server_method> method_;
    auth_question question_;

    std::vector<std::size_t> steps_done_;  // of each chain in policy_
    std::vector<std::string> methods_done_;
    std::vector<crypto::public_key> keys_accepted_;
    bytes key_admitted_;  // by the latest query that was
    std::optional<authenticated_user> user_;
};

}  // namespace sluice
