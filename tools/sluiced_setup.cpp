#include "sluice/tools/sluiced_setup.hpp"

#include "sluice/crypto/certificate.hpp"
#include "sluice/crypto/key_file.hpp"
#include "sluice/crypto/moduli.hpp"
#include "sluice/crypto/shielded_key.hpp"
#include "sluice/crypto/signature_algorithms.hpp"
#include "sluice/io/atomic_upload_filesystem.hpp"
#include "sluice/io/file_descriptor.hpp"
#include "sluice/io/posix_filesystem.hpp"
#include "sluice/io/rsa_size.hpp"
#include "sluice/io/system_accounts.hpp"
#include "sluice/io/text_file.hpp"
#include "sluice/tools/sluiced_log.hpp"
#include "sluice/tools/sluiced_logins.hpp"
#include "sluice/tools/sluiced_sources.hpp"
#include "sluice/transport/cipher.hpp"
#include "sluice/transport/mac.hpp"
#include "sluice/transport/table.hpp"
#include "sluice/wire/limits.hpp"

#include <boost/asio/io_context.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <optional>

namespace asio = boost::asio;
using asio::ip::tcp;

namespace sluice {
namespace {

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

using notes = std::vector<setting_note>;

// Nothing for one that is left out, which is noted.
setup_result<std::optional<crypto::private_key>> load_host_key(const std::string& file,
                                                               notes& without) {
    const auto left_out = [&](const error_code& e) {
        without.push_back({file, 0, "HostKey", e.message()});
        return std::optional<crypto::private_key>();
    };
    const file_descriptor opened(
        ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!opened && errno == ENOENT) return left_out(last_system_error());
    if (!opened) return setup_error{file + ": " + last_system_error().message()};
    struct stat info {};
    if (::fstat(opened.get(), &info) == 0 && (info.st_mode & 077) != 0)
        return setup_error{file + ": host key may be read by others; chmod 600 it"};
    const auto text = read_secret(opened.get(), limits::key_file_length_max);
    if (!text) return setup_error{file + ": " + text.error().message()};
    const auto contents = crypto::read_private_key(as_text(*text));
    if (!contents && contents.error() == errc::unknown_key_type) return left_out(contents.error());
    if (!contents) return setup_error{file + ": " + contents.error().message()};
    auto key = crypto::shielded(contents->key, crypto::system_random());
    if (!key) return setup_error{file + ": " + key.error().message()};
    return std::optional(std::move(*key));
}

std::string_view first_line(std::string_view text) { return text.substr(0, text.find('\n')); }

// Certificates of host keys: each belongs to a key that is there.
setup_result<std::vector<std::shared_ptr<const host_key>>> load_host_keys(
    const sluiced_config& config, notes& without) {
    if (config.host_keys.empty()) return setup_error{"no host key: give --host-key FILE"};
    std::vector<crypto::private_key> keys;
    std::vector<std::shared_ptr<const host_key>> shown;
    for (const auto& file : config.host_keys) {
        auto loaded = load_host_key(file, without);
        if (!loaded) return loaded.error();
        if (!*loaded) continue;
        crypto::private_key& key = **loaded;
        const auto too_small = rsa_key_too_small(key.public_half(), config.required_rsa_size);
        if (!too_small.empty()) return setup_error{file + ": " + too_small};
        shown.push_back(make_host_key(key));
        keys.push_back(std::move(key));
    }
    if (keys.empty()) return setup_error{without.front().file + ": " + without.front().text};
    for (const auto& file : config.host_certificates) {
        const auto text = read_text_file(file, limits::key_file_length_max);
        if (!text) return setup_error{file + ": " + text.error().message()};
        auto cert = crypto::certificate::from_line(first_line(*text));
        if (!cert) return setup_error{file + ": " + cert.error().message()};
        const auto key = std::ranges::find_if(
            keys, [&](const auto& k) { return k.public_half().blob() == cert->key().blob(); });
        if (key == keys.end()) return setup_error{file + ": certificate of no HostKey"};
        auto certified = make_host_key(*key, std::move(*cert));
        if (!certified) return setup_error{file + ": is not a certificate for hosts"};
        shown.push_back(std::move(*certified));
    }
    return shown;
}

// At least one way in that settings leave, where no Match can open another.
setup_result<std::vector<std::vector<std::string>>> method_chains(
    const sluiced_settings& settings) {
    const sluiced_config& config = settings.base;
    auto chains = ways_in(config, "");
    if (!settings.blocks.empty()) return chains;
    for (const auto& chain : config.authentication_methods)
        for (const auto& method : chain)
            if (!is_possible(config, method))
                return setup_error{"AuthenticationMethods asks for " + method +
                                   ", which is disabled, or has no file to go by"};
    if (chains.empty())
        return setup_error{"nobody could log in: give --authorized-keys or --users", true};
    return chains;
}

// The texts of all files that a Banner names, by file name.
setup_result<std::map<std::string, std::string>> load_banners(
    const std::vector<sluiced_config>& configs, notes& without) {
    std::map<std::string, std::string> banners;
    for (const auto& config : configs) {
        if (config.banner.empty() || banners.contains(config.banner)) continue;
        auto banner = read_text_file(config.banner, limits::policy_file_length_max);
        if (!banner && banner.error() == boost::system::errc::no_such_file_or_directory) {
            without.push_back({config.banner, 0, "Banner", banner.error().message()});
            banner = std::string();
        }
        if (!banner) return setup_error{config.banner + ": " + banner.error().message()};
        banners.emplace(config.banner, std::move(*banner));
    }
    return banners;
}

setup_result<std::shared_ptr<const std::vector<crypto::dh_group>>> load_moduli(
    const std::string& file) {
    const auto text = read_text_file(file, limits::moduli_length_max);
    auto groups =
        text ? crypto::parse_moduli(*text) : result<std::vector<crypto::dh_group>>(text.error());
    if (!groups) return setup_error{file + ": " + groups.error().message()};
    return std::make_shared<const std::vector<crypto::dh_group>>(std::move(*groups));
}

// Whoever names algorithms of a kind gets those and no others.
old_program_offer offer_to_old_clients(const sluiced_settings& settings) {
    const sluiced_config& config = settings.base;
    if (!config.offer_to_old_clients) return {};
    old_program_offer offer = old_program_offer::best();
    if (config.kex_algorithms != settings.algorithms.kex.defaults) offer.kex_algorithms.clear();
    if (config.host_key_algorithms != settings.algorithms.host_key.defaults)
        offer.host_key_algorithms.clear();
    if (config.macs != settings.algorithms.mac.defaults) offer.macs.clear();
    return offer;
}

setup_result<server_config> make_protocol(const sluiced_settings& settings, notes& without) {
    const sluiced_config& config = settings.base;
    server_config protocol;
    auto& transport = protocol.transport;
    if (!config.version_addendum.empty()) transport.identification += " " + config.version_addendum;
    transport.kex_algorithms = config.kex_algorithms;
    transport.host_key_algorithms = config.host_key_algorithms;
    transport.public_key_algorithms = config.pubkey_accepted_algorithms;
    transport.ciphers = config.ciphers;
    transport.macs = config.macs;
    transport.to_old_programs = offer_to_old_clients(settings);
    transport.compressions = {"none"};
    if (config.compression == compression_setting::delayed)
        transport.compressions = {"zlib@openssh.com", "none"};
    if (config.rekey.data) transport.rekey.bytes = *config.rekey.data;
    if (config.rekey.time) transport.rekey.interval = *config.rekey.time;

    if (!config.moduli_file.empty()) {
        auto groups = load_moduli(config.moduli_file);
        if (!groups) return groups.error();
        transport.exchange_groups = std::move(*groups);
    }
    auto host_keys = load_host_keys(config, without);
    if (!host_keys) return host_keys.error();
    transport.host_keys = std::move(*host_keys);
    const auto served = [&](const std::string& algorithm) {
        return std::ranges::any_of(transport.host_keys,
                                   [&](const auto& key) { return key->signs(algorithm); });
    };
    if (std::ranges::none_of(transport.host_key_algorithms, served))
        return setup_error{"no host key fits HostKeyAlgorithms"};

    auto chains = method_chains(settings);
    if (!chains) return chains.error();
    protocol.auth.method_chains = std::move(*chains);
    protocol.auth.attempts_max = config.max_auth_tries;
    protocol.auth.public_key_algorithms = config.pubkey_accepted_algorithms;
    protocol.auth.host_based_algorithms = config.hostbased_accepted_algorithms;
    protocol.auth.asks_for_policy = true;
    protocol.auth.names_may_have_styles = true;
    protocol.login_grace = config.login_grace_time;
    protocol.keepalive_interval = config.client_alive_interval;
    protocol.keepalive_count_max = config.client_alive_count_max;
    return protocol;
}

// The options of internal-sftp that hold for a session: those of its forced command where that has
// any, else the subsystem's. Nothing for what is none.
std::optional<sftp_options> sftp_options_of(const sluiced_config& config, const session_info& who) {
    const auto& forced = who.rights.forced_command;
    const auto arguments = forced ? internal_sftp_arguments(*forced) : std::nullopt;
    if (!arguments || arguments->empty()) return config.sftp;
    std::vector<std::string> words;
    sftp_options options;
    if (!split_words(*arguments, words).empty() || !read_sftp_options(words, options).empty())
        return std::nullopt;
    options.read_only = options.read_only || config.sftp.read_only;
    return options;
}

// Operations are told where -l asks for them, at the level that they have for sftp-server.
std::optional<log_severity> operations_level(const sftp_options& options) {
    if (!logs_operations(options)) return std::nullopt;
    return log_severity::info;
}

// As sshd's child: in the user's home directory, where the served tree has that; -d goes before,
// and it is told where that is not there.
result<std::unique_ptr<posix_filesystem>> open_at_start(
    posix_options options, const sftp_options& sftp, const session_info& who,
    const asio::any_io_executor& executor, asio::thread_pool& files, const log_sink& log) {
    options.denied_modes = umask_of(sftp).value_or(0);
    options.file_mode = file_mode_of(sftp);
    const std::string& home = who.rights.home_directory;
    const sftp_user user{who.user, home.empty() ? "/" : home};
    options.start_directory = expand_start_directory(sftp.start_directory, user).value_or("");
    if (!options.start_directory.empty()) {
        auto opened = posix_filesystem::open(options, executor, files);
        if (opened) return opened;
        if (log)
            log({log_severity::error,
                 "no_start_directory",
                 {{"user", who.user},
                  {"directory", options.start_directory},
                  {"reason", opened.error().message()}}});
    }
    options.start_directory = home;
    if (!home.empty())
        if (auto opened = posix_filesystem::open(options, executor, files)) return opened;
    options.start_directory.clear();
    return posix_filesystem::open(options, executor, files);
}

login_facts facts_of(const session_info& who) {
    return {who.user, who.peer_address, who.local_port, who.local_address, {}, who.rights.groups};
}

// A program for logins, who it is to run as, and who the server runs as (`User`): programs are
// started by the helper, which becomes the same.
std::optional<setup_error> fault_in_program(const std::string& keyword,
                                            const std::vector<std::string>& program,
                                            const std::string& wanted, const std::string& user) {
    if (program.empty()) return std::nullopt;
    const std::string names_it = keyword + "User";
    if (wanted.empty()) return setup_error{keyword + ": give " + names_it + " beside it"};
    const auto found = account_named(wanted);
    if (!found) return setup_error{names_it + ": " + found.error().message()};
    if (!*found) return setup_error{names_it + ": there is no user " + wanted};
    if ((*found)->uid == 0)
        return setup_error{names_it + ": programs for logins do not run as root"};
    if (user.empty() ? (*found)->uid != ::geteuid() : user != wanted)
        return setup_error{names_it + ": programs run as the server's own user (" +
                           (user.empty() ? "that which starts it" : user) + "), not as " + wanted};
    return std::nullopt;
}

// Lets a file of policy be read, for whomever its pattern stands. Those in home directories: of the
// accounts that can be listed now, and of all below /home. `homes` are looked for once.
void add_policy_rule(const std::string& pattern, std::optional<std::vector<std::string>>& homes,
                     std::vector<std::string>& rules) {
    if (pattern.empty()) return;
    if (!pattern.starts_with("%h")) return rules.push_back(folder_for_rule(pattern));
    if (!homes) homes = all_homes();
    rules.emplace_back("/home");
    for (const auto& home : *homes)
        rules.push_back(folder_for_rule(home + pattern.substr(2)));
}

// What the settings ask for and the server, as it is started, cannot do.
std::optional<setup_error> fault_in(const std::vector<sluiced_config>& configs, bool exec) {
    const auto serves = [](const sluiced_config& c) {
        return !c.root.empty() || (c.local_forwarding && !c.disable_forwarding);
    };
    if (!exec && std::ranges::none_of(configs, serves))
        return setup_error{
            "nothing to serve: give --root DIR or ChrootDirectory, which is / where the whole "
            "system is to be seen, as by sshd; --exec runs commands",
            true};
    if (configs.front().use_pam && !is_built_with_pam())
        return setup_error{"UsePAM: this sluiced is built without PAM"};
    for (const auto& config : configs) {
        if (exec && config.root != configs.front().root)
            return setup_error{
                "ChrootDirectory of a Match block does not go with --exec: "
                "commands see all directories"};
        const std::string& user = configs.front().user;
        if (auto wrong = fault_in_program("AuthorizedKeysCommand", config.authorized_keys_command,
                                          config.authorized_keys_command_user, user))
            return wrong;
        if (auto wrong = fault_in_program("AuthorizedPrincipalsCommand",
                                          config.authorized_principals_command,
                                          config.authorized_principals_command_user, user))
            return wrong;
        if (!exec && !config.force_command.empty() &&
            !internal_sftp_arguments(config.force_command))
            return setup_error{"ForceCommand runs a command, which --exec permits"};
    }
    return std::nullopt;
}

}  // namespace

algorithm_choices sluiced_algorithms(role own) {
    const auto of_hosts = [](std::span<const crypto::signature_algorithm> algorithms) {
        std::vector<std::string> names;
        for (const auto& algorithm : algorithms)
            if (algorithm.of_hosts) names.emplace_back(algorithm.name);
        return names;
    };
    const auto bare = [](std::span<const crypto::signature_algorithm> algorithms) {
        std::vector<std::string> names;
        for (const auto& algorithm : algorithms)
            if (!algorithm.certified()) names.emplace_back(algorithm.name);
        return names;
    };
    const auto offered = crypto::signature_algorithms();
    const auto known = crypto::known_signature_algorithms();
    algorithm_choices choices;
    choices.kex = {offered_kex_methods(own), all_names(kex_methods())};
    choices.host_key = {of_hosts(offered), of_hosts(known)};
    choices.pubkey = {all_names(offered), all_names(known)};
    choices.hostbased = choices.host_key;
    choices.ca_signature = {bare(offered), bare(known)};
    choices.cipher = choice_of(ciphers());
    choices.mac = choice_of(macs());
    return choices;
}

setup_result<server_material> read_material(const sluiced_settings& settings, bool exec,
                                            bool as_root) {
    // Commands run as the server's user, so root's server would hand out root.
    if (exec && as_root)
        return setup_error{"--exec is refused for root: commands would run as root; give User"};
    const auto configs = settings.all();
    if (auto wrong = fault_in(configs, exec)) return *wrong;
    notes without;
    auto protocol = make_protocol(settings, without);
    if (!protocol) return protocol.error();
    auto banners = load_banners(configs, without);
    if (!banners) return banners.error();
    return server_material{std::move(*protocol), std::move(*banners), std::move(without)};
}

setup_result<server_options> make_server_options(const sluiced_settings& settings,
                                                 server_material material, bool exec,
                                                 asio::thread_pool& files, login_pools logins,
                                                 log_sink log) {
    const auto kept = std::make_shared<const sluiced_settings>(settings);
    const sluiced_config& config = kept->base;
    const auto configs = kept->all();
    server_options options;
    options.protocol = std::move(material.protocol);
    options.log = log;
    options.logins =
        std::make_shared<sluiced_authenticator>(kept, std::move(material.banners), logins);

    bool any_root = false;
    for (const auto& one : configs) {
        if (one.root.empty()) continue;
        any_root = true;
        asio::io_context none;
        const posix_options root{.root = one.root};
        if (const auto tried = posix_filesystem::open(root, none.get_executor(), files); !tried)
            return setup_error{one.root + ": " + tried.error().message()};
    }
    if (any_root)
        options.filesystem =
            [kept, log, turns = fair_pool::make(files, file_threads), &files](
                const session_info& who,
                asio::any_io_executor executor) -> std::unique_ptr<sftp::filesystem> {
            const auto holds = effective_for(kept, facts_of(who));
            const posix_options root{.root = holds->root,
                                     .allow_set_id = holds->set_id,
                                     .devices = holds->devices,
                                     .stay_on_filesystem = holds->stay_on_filesystem,
                                     .descriptors = who.descriptors,
                                     .turns = turns->open(who.user, who.descriptors.get())};
            const auto sftp = sftp_options_of(*holds, who);
            if (root.root.empty() || !sftp) return nullptr;
            auto opened = open_at_start(root, *sftp, who, executor, files, log);
            if (!opened) return nullptr;
            if (!kept->base.atomic_uploads) return std::move(*opened);
            return std::make_unique<atomic_upload_filesystem>(std::move(*opened));
        };
    options.sftp_config = [kept](const session_info& who) -> std::optional<sftp_settings> {
        const auto sftp = sftp_options_of(*effective_for(kept, facts_of(who)), who);
        if (!sftp) return std::nullopt;
        return sftp_settings{sftp_config_from(*sftp), operations_level(*sftp)};
    };
    options.exec = exec;
    options.command_directory = config.root;
    options.accepted_environment = config.accepted_environment;
    options.sessions_max = config.max_sessions;
    options.permit_connect = [kept](const session_info& who, const std::string& host,
                                    std::uint16_t port) {
        return may_open(*effective_for(kept, facts_of(who)), host, port);
    };
    options.startups = {config.max_startups.start, config.max_startups.rate,
                        config.max_startups.full};
    options.sources = source_options_from(config);
    return options;
}

landlock_rules rules_for(const sluiced_settings& settings) {
    landlock_rules rules;
    // Names of users, groups and hosts, the time zone: libc's files, modules and sockets.
    rules.read = {"/etc", "/usr/share/zoneinfo", "/run/nscd", "/run/systemd", "/run/resolvconf"};
    rules.execute = {"/lib", "/lib64", "/usr/lib", "/usr/lib64"};
    rules.change = {"/dev/null"};
    rules.connect = false;
    std::optional<std::vector<std::string>> homes;  // once they are needed
    for (const sluiced_config& config : settings.all()) {
        auto& roots = config.sftp.read_only ? rules.read : rules.change;
        if (!config.root.empty()) roots.push_back(config.root);
        std::vector<std::string> policy{from_home(config.authorized_principals_file)};
        for (const auto& file : config.authorized_keys_files)
            policy.push_back(from_home(file));
        for (const auto* more : {&config.hostbased_known_hosts_files, &config.shosts_files})
            policy.insert(policy.end(), more->begin(), more->end());
        for (const auto* file :
             {&config.trusted_user_ca_keys, &config.revoked_keys, &config.users_file})
            policy.push_back(*file);
        for (const auto& file : policy)
            add_policy_rule(file, homes, rules.read);
        // Host-based logins ask for names of hosts, which may take TCP.
        rules.connect = rules.connect || config.hostbased_authentication ||
                        (config.local_forwarding && !config.disable_forwarding);
        if (config.use_pam) {
            // Its modules are anybody's: they read what they like, and keep notes where such are.
            rules.connect = true;
            rules.execute.push_back("/");
            for (const char* notes : {"/run", "/var", "/dev"})
                rules.change.push_back(notes);
        }
    }
    return rules;
}

setup_result<std::vector<tcp::endpoint>> listen_endpoints(const sluiced_config& config) {
    sluiced_config everywhere = config;
    if (config.listen_addresses.empty())
        everywhere.listen_addresses = {{"0.0.0.0", {}}, {"::", {}}};

    asio::io_context context;
    tcp::resolver resolver(context);
    std::vector<tcp::endpoint> endpoints;
    for (const auto& address : addresses_with_ports(everywhere)) {
        error_code e;
        const auto found = resolver.resolve(address.host, "", tcp::resolver::passive, e);
        if (e) return setup_error{address.host + ": " + e.message()};
        for (const auto& entry : found) {
            const auto ip = entry.endpoint().address();
            if (config.family == (ip.is_v4() ? listen_family::inet6 : listen_family::inet))
                continue;
            endpoints.emplace_back(ip, *address.port);
        }
    }
    if (endpoints.empty()) return setup_error{"no address to listen on is of AddressFamily"};
    std::ranges::sort(endpoints);
    const auto repeated = std::ranges::unique(endpoints);
    endpoints.erase(repeated.begin(), repeated.end());
    return endpoints;
}

}  // namespace sluice
