#include "sluice/tools/sluiced_sftp_options.hpp"

#include "sluice/auth/policy_line.hpp"
#include "sluice/io/percent_tokens.hpp"
#include "sluice/io/system_accounts.hpp"
#include "sluice/sftp/request_names.hpp"

#include <CLI/CLI.hpp>

#include <syslog.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <set>
#include <span>

namespace sluice {
namespace {

struct named_number {
    std::string_view name;
    int number;
};

std::optional<int> number_of(std::span<const named_number> rows, std::string_view name) {
    const auto found = std::ranges::find_if(
        rows, [&](const named_number& row) { return equal_ignoring_case(row.name, name); });
    if (found == rows.end()) return std::nullopt;
    return found->number;
}

std::optional<mode_t> octal(std::string_view text, unsigned max) {
    unsigned number = 0;
    const char* const end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data(), end, number, 8);
    if (error != std::errc() || at != end || number > max) return std::nullopt;
    return static_cast<mode_t>(number);
}

// Empty: all are known.
std::string unknown_request(const std::vector<std::string>& names) {
    const auto known = sftp::request_names();
    for (const auto& name : names)
        if (std::ranges::find(known, name) == known.end()) return name;
    return {};
}

std::string with_commas(const std::vector<std::string>& names) {
    std::string out;
    for (const auto& name : names)
        out += (out.empty() ? "" : ",") + name;
    return out;
}

}  // namespace

void declare(CLI::App& app, sftp_options& options) {
    app.add_option("-d", options.start_directory,
                   "Where paths begin that have no leading slash, below the root; %d is the user's "
                   "home directory, %u his name")
        ->type_name("DIR")
        ->take_last();
    app.add_flag("-e", options.errors, "Log to standard error, not to syslog");
    app.add_option("-f", options.facility,
                   "Of syslog: DAEMON, USER, AUTH, AUTHPRIV, LOCAL0 to LOCAL7")
        ->type_name("FACILITY")
        ->take_last();
    app.add_option("-l", options.level,
                   "QUIET, FATAL, ERROR, INFO, VERBOSE, DEBUG to DEBUG3; ERROR is the default")
        ->type_name("LEVEL")
        ->take_last();
    app.add_option("-m", options.file_mode,
                   "The mode of new files, octal, whatever the client asks for; -u is for "
                   "directories then")
        ->type_name("MODE")
        ->take_last();
    app.add_option("-P", options.denied, "Requests that are refused, by their names")
        ->delimiter(',')
        ->allow_extra_args(false)
        ->type_name("NAMES");
    app.add_option("-p", options.allowed, "Requests that may be made; any other is refused")
        ->delimiter(',')
        ->allow_extra_args(false)
        ->type_name("NAMES");
    app.add_flag("-R", options.read_only, "Refuse every change");
    app.add_option("-u", options.mask, "The umask, octal")->type_name("UMASK")->take_last();
}

config_fault fault_in(const sftp_options& options) {
    for (const auto* names : {&options.denied, &options.allowed})
        if (const auto unknown = unknown_request(*names); !unknown.empty())
            return "there is no request '" + unknown + "', see sluice-sftp-server -Q requests";
    if (!options.facility.empty() && !syslog_facility(options.facility))
        return "-f: there is no facility '" + options.facility + "'";
    if (!options.level.empty() && !syslog_priority(options.level))
        return "-l: there is no level '" + options.level + "'";
    if (!options.mask.empty() && !umask_of(options))
        return "-u: '" + options.mask + "' is no umask";
    if (!options.file_mode.empty() && !file_mode_of(options))
        return "-m: '" + options.file_mode + "' is no mode of a file";
    if (options.start_directory.find('\0') != std::string::npos) return "-d: a NUL byte";
    if (!expand_start_directory(options.start_directory, {}))
        return "-d: only %d, %u and %% may follow %";
    return {};
}

