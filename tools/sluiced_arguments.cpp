#include "sluice/tools/sluiced_arguments.hpp"

#include "sluice/io/text_file.hpp"
#include "sluice/tools/sluiced_include.hpp"
#include "sluice/tools/sluiced_setup.hpp"
#include "sluice/tools/sluiced_values.hpp"
#include "sluice/wire/limits.hpp"

#include <CLI/CLI.hpp>

#include <unistd.h>

#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace sluice {
namespace {

// Those that sshd takes where its file names none, as far as they are there to be read.
std::vector<std::string> host_keys_of_system() {
    std::vector<std::string> files;
    for (const char* type : {"rsa", "ecdsa", "ed25519"}) {
        std::string file = std::string("/etc/ssh/ssh_host_") + type + "_key";
        if (::access(file.c_str(), R_OK) == 0) files.push_back(std::move(file));
    }
    return files;
}

// A pattern that is meant from where we are. In the name of that folder nothing is a token.
std::string from_here(const std::string& pattern) {
    if (pattern.empty() || pattern.starts_with('/')) return pattern;
    std::string path;
    std::error_code ignored;
    for (const char c : std::filesystem::current_path(ignored).string())
        path += c == '%' ? std::string("%%") : std::string(1, c);
    return path + "/" + pattern;
}

}  // namespace

void declare(CLI::App& app, sluiced_arguments& a) {
    app.set_version_flag("--version,-V", std::string("sluiced 0.1.0"));
    app.set_help_flag("--help", "Print this and exit");  // -h is sshd's letter for a host key
    app.add_option("--listen", a.listen,
                   "Address to listen on: HOST:PORT, [V6]:PORT; port 0 picks one")
        ->type_name("ADDRESS");
    app.add_option("-p", a.ports, "Port to listen on, in place of the setting Port")
        ->type_name("PORT");
    app.add_flag("-i", a.one_connection,
                 "Serve one connection, on standard input and output, and exit: for inetd, for a "
                 "socket unit with Accept=yes, as a ProxyCommand");
    app.add_option("--host-key,-h", a.host_keys, "Private host key file; one of each type")
        ->type_name("FILE");
    app.add_option("--root", a.root, "Directory to serve over SFTP, as /")->type_name("DIR");
    app.add_option("--authorized-keys", a.authorized_keys,
                   "Public keys that may log in; %u in the name is the user")
        ->type_name("FILE");
    app.add_option("--users", a.users, "Password hashes, a line each: user:crypt(3)-hash")
        ->type_name("FILE");
    app.add_flag("--exec", a.exec, "Run commands, as the user sluiced runs as; refused for root");
    app.add_flag("--allow-root", a.allow_root,
                 "Stay root where root starts it; otherwise root needs the setting User NAME");
    app.add_flag("--read-only", a.read_only, "Refuse every change over SFTP");
    app.add_flag("--atomic-uploads", a.atomic_uploads,
                 "Show an uploaded file under its name when its client has closed it, not before");
    app.add_option("--threads", a.threads, "Threads that serve connections; 0: one a processor")
        ->check(CLI::Range(0u, 1024u))
        ->type_name("N");
    app.add_option("--config,-f", a.config,
                   std::string("Settings as in sshd_config(5); arguments win. UsePAM is ") +
                       (is_built_with_pam() ? "possible" : "not built in"))
        ->type_name("FILE");
    app.add_option("-o", a.settings, "One setting, as a line of the file: 'Ciphers aes256-ctr'")
        ->type_name("SETTING");
    app.add_flag("-t", a.test, "Only check the settings and the host keys");
    app.add_flag("-T", a.print, "Check, and print what holds, in the form of the file");
    app.add_option("-C", a.login,
                   "For whom -T prints: user=NAME,addr=ADDRESS,laddr=ADDRESS,lport=PORT")
        ->needs("-T")
        ->type_name("LOGIN");
    app.add_option("--drain-deadline", a.drain_deadline,
                   "After SIGTERM, how long connections may take to finish: 60, 2m")
        ->type_name("TIME");
    app.add_option("--drain-policy", a.drain_policy,
                   "What SFTP sessions still do then: finish_handles, finish_session or now")
        ->type_name("POLICY");
    app.add_option("--log-level", a.log_level, "QUIET, ERROR, INFO, VERBOSE or DEBUG")
        ->type_name("LEVEL");
    app.add_option("-E", a.log_file, "Append the log to a file, in place of standard error")
        ->type_name("FILE");
    app.add_flag(
           "--syslog", a.syslog,
           "Log to the local syslog, by the setting SyslogFacility, in place of standard error")
        ->excludes("-E");
    app.add_option("-g", a.login_grace, "Time for a login, as the setting LoginGraceTime")
        ->type_name("TIME");
    app.add_flag_callback(
        "-q", [&a] { a.log_level = "QUIET"; }, "As --log-level QUIET");
    app.add_flag_callback(
        "-D", [] {}, "No effect: it never leaves the foreground");
    app.add_flag_callback(
        "-e", [] {}, "No effect: the log is on standard error, but for -E and --syslog");
    app.add_option("--log-format", a.log_format, "text or json")->type_name("FORMAT");
}

