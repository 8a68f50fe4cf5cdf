#include "sluice/tools/sluiced_setup.hpp"

#include "sluice/crypto/key_file.hpp"
#include "sluice/crypto/signature_algorithms.hpp"
#include "sluice/io/atomic_upload_filesystem.hpp"
#include "sluice/io/file_authenticator.hpp"
#include "sluice/io/posix_filesystem.hpp"
#include "sluice/tools/sluiced_log.hpp"
#include "sluice/transport/cipher.hpp"
#include "sluice/transport/mac.hpp"
#include "sluice/transport/table.hpp"
#include "sluice/wire/limits.hpp"

#include <boost/asio/io_context.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

namespace asio = boost::asio;
using asio::ip::tcp;

namespace sluice {
namespace {

constexpr std::uint16_t sshd_port = 22;

template <class Row>
std::vector<std::string> all_names(std::span<const Row> rows) {
    std::vector<std::string> names;
    for (const auto& row : rows)
        names.emplace_back(row.name);
    return names;
}

template <class Row>
algorithm_choice choice_of(std::span<const Row> rows) {
    return {offered_names(rows), all_names(rows)};
}

setup_result<std::shared_ptr<const host_key>> load_host_key(const std::string& file) {
    struct stat info {};
    if (::stat(file.c_str(), &info) == 0 && (info.st_mode & 077) != 0)
        return setup_error{file + ": host key may be read by others; chmod 600 it"};
    const auto text = read_text_file(file, limits::key_file_length_max);
    if (!text) return setup_error{file + ": " + text.error().message()};
    auto contents = crypto::read_private_key(*text);
    if (!contents) return setup_error{file + ": " + contents.error().message()};
    return make_host_key(std::move(contents->key));
}

// Ways to log in, as settings and files allow them.
setup_result<std::vector<std::vector<std::string>>> method_chains(const sluiced_config& config) {
    const bool keys = config.pubkey_authentication && !config.authorized_keys_files.empty();
    const bool passwords = config.password_authentication && !config.users_file.empty();
    std::vector<std::vector<std::string>> chains = config.authentication_methods;
    if (chains.empty()) {
        if (keys) chains.push_back({"publickey"});
        if (passwords) chains.push_back({"password"});
    }
    for (const auto& chain : chains) {
        for (const auto& method : chain) {
            if (method == "publickey" && !keys)
                return setup_error{
                    "AuthenticationMethods asks for publickey, but there is no "
                    "AuthorizedKeysFile or PubkeyAuthentication is off"};
            if (method == "password" && !passwords)
                return setup_error{
                    "AuthenticationMethods asks for password, but there is no "
                    "UsersFile or PasswordAuthentication is off"};
        }
    }
    if (chains.empty())
        return setup_error{"nobody could log in: give --authorized-keys or --users"};
    return chains;
}

setup_result<server_config> make_protocol(const sluiced_config& config) {
    server_config protocol;
    auto& transport = protocol.transport;
    transport.kex_algorithms = config.kex_algorithms;
    transport.host_key_algorithms = config.host_key_algorithms;
    transport.public_key_algorithms = config.pubkey_accepted_algorithms;
    transport.ciphers = config.ciphers;
    transport.macs = config.macs;
    transport.compressions = {"none"};
    if (config.compression == compression_setting::delayed)
        transport.compressions = {"zlib@openssh.com", "none"};
    if (config.rekey.data) transport.rekey.bytes = *config.rekey.data;
    if (config.rekey.time) transport.rekey.interval = *config.rekey.time;

    if (config.host_keys.empty()) return setup_error{"no host key: give --host-key FILE"};
    for (const auto& file : config.host_keys) {
        auto key = load_host_key(file);
        if (!key) return key.error();
        transport.host_keys.push_back(std::move(*key));
    }
    const auto served = [&](const std::string& algorithm) {
        return std::ranges::any_of(transport.host_keys,
                                   [&](const auto& key) { return key->signs(algorithm); });
    };
    if (std::ranges::none_of(transport.host_key_algorithms, served))
        return setup_error{"no host key fits HostKeyAlgorithms"};

    auto chains = method_chains(config);
    if (!chains) return chains.error();
    protocol.auth.method_chains = std::move(*chains);
    protocol.auth.attempts_max = config.max_auth_tries;
    protocol.auth.public_key_algorithms = config.pubkey_accepted_algorithms;
    if (!config.banner.empty()) {
        auto banner = read_text_file(config.banner, limits::policy_file_length_max);
        if (!banner) return setup_error{config.banner + ": " + banner.error().message()};
        protocol.auth.banner = std::move(*banner);
    }
    protocol.login_grace = config.login_grace_time;
    protocol.keepalive_interval = config.client_alive_interval;
    protocol.keepalive_count_max = config.client_alive_count_max;
    return protocol;
}

}  // namespace

algorithm_choices sluiced_algorithms(role own) {
    const auto of_hosts = [](std::span<const crypto::signature_algorithm> algorithms) {
        std::vector<std::string> names;
        for (const auto& algorithm : algorithms)
            if (algorithm.of_hosts) names.emplace_back(algorithm.name);
        return names;
    };
    const auto offered = crypto::signature_algorithms();
    const auto known = crypto::known_signature_algorithms();
    algorithm_choices choices;
    choices.kex = {offered_kex_methods(own), all_names(kex_methods())};
    choices.host_key = {of_hosts(offered), of_hosts(known)};
    choices.pubkey = {all_names(offered), all_names(known)};
    choices.cipher = choice_of(ciphers());
    choices.mac = choice_of(macs());
    return choices;
}

setup_result<server_options> make_server_options(const sluiced_config& config, bool exec,
                                                 asio::thread_pool& files,
                                                 asio::thread_pool& logins) {
    // Commands run as our own user, so root's server would hand out root.
    if (exec && ::geteuid() == 0)
        return setup_error{"--exec is refused for root: commands would run as root"};
    if (config.root.empty() && !exec && !config.local_forwarding)
        return setup_error{"nothing to serve: give --root DIR"};

    auto protocol = make_protocol(config);
    if (!protocol) return protocol.error();
    server_options options;
    options.protocol = std::move(*protocol);

    file_authenticator_options who;
    if (config.pubkey_authentication) who.authorized_keys_files = config.authorized_keys_files;
    if (config.password_authentication) who.users_file = config.users_file;
    who.admits = [config](std::string_view user, std::string_view address) {
        return user_allowed(config, user, address);
    };
    options.logins = std::make_shared<file_authenticator>(std::move(who), logins);

    if (!config.root.empty()) {
        posix_options root{.root = config.root};
        asio::io_context none;
        if (const auto tried = posix_filesystem::open(root, none.get_executor(), files); !tried)
            return setup_error{config.root + ": " + tried.error().message()};
        options.filesystem =
            [root, atomic = config.atomic_uploads, &files](
                const session_info&,
                asio::any_io_executor executor) -> std::unique_ptr<sftp::filesystem> {
            auto opened = posix_filesystem::open(root, std::move(executor), files);
            if (!opened) return nullptr;
            if (!atomic) return std::move(*opened);
            return std::make_unique<atomic_upload_filesystem>(std::move(*opened));
        };
    }
    options.read_only = config.sftp_read_only;
    options.exec = exec;
    options.command_directory = config.root;
    options.sessions_max = config.max_sessions;
    if (config.local_forwarding)
        options.permit_connect = [config](const session_info&, const std::string& host,
                                          std::uint16_t port) {
            return may_open(config, host, port);
        };
    options.startups = {config.max_startups.start, config.max_startups.rate,
                        config.max_startups.full};
    return options;
}

setup_result<std::vector<tcp::endpoint>> listen_endpoints(const sluiced_config& config) {
    std::vector<std::uint16_t> ports = config.ports;
    if (ports.empty()) ports.push_back(sshd_port);
    std::vector<listen_address> addresses = config.listen_addresses;
    if (addresses.empty()) addresses = {{"0.0.0.0", {}}, {"::", {}}};

    asio::io_context context;
    tcp::resolver resolver(context);
    std::vector<tcp::endpoint> endpoints;
    for (const auto& address : addresses) {
        error_code e;
        const auto found = resolver.resolve(address.host, "", tcp::resolver::passive, e);
        if (e) return setup_error{address.host + ": " + e.message()};
        for (const auto& entry : found) {
            const auto ip = entry.endpoint().address();
            if (address.port) {
                endpoints.emplace_back(ip, *address.port);
            } else {
                for (const auto port : ports)
                    endpoints.emplace_back(ip, port);
            }
        }
    }
    std::ranges::sort(endpoints);
    const auto repeated = std::ranges::unique(endpoints);
    endpoints.erase(repeated.begin(), repeated.end());
    return endpoints;
}

}  // namespace sluice
