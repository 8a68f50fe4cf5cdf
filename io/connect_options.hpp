#pragma once

#include "sluice/auth/client_question.hpp"
#include "sluice/crypto/certificate.hpp"
#include "sluice/crypto/key.hpp"
#include "sluice/endpoint/config.hpp"
#include "sluice/io/log.hpp"
#include "sluice/wire/secret.hpp"

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace sluice {

/// A function of the application's that is asked something: a plain one, or a coroutine that takes
/// its time. It runs on the connection's strand and is cancelled (terminal) when the connection
/// ends first. Empty, or one that throws: no answer.
template <class Answer, class Question>
class asked {
    using coroutine = boost::asio::awaitable<Answer>;

public:
    asked() = default;
    template <class F>
    requires(!std::is_same_v<std::decay_t<F>, asked> && std::is_invocable_v<F&, Question>)
        asked(F f) {
        if constexpr (std::is_same_v<std::invoke_result_t<F&, Question>, coroutine>)
            f_ = std::move(f);
        else
            f_ = [f = std::move(f)](Question question) { return plainly(f, std::move(question)); };
    }

    explicit operator bool() const { return static_cast<bool>(f_); }
    coroutine operator()(Question question) const { return f_(std::move(question)); }

private:
    template <class F>
    static coroutine plainly(F f, Question question) {
        co_return f(std::move(question));
    }

    std::function<coroutine(Question)> f_;
};

/// A server that no known_hosts file knows.
struct host_key_question {
    std::string host;
    std::uint16_t port = 0;
    crypto::public_key key;  // shown bare, or in a certificate of nobody we know
    std::string algorithm;   // that it was proven by
};

/// Which servers are known beside those of the files.
struct known_hosts_question {
    enum class reason {
        order,      // which host key algorithms go first
        host_name,  // whether the server is who it should be
    };
    reason why = reason::order;
    std::string name;                               // "host" or "[host]:port"
    std::optional<crypto::presented_key> key = {};  // that the server has shown
};

enum class host_key_answer {
    refuse,
    accept_once,
    accept_and_save,  // to the first of known_hosts_files
};

/// Servers that are not known. A key that was revoked is refused whatever this says, and one that
/// changed by all but the last.
enum class host_key_policy {
    strict,      // refused
    accept_new,  // accepted and saved (StrictHostKeyChecking=accept-new)
    ask,         // `on_unknown_host_key` decides
    /// StrictHostKeyChecking=no: as accept_new, and so is a key that changed, for this connection
    /// only. That is logged as "host_key_changed", no password goes to such a server, and nothing
    /// is forwarded by way of it.
    accept_any,
};

/// What a server's announcement of its host keys changes in the first of known_hosts_files.
enum class host_key_updates {
    off,
    on,   // what it has proven is added, what it has no more is removed
    ask,  // the same if `on_host_key_update` says so
};

/// What is about to be changed there.
struct host_key_update_question {
    std::vector<crypto::public_key> learn;  // that the server has proven
    std::size_t forget = 0;                 // how many keys it has no more
};

/// What a private key that is elsewhere is to sign.
struct signing_question {
    std::string algorithm;  // of the signature: "rsa-sha2-512"
    bytes data;
};

/// A key whose private half the application can reach and we cannot: in a hardware module or a key
/// service, say.
struct external_key {
    crypto::presented_key key;  // or a certificate of it
    /// A signature blob (string algorithm, string signature), or none: then another key is tried,
    /// as with a signature that is not good.
    asked<std::optional<bytes>, signing_question> sign;
};

enum class address_family { any, v4, v6 };

/// Why `connect` failed, in words; given to `connect_options::on_failure`.
struct connect_failure {
    error_code error;
    std::string text;          // for people; what it quotes of the server's is to be escaped
    std::string can_continue;  // methods the server listed last, where the login was denied
};

/// Where to, as whom, and how to prove it. The defaults are those of ssh(1) of OpenSSH, unless said
/// otherwise. Give it a name before it is passed: gcc 12 destroys an aggregate twice that is
/// written out within a co_await expression.
struct connect_options {
    std::string host = {};  // a name or an address
    std::uint16_t port = 22;
    std::string user = {};  // empty: the one this process runs as

    /// Algorithms, keepalive (on, every 30 s; off in OpenSSH), re-keying, windows, login_timeout.
    /// User, keys and the order of host key algorithms are filled in.
    client_config protocol = {};

    /// For each address until TCP is connected, then for the server until there are keys, by
    /// whatever way it is reached; 0: as long as the system takes, or login_timeout. OpenSSH has
    /// no limit of its own (ConnectTimeout); a network that swallows packets would take minutes.
    std::chrono::nanoseconds connect_timeout = std::chrono::seconds(30);

    // --- the way there ---

    address_family family = address_family::any;
    std::string bind_address = {};     // ours; of a name, its first address that fits
    std::string bind_interface = {};   // whose address is ours; bind_address goes first
    unsigned connection_attempts = 1;  // rounds of all addresses, a second apart
    bool tcp_keep_alive = true;
    /// IP_TOS or IPV6_TCLASS of the socket (IPQoS); nullopt: as the system has it.
    std::optional<int> type_of_service = {};

    /// Servers to go through, one after the other (ProxyJump): this one is reached by a channel of
    /// the last. Each says how to log in there and who it is. At most limits::jump_hosts_max. They
    /// say goodbye when this connection has ended. Of the first, the way there counts too.
    std::vector<connect_options> jump_hosts = {};

    /// A command whose standard input and output are the connection (ProxyCommand), run by the
    /// user's shell. It gets SIGHUP when the connection has ended, SIGKILL two seconds later.
    /// Not with jump_hosts. Whoever may set it runs commands here.
    std::string proxy_command = {};

    // --- who the server is ---

    /// The name that known_hosts goes by, in place of host and port (HostKeyAlias).
    std::string host_key_alias = {};

    /// nullopt: ~/.ssh/known_hosts, known_hosts2 and the system's. New keys go to the first.
    std::optional<std::vector<std::string>> known_hosts_files = {};
    /// More lines of known_hosts, read behind those of the files; asked for each of its reasons
    /// (KnownHostsCommand). Nothing, an exception or text beyond limits::known_hosts_length_max:
    /// the server is refused.
    asked<std::optional<std::string>, known_hosts_question> on_known_hosts = {};
    std::vector<crypto::public_key> host_keys = {};  // that are trusted beside the files
    host_key_policy host_keys_unknown = host_key_policy::strict;  // ssh asks
    bool hash_known_hosts = false;
    /// A server reached at a loopback address, without an alias, is taken for the right one, unless
    /// `revoked_host_keys` has its key (NoHostAuthenticationForLocalhost).
    bool trust_loopback = false;

    /// UpdateHostKeys, so that a server can change its keys without surprising anybody. Only for
    /// servers that are known by a key in those files.
    host_key_updates update_host_keys = host_key_updates::off;
    asked<bool, host_key_update_question> on_host_key_update = {};

    /// Keys and authorities of hosts that are trusted no more: a key revocation list, or public
    /// keys, one a line (RevokedHostKeys). A file that cannot be read revokes all. Empty: none.
    std::string revoked_host_keys = {};

    /// What authorities may have signed host certificates by (CASignatureAlgorithms); empty: all
    /// that we know.
    std::vector<std::string> ca_signature_algorithms = {};

    asked<host_key_answer, host_key_question> on_unknown_host_key = {};

    /// RSA keys of fewer bits are not used, whoever's they are: host keys, authorities of theirs,
    /// keys to log in with (RequiredRSASize). Never less than limits::rsa_bits_min.
    unsigned rsa_bits_min = 2048;

    // --- who we are ---

    /// Private keys to log in with, tried first, then external ones. Then, as ssh(1), those of
    /// identity_files that the agent holds, what else the agent holds, the other files.
    std::vector<crypto::private_key> keys = {};
    std::vector<external_key> external_keys = {};

    /// nullopt: ~/.ssh/id_ed25519, id_ecdsa and id_rsa, as far as they are there. A public key, in
    /// the file itself or in FILE.pub, stands for the agent's private half. A private key that
    /// others may read is not used.
    std::optional<std::vector<std::string>> identity_files = {};
    bool identities_only = false;  // of an agent, only the keys of identity_files

    /// Certificates of keys that are among the others (CertificateFile). "FILE-cert.pub" beside an
    /// identity file is used without being named here.
    std::vector<std::string> certificate_files = {};

    /// Keys of the host we run on, to vouch for us by "hostbased"; `protocol.auth.host_based` says
    /// the rest, and `protocol.auth.methods` must name it.
    std::vector<crypto::private_key> host_based_keys = {};
    /// Signs in place of those keys, as ssh-keysign(8) does for ssh(1): a signature blob of `data`
    /// by `protocol.auth.host_based.keys[key_index]`.
    asked<std::optional<bytes>, client_auth_question> on_host_signature = {};

    /// Path of an agent's socket; nullopt: $SSH_AUTH_SOCK; empty: none.
    std::optional<std::string> agent_socket = {};

    /// Lets the server's programs use an agent (ssh -A): path of its socket; empty: the one above.
    /// Every session asks for it. Whoever controls the server can then log in with the agent's keys
    /// while we are connected, unless they are restricted to destinations.
    std::optional<std::string> forward_agent = {};

    std::optional<secret_bytes> password = {};

    /// For an encrypted key file, by its path; asked up to three times when the server would accept
    /// the key (or before, where neither FILE.pub nor the file itself shows its public half).
    asked<std::optional<secret_bytes>, std::string> on_passphrase = {};
    /// For kinds `password` and `new_password`.
    asked<std::optional<secret_bytes>, client_auth_question> on_password = {};
    /// Of keyboard-interactive, one answer a prompt. A single prompt that is not echoed is answered
    /// with `password` where there is one.
    asked<std::optional<std::vector<secret_bytes>>, client_auth_question> on_prompts = {};

    // --- what is told ---

    std::function<void(std::string_view)> on_banner = {};  // the server's text: escape it
    std::function<void(const connect_failure&)> on_failure =
        {};  // right before `connect` completes
    log_sink log = {};
};

}  // namespace sluice