config_fault read_sftp_options(const std::vector<std::string>& words, sftp_options& options) {
    CLI::App app;
    app.set_help_flag();
    declare(app, options);
    try {
        app.parse(std::vector<std::string>(words.rbegin(), words.rend()));
    } catch (const CLI::ParseError& e) {
        return "internal-sftp: " + std::string(e.what());
    }
    if (auto wrong = fault_in(options); !wrong.empty()) return wrong;
    // The process's own, which sessions share.
    const auto mask = umask_of(options);
    if (mask && (*mask & 022) != 022)
        return "-u: '" + options.mask + "' would let others write: 022 is always in it";
    if ((file_mode_of(options).value_or(0) & 022) != 0)
        return "-m: '" + options.file_mode + "' would let others write";
    return {};
}

std::vector<std::string> words_of(const sftp_options& options) {
    std::vector<std::string> words;
    const auto add = [&](const std::string& option, const std::string& value) {
        if (value.empty()) return;
        // What looks like an option is a value where it is attached to one.
        if (value.starts_with('-')) return words.push_back(option + value);
        words.insert(words.end(), {option, value});
    };
    add("-d", options.start_directory);
    if (options.errors) words.emplace_back("-e");
    add("-f", options.facility);
    add("-l", options.level);
    add("-m", options.file_mode);
    add("-P", with_commas(options.denied));
    add("-p", with_commas(options.allowed));
    if (options.read_only) words.emplace_back("-R");
    add("-u", options.mask);
    return words;
}

sftp_user sftp_user_named(const std::string& name) {
    const auto account = account_named(name);
    if (!account || !*account || (*account)->home.empty()) return {name};
    return {name, (*account)->home};
}

std::optional<std::string> expand_start_directory(std::string_view pattern, const sftp_user& user) {
    return replace_tokens(pattern, [&](char letter) -> std::optional<std::string> {
        if (letter == 'u') return user.name;
        if (letter == 'd') return user.home;
        return std::nullopt;
    });
}

std::optional<mode_t> umask_of(const sftp_options& options) { return octal(options.mask, 0777); }

std::optional<mode_t> file_mode_of(const sftp_options& options) {
    return octal(options.file_mode, 0777);
}

sftp::server_config sftp_config_from(const sftp_options& options) {
    sftp::server_config config;
    config.read_only = options.read_only;
    if (options.denied.empty() && options.allowed.empty()) return config;
    using names = std::set<std::string, std::less<>>;
    config.permits = [denied = names(options.denied.begin(), options.denied.end()),
                      allowed = names(options.allowed.begin(), options.allowed.end())](
                         std::string_view request) {
        return !denied.contains(request) && (allowed.empty() || allowed.contains(request));
    };
    return config;
}

bool logs_operations(const sftp_options& options) {
    return syslog_priority(options.level).value_or(LOG_ERR) >= LOG_INFO;
}

std::optional<int> syslog_facility(std::string_view name) {
    static constexpr std::array rows{
        named_number{"DAEMON", LOG_DAEMON}, named_number{"USER", LOG_USER},
        named_number{"AUTH", LOG_AUTH},     named_number{"AUTHPRIV", LOG_AUTHPRIV},
        named_number{"LOCAL0", LOG_LOCAL0}, named_number{"LOCAL1", LOG_LOCAL1},
        named_number{"LOCAL2", LOG_LOCAL2}, named_number{"LOCAL3", LOG_LOCAL3},
        named_number{"LOCAL4", LOG_LOCAL4}, named_number{"LOCAL5", LOG_LOCAL5},
        named_number{"LOCAL6", LOG_LOCAL6}, named_number{"LOCAL7", LOG_LOCAL7},
    };
    return number_of(rows, name);
}

std::optional<int> syslog_priority(std::string_view level) {
    static constexpr std::array rows{
        named_number{"QUIET", -1},         named_number{"FATAL", LOG_CRIT},
        named_number{"ERROR", LOG_ERR},    named_number{"INFO", LOG_INFO},
        named_number{"VERBOSE", LOG_INFO}, named_number{"DEBUG", LOG_DEBUG},
        named_number{"DEBUG1", LOG_DEBUG}, named_number{"DEBUG2", LOG_DEBUG},
        named_number{"DEBUG3", LOG_DEBUG},
    };
    return number_of(rows, level);
}

}  // namespace sluice