boost::system::result<sluiced_settings, std::string> read_settings(const sluiced_arguments& a) {
    std::string lines;
    for (const auto& setting : a.settings)
        lines += setting + "\n";
    if (!a.login_grace.empty()) lines += "LoginGraceTime " + a.login_grace + "\n";
    if (!a.log_level.empty()) lines += "LogLevel " + a.log_level + "\n";
    if (!a.log_format.empty()) lines += "LogFormat " + a.log_format + "\n";
    if (!a.drain_deadline.empty()) lines += "DrainDeadline " + a.drain_deadline + "\n";
    if (!a.drain_policy.empty()) lines += "DrainPolicy " + a.drain_policy + "\n";
    std::vector<config_text> texts{{"arguments", lines}};
    if (!a.config.empty()) {
        auto text = read_text_file(a.config, limits::policy_file_length_max);
        if (!text) return a.config + ": " + text.error().message();
        texts.push_back({a.config, std::move(*text)});
    }
    auto settings =
        read_sluiced_settings(texts, sluiced_algorithms(), include_from(folder_of(a.config)));
    if (!settings) return settings.error().message();

    if (a.syslog)
        std::erase_if(settings->notes, [](const setting_note& note) {
            return equal_ignoring_case(note.keyword, "SyslogFacility");
        });
    sluiced_config& config = settings->base;
    const auto in_place_of = [](const char* option, const char* keyword,
                                const std::vector<std::string>& values) {
        std::string text;
        for (const auto& value : values)
            text += keyword + (" " + value) + "\n";
        return read_sluiced_settings({{option, text}}, sluiced_algorithms());
    };
    if (!a.ports.empty()) {
        const auto parsed = in_place_of("-p", "Port", a.ports);
        if (!parsed) return parsed.error().message();
        config.ports = parsed->base.ports;
    }
    if (!a.listen.empty()) {
        const auto parsed = in_place_of("--listen", "ListenAddress", a.listen);
        if (!parsed) return parsed.error().message();
        config.listen_addresses = parsed->base.listen_addresses;
    } else if (config.listen_addresses.empty() && config.ports.empty()) {
        config.listen_addresses = {{"127.0.0.1", std::uint16_t{2222}}};
    }
    if (!a.host_keys.empty()) config.host_keys = a.host_keys;
    if (config.host_keys.empty() && !a.config.empty()) config.host_keys = host_keys_of_system();
    if (!a.root.empty()) config.root = a.root;
    if (!a.users.empty()) config.users_file = a.users;
    if (!a.authorized_keys.empty()) {
        // Not from a home directory, as the keyword's are.
        config.authorized_keys_files.clear();
        std::vector<std::string> absolute;
        for (const auto& file : a.authorized_keys)
            absolute.push_back(from_here(file));
        if (const auto wrong = settings::user_files::read(absolute, config.authorized_keys_files);
            !wrong.empty())
            return "--authorized-keys: " + wrong;
    }
    if (a.read_only) config.sftp.read_only = true;
    if (a.atomic_uploads) config.atomic_uploads = true;
    return std::move(*settings);
}

}  // namespace sluice
