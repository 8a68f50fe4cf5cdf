#pragma once

#include "sluice/io/authenticator.hpp"
#include "sluice/io/password_file.hpp"
#include "sluice/io/system_accounts.hpp"

#include <boost/asio/thread_pool.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice {

class command_launcher;
class policy_cache;
class source_pool;

/// Who may come by "hostbased" (RFC 4252 §9).
struct host_based_options {
    /// Keys of the hosts that may vouch for their users, and authorities. Empty: nobody may come.
    std::vector<std::string> known_hosts_files = {};

    /// Which users of which hosts, in the form of hosts.equiv(5); %u stands for the user who they
    /// want to be, as in authorized_keys_files.
    std::vector<std::string> shosts_files = {};

    /// Take the client's word for its name (HostbasedUsesNameFromPacketOnly). Otherwise the name
    /// must have the address that the client comes from.
    bool name_from_packet_only = false;
};

struct file_authenticator_options {
    /// authorized_keys files; %u stands for the user, %U for the number of his account and %h for
    /// its home directory (`account_of`), %% for a percent sign. A file whose name has another
    /// token, or one that stands for nothing, counts as absent. Empty: no keys.
    std::vector<std::string> authorized_keys_files = {};

    /// A program whose output counts as one more authorized_keys file (AuthorizedKeysCommand): its
    /// absolute path, and its arguments. In these %k stands for the key or certificate in base64,
    /// %t for its type, %f for the key's fingerprint, and %u, %U, %h and %% as above; without
    /// arguments it is given the user's name. It is run for every attempt by a key. Its output does
    /// not count where anybody but root and this process's user can change it (see path_trust.hpp),
    /// where a token stands for nothing, where it fails, prints a NUL or more than
    /// limits::policy_file_length_max, or takes longer than the time below. Empty: none.
    std::vector<std::string> authorized_keys_program = {};

    /// Likewise, a program whose output counts behind authorized_principals_file
    /// (AuthorizedPrincipalsCommand). It has besides, of the certificate, %i for its key id and %s
    /// for its serial number, and of its authority %K for the key in base64, %T for its type, %F
    /// for its fingerprint. It is run for certificates of trusted_user_ca_keys_file alone.
    std::vector<std::string> authorized_principals_program = {};
    std::chrono::milliseconds program_time_max = std::chrono::seconds(15);

    /// What starts them. Empty: they are not run, and let in nobody.
    std::shared_ptr<command_launcher> launcher = {};

    /// Where they are waited for, for several authenticators together. Empty: a thread of its own,
    /// where there is a program.
    std::shared_ptr<source_pool> programs = {};

    /// Public keys, one a line, of authorities whose certificates let in whom they name
    /// (TrustedUserCAKeys). Options in front of one bind whoever comes by it, as in
    /// authorized_keys; a certificate must list one of its principals="…" besides the user's own
    /// name. A line that is not understood trusts nobody. Empty: none, but for those of
    /// authorized_keys lines.
    std::string trusted_user_ca_keys_file = {};

    /// Names that a certificate of those may have in place of the user's own
    /// (AuthorizedPrincipalsFile); tokens as above. Empty: the user's own, unless a program says.
    std::string authorized_principals_file = {};

    /// Keys, certificates and authorities that let in nobody (RevokedKeys): a key revocation list,
    /// or public keys, one a line. A file that cannot be read revokes all.
    std::string revoked_keys_file = {};

    /// What authorities may have signed by (CASignatureAlgorithms); empty: all that we know.
    std::vector<std::string> ca_signature_algorithms = {};

    /// Whether files of keys and of principals count only where nobody but root, this process's
    /// user and, with %h, whose home it is can change them or put others in their place
    /// (StrictModes; see path_trust.hpp).
    bool strict_modes = false;

    /// RSA keys of fewer bits let in nobody (RequiredRSASize). Never less than
    /// limits::rsa_bits_min.
    unsigned rsa_bits_min = 0;

    /// Password hashes (password_file.hpp). Empty: no passwords.
    std::string users_file = {};

    host_based_options host_based = {};

    /// Who may log in at all; empty: everybody. Asked for every attempt, on a thread of the pool,
    /// and a refusal looks to the client like a wrong password or key.
    std::function<bool(std::string_view user, std::string_view peer_address)> admits = {};

    /// The home directory of who is let in (session_rights::home_directory); empty: none is known.
    /// Asked on a thread of the pool, as `admits` is; for passwords also of who is refused.
    std::function<std::string(std::string_view user)> home_of = {};

    /// The account of who wants to come in, for %U and %h. Empty: nobody has one. Asked where a
    /// token needs it, on a thread of a pool.
    account_lookup account_of = {};

    /// Where the files are kept until they change, for several authenticators together. Empty: each
    /// has one of its own.
    std::shared_ptr<policy_cache> kept_files = {};

    /// Where names of hosts are looked up, in host-based logins, for several authenticators
    /// together. Empty: a thread of its own, where host_based wants that.
    std::shared_ptr<source_pool> lookups = {};

    /// Where passwords are hashed, so that keys never wait behind them; it may serve several
    /// authenticators. Empty: a thread of its own, where there is a users file.
    std::shared_ptr<source_pool> passwords = {};
};

/// Lets in who has a key in an authorized_keys file, a certificate of an authority, a password in a
/// users file, or comes from a host that is trusted. Files are looked at again in each attempt, and
/// read where they have changed, so a change counts at once. By keyboard-interactive it asks for
/// the password.
class file_authenticator final : public authenticator {
public:
    /// Reading files is done on `pool`, which outlives the authenticator, and goes on there when a
    /// connection, or the authenticator, is gone before the answer.
    file_authenticator(file_authenticator_options options, boost::asio::thread_pool& pool);

    boost::asio::awaitable<login_verdict> check(login_attempt attempt) override;
    boost::asio::awaitable<login_verdict> converse(login_attempt attempt,
                                                   conversation& user) override;

private:
    boost::asio::awaitable<login_verdict> check_password(login_attempt attempt);
    boost::asio::awaitable<login_verdict> check_host(login_attempt attempt);
    boost::asio::awaitable<login_verdict> check_with_program(login_attempt attempt);

    const std::shared_ptr<const file_authenticator_options> options_;
    // Apart from the options, which its own threads must not be the last to hold.
    const std::shared_ptr<source_pool> passwords_;
    const std::shared_ptr<source_pool> lookups_;
    const std::shared_ptr<source_pool> programs_;
    boost::asio::thread_pool& pool_;
};

}  // namespace sluice
