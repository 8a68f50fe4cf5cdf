#pragma once

#include "sluice/auth/key_options.hpp"
#include "sluice/auth/server_auth.hpp"
#include "sluice/wire/secret.hpp"

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice {

/// One attempt to log in, as an application gets to decide it.
struct login_attempt {
    auth_question question;
    std::string peer_address;      // numeric, without port
    std::uint16_t local_port = 0;  // that the client came to; 0: none
    std::string local_address{};   // likewise; numeric, empty: none
};

/// What a login may do; filled from the options of an authorized key, or of a certificate. Those of
/// all steps of a login hold together; a step is refused that forces another command than one
/// before it.
struct session_rights {
    /// Runs instead of whatever is asked for. `internal-sftp`, perhaps with options, stands for
    /// SFTP.
    std::optional<std::string> forced_command;
    /// The user's on this machine, where sshd would begin; empty: none is known.
    std::string home_directory = {};
    /// Names of the groups of his account on this machine, where the authenticator has looked for
    /// them; nothing: none is known.
    std::optional<std::vector<std::string>> groups = {};
    std::vector<std::pair<std::string, std::string>> environment;
    bool port_forwarding = true;  // as far as the server permits it
    /// Where connections through the server may go; nothing: anywhere.
    std::optional<std::vector<open_destination>> permit_open;
};

/// What stands behind `internal-sftp` in a command that is it; nothing where it is another.
std::optional<std::string_view> internal_sftp_arguments(std::string_view command);

/// Adds what another step of the login, or another part of one, restricts. False where the two
/// force different commands: then nobody may come in by both.
bool restrict(session_rights& rights, session_rights more);

struct login_verdict {
    /// One that does not fit the question refuses.
    auth_reply answer = auth_answer::refuse;
    session_rights rights = {};
    std::string reason = {};  // of a refusal, for the log: the client learns nothing of it
    /// What it took of a processor beside the connection's strand; a refused one's source has it
    /// counted (source_penalties).
    std::chrono::nanoseconds cpu = {};
};

/// The user at the other end of keyboard-interactive (RFC 4256).
class conversation {
public:
    virtual ~conversation() = default;

    /// Asks him, and waits for what he says: a response for each prompt, as typed. Nothing when he
    /// has given up, or the connection is gone: there is nobody left to ask.
    virtual boost::asio::awaitable<std::optional<std::vector<secret_bytes>>> ask(
        auth_prompts prompts) = 0;
};

/// Decides who gets in. One object serves all connections of a server, from any of its threads.
class authenticator {
public:
    virtual ~authenticator() = default;

    /// Runs on the connection's strand; may suspend for as long as it likes and is cancelled
    /// (terminal) when the connection ends first. It takes the same time and gives the same answer
    /// for a user who does not exist as for a wrong password or key. A signature has been checked
    /// before `auth_question::kind::public_key` is asked. An exception refuses.
    virtual boost::asio::awaitable<login_verdict> check(login_attempt attempt) = 0;

    /// keyboard-interactive: asks `user` as often as it likes, and decides. Otherwise as `check`,
    /// and also cancelled when the user gives up. By default everybody is refused.
    virtual boost::asio::awaitable<login_verdict> converse(login_attempt attempt,
                                                           conversation& user);

    /// How that user may log in, where server_config::auth asks for policies; nothing: as all. It
    /// must not tell who exists: an unknown user has one too, after the same time. As `check`, it
    /// runs on the connection's strand, may suspend, and is cancelled. An exception lets nobody in.
    virtual boost::asio::awaitable<std::optional<auth_policy>> policy(login_attempt attempt);
};

}  // namespace sluice
