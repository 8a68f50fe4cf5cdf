#pragma once

#include "sluice/crypto/certificate.hpp"
#include "sluice/crypto/key.hpp"
#include "sluice/crypto/random.hpp"
#include "sluice/wire/bytes.hpp"
#include "sluice/wire/error.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

inline constexpr std::uint16_t ssh_port = 22;

/// How known_hosts names a server: the host in lower case, "[host]:port" where the port is not 22.
std::string known_hosts_name(std::string_view host, std::uint16_t port = ssh_port);

/// The line, with its end, that makes `key` known for a server. `host` is a name or an address.
/// Errors: bad_value for a host that would not mean itself there (blanks, commas, wildcards …).
result<std::string> known_hosts_line(std::string_view host, std::uint16_t port,
                                     const crypto::public_key& key);

/// The same with the name hashed (HashKnownHosts), so that the file does not give it away.
result<std::string> hashed_known_hosts_line(std::string_view host, std::uint16_t port,
                                            const crypto::public_key& key,
                                            crypto::random_source& random);

/// A line that cannot be understood. It is passed over, unless it is to revoke a key: then all keys
/// of the servers that it names, or of all where it names none, count as revoked.
struct known_hosts_error {
    std::size_t line = 0;  // from 1
    error_code error{};    // bad_config, too_long, unknown_key_type
};

/// Who servers are: the keys of a known_hosts file, or of several (sshd(8), SSH_KNOWN_HOSTS FILE
/// FORMAT). Plain and hashed names, patterns, @revoked and @cert-authority.
class known_hosts {
public:
    /// Never fails for a bad line: see errors().
    /// Errors: too_long above limits::known_hosts_length_max.
    static result<known_hosts> parse(std::string_view text);

    /// Adds the lines of another file behind these; its `match::file` counts on.
    void append(known_hosts other);

    enum class verdict {
        known,    // some line has this key for the server
        unknown,  // no line is about the server
        changed,  // the lines about the server all have other keys, of whatever type
        revoked,  // some line revokes the key for the server; nothing outweighs that
    };

    struct match {
        verdict what = verdict::unknown;
        std::size_t file = 0;  // in the order of append(), from 0
        std::size_t line = 0;  // that decides, from 1; of changed: a key of the same type if any
        /// Of a certificate whose authority is known, and that is not good; of revoked, that the
        /// line cannot be read and might be about this key.
        std::string_view fault{};
    };

    match lookup(std::string_view host, std::uint16_t port, const crypto::public_key& key) const;

    /// Of a certificate: known where some @cert-authority line has its authority for the server and
    /// it is good for that name, otherwise unknown; never changed. Revoked with its key, with its
    /// authority, or itself. `signature_algorithms` are CASignatureAlgorithms; empty: all.
    match lookup(std::string_view host, std::uint16_t port, const crypto::certificate& cert,
                 std::int64_t system_seconds,
                 std::span<const std::string> signature_algorithms = {}) const;

    /// `algorithms` (signature algorithms for host keys) with those first whose type of key is
    /// known for the server, otherwise in their order: to be offered in the key exchange, so that
    /// the server shows a key that can be recognised. Certificates are where an authority is.
    std::vector<std::string> ordered(const std::vector<std::string>& algorithms,
                                     std::string_view host, std::uint16_t port) const;

    /// What a server's announcement of its keys (hostkeys-00@openssh.com, PROTOCOL 2.5) changes.
    struct update {
        std::vector<crypto::public_key> learn{};  // not known yet, and not revoked
        std::vector<std::size_t> forget{};  // lines of the first file: keys it no longer announces
    };

    /// Nothing is to be changed where a line is about other servers too, where one of the keys is
    /// known under another name, or where certificates are expected, as OpenSSH's client has it.
    /// Keys whose types we do not know are passed over.
    update changes_for(std::string_view host, std::uint16_t port,
                       std::span<const bytes_view> announced) const;

    /// The keys that may sign certificates of the server and that are not revoked.
    std::vector<crypto::public_key> authorities(std::string_view host, std::uint16_t port) const;

    std::size_t size() const { return entries_.size(); }

    /// Of the first file; at most limits::policy_errors_max of them.
    const std::vector<known_hosts_error>& errors() const { return errors_; }

private:
    enum class marker { none, revoked, authority };

    struct entry {
        marker mark = marker::none;
        std::string hosts;  // lower case, or the hash
        bytes salt;         // of a hashed name, then hosts is empty
        bytes hash;
        std::string type;
        bytes blob;
        std::size_t file = 0;
        std::size_t line = 0;
    };

    static result<entry> parse_line(std::string_view line);
    static result<> parse_hosts(std::string_view hosts, entry& e);
    static entry unread_revocation(std::string_view line);
    static bool covers(const entry& e, std::string_view name);
    const entry* unread_revocation_for(std::string_view name) const;

    std::vector<entry> entries_;
    std::vector<entry> unread_revocations_;
    std::vector<known_hosts_error> errors_;
    std::size_t files_ = 1;
};

}  // namespace sluice
