#pragma once

#include "sluice/auth/agent_bindings.hpp"
#include "sluice/auth/agent_keyring.hpp"
#include "sluice/wire/byte_queue.hpp"
#include "sluice/wire/bytes.hpp"
#include "sluice/wire/clock.hpp"
#include "sluice/wire/error.hpp"
#include "sluice/wire/secret.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>

namespace sluice {

/// The time, by both clocks: keys expire by the one, certificates of hosts by the other.
struct agent_time {
    time_point now;
    std::uint64_t system_seconds = 0;  // since 1970
};

/// Whether a key may be used, which its user is asked.
struct agent_confirmation {
    std::string comment;
    std::string fingerprint;
    bool forwarded = false;  // another host asks
};

/// What became of a request, for a log.
struct agent_record {
    std::uint8_t request = 0;  // its number (RFC 9987 §6.1)
    bool granted = false;
    std::string fingerprint;  // of the key, where there is one
};

/// The agent's end of one conversation (RFC 9987, OpenSSH's PROTOCOL.agent). Bytes in and out; the
/// caller has the connection, the time and the user.
///
/// A request is answered before the next one is read. What is wrong with its contents is answered
/// with FAILURE; only a length that cannot be ends the conversation.
class agent_server {
public:
    /// The keyring, which others may use meanwhile, outlives it. `lifetime` is for keys that are
    /// added without one.
    explicit agent_server(agent_keyring& keyring, std::optional<std::chrono::seconds> lifetime = {})
        : keyring_(keyring), lifetime_(lifetime) {}

    /// Where the next bytes go; `commit_input` says how many came. Empty while a reply or an answer
    /// is due.
    mutable_bytes_view input_space();
    /// Errors are final: too_long above limits::agent_message_length_max, truncated for a message
    /// without a number.
    result<> commit_input(std::size_t n, const agent_time& time);

    /// What is to be sent; the view lives until it is consumed.
    bytes_view output() const { return output_.view(); }
    void consume_output(std::size_t n) { output_.consume(n); }

    /// What the user has to confirm now, or null.
    const agent_confirmation* question() const { return question_ ? &*question_ : nullptr; }
    /// Only while there is a question. The key may have gone meanwhile.
    void answer(bool confirmed, const agent_time& time);

    /// The latest request that was answered, once.
    std::optional<agent_record> take_record() { return std::exchange(record_, std::nullopt); }

private:
    struct signing {
        bytes key_blob;
        std::string algorithm;
        bytes data;
    };
    using reply = result<bytes>;

    void on_message(bytes_view message, const agent_time& time);
    std::optional<reply> reply_to(std::uint8_t number, wire::reader& r, const agent_time& time);
    reply list(const agent_time& time) const;
    std::optional<reply> begin_signing(wire::reader& r, const agent_time& time);
    reply sign(const signing& wanted, const agent_time& time);
    reply add(wire::reader& r, bool constrained, const agent_time& time);
    reply remove(wire::reader& r, const agent_time& time);
    reply remove_all(wire::reader& r, const agent_time& time);
    reply lock(wire::reader& r);
    reply unlock(wire::reader& r, const agent_time& time);
    reply extend(wire::reader& r);
    const agent_key* usable(const signing& wanted, const agent_time& time) const;
    void send(const reply& what);

    agent_keyring& keyring_;
    const std::optional<std::chrono::seconds> lifetime_;
    agent_bindings bindings_;

    std::array<std::uint8_t, 4> length_{};
    secret_bytes message_;      // has private keys and passphrases
    std::size_t received_ = 0;  // of length_, then of message_
    bool in_message_ = false;
    wire::byte_queue output_;

    std::uint8_t request_ = 0;
    std::string fingerprint_;
    std::optional<signing> waiting_;  // for the user
    std::optional<agent_confirmation> question_;
    std::optional<agent_record> record_;
    error_code error_;
};

}  // namespace sluice
