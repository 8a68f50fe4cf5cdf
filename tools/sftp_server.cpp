// sluice-sftp-server: SFTP on standard input and output, with the arguments of sftp-server(8), for
// an SSH server's Subsystem or whatever else carries bytes.

#include "sluice/io/descriptor_stream.hpp"
#include "sluice/io/posix_filesystem.hpp"
#include "sluice/io/sftp_stream.hpp"
#include "sluice/sftp/request_names.hpp"
#include "sluice/tools/sluiced_landlock.hpp"
#include "sluice/tools/sluiced_process.hpp"
#include "sluice/tools/sluiced_seccomp.hpp"

#include <CLI/CLI.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>

#include <pwd.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace asio = boost::asio;

namespace sluice {
namespace {

constexpr int exit_usage = 255;  // as sftp-server
constexpr int exit_failed = 1;
constexpr std::size_t file_threads = 4;

struct arguments {
    std::string root = "/";
    std::string start_directory;
    std::string facility = "AUTH";
    std::string level = "ERROR";
    std::vector<std::string> denied;
    std::vector<std::string> allowed;
    std::string query;
    std::string mask;
    bool errors = false;
    bool read_only = false;
};

int fail(const std::string& text, int status) {
    std::fprintf(stderr, "sluice-sftp-server: %s\n", text.c_str());
    return status;
}

void declare(CLI::App& app, arguments& a) {
    app.set_version_flag("--version,-V", std::string("sluice-sftp-server 0.1.0"));
    app.set_help_flag("-h,--help", "Print this and exit");
    app.add_option("--root", a.root, "Directory to serve, as /; the process sees no other")
        ->type_name("DIR");
    app.add_option("-d", a.start_directory,
                   "Where paths begin that have no leading slash, below the root; %d is the user's "
                   "home directory, %u his name")
        ->type_name("DIR");
    app.add_flag("-e", a.errors, "Log to standard error, not to syslog");
    app.add_option("-f", a.facility, "Of syslog: DAEMON, USER, AUTH, AUTHPRIV, LOCAL0 to LOCAL7")
        ->type_name("FACILITY");
    app.add_option("-l", a.level, "QUIET, FATAL, ERROR, INFO, VERBOSE, DEBUG to DEBUG3")
        ->type_name("LEVEL");
    app.add_option("-P", a.denied, "Requests that are refused, by their names")
        ->delimiter(',')
        ->type_name("NAMES");
    app.add_option("-p", a.allowed, "Requests that may be made; any other is refused")
        ->delimiter(',')
        ->type_name("NAMES");
    app.add_option("-Q", a.query, "Print what is known and exit: requests")->type_name("WHAT");
    app.add_flag("-R", a.read_only, "Refuse every change");
    app.add_option("-u", a.mask, "The umask, octal")->type_name("UMASK");
}

// --- the log
// --------------------------------------------------------------------------------------

std::optional<int> facility_of(std::string_view name) {
    struct row {
        std::string_view name;
        int number;
    };
    static constexpr std::array rows{
        row{"DAEMON", LOG_DAEMON},     row{"USER", LOG_USER},     row{"AUTH", LOG_AUTH},
        row{"AUTHPRIV", LOG_AUTHPRIV}, row{"LOCAL0", LOG_LOCAL0}, row{"LOCAL1", LOG_LOCAL1},
        row{"LOCAL2", LOG_LOCAL2},     row{"LOCAL3", LOG_LOCAL3}, row{"LOCAL4", LOG_LOCAL4},
        row{"LOCAL5", LOG_LOCAL5},     row{"LOCAL6", LOG_LOCAL6}, row{"LOCAL7", LOG_LOCAL7},
    };
    const auto found = std::ranges::find(rows, name, &row::name);
    if (found == rows.end()) return std::nullopt;
    return found->number;
}

// The lowest priority of syslog that is written; -1: none.
std::optional<int> priority_of(std::string_view level) {
    struct row {
        std::string_view name;
        int priority;
    };
    static constexpr std::array rows{
        row{"QUIET", -1},         row{"FATAL", LOG_CRIT},   row{"ERROR", LOG_ERR},
        row{"INFO", LOG_INFO},    row{"VERBOSE", LOG_INFO}, row{"DEBUG", LOG_DEBUG},
        row{"DEBUG1", LOG_DEBUG}, row{"DEBUG2", LOG_DEBUG}, row{"DEBUG3", LOG_DEBUG},
    };
    const auto found = std::ranges::find(rows, level, &row::name);
    if (found == rows.end()) return std::nullopt;
    return found->priority;
}

class session_log {
public:
    session_log(bool to_errors, int facility, int least) : to_errors_(to_errors), least_(least) {
        if (!to_errors) ::openlog("sluice-sftp-server", LOG_PID | LOG_NDELAY, facility);
    }

    void write(int priority, const std::string& text) const {
        if (priority > least_) return;
        if (to_errors_)
            std::fprintf(stderr, "%s\n", text.c_str());
        else
            ::syslog(priority, "%s", text.c_str());
    }

private:
    const bool to_errors_;
    const int least_;
};

// --- arguments
// ------------------------------------------------------------------------------------

struct local_user {
    std::string name;
    std::string home = "/";
};

local_user user_of_process() {
    const passwd* const found = ::getpwuid(::getuid());
    if (found == nullptr) return {std::to_string(::getuid())};
    return {found->pw_name, found->pw_dir};
}

// Nothing for a token that there is not.
std::optional<std::string> expand(std::string_view pattern, const local_user& user) {
    std::string out;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        if (pattern[i] != '%') {
            out += pattern[i];
            continue;
        }
        const char token = ++i < pattern.size() ? pattern[i] : '\0';
        if (token == '%')
            out += '%';
        else if (token == 'u')
            out += user.name;
        else if (token == 'd')
            out += user.home;
        else
            return std::nullopt;
    }
    return out;
}

// Empty: all are known.
std::string unknown_request(const std::vector<std::string>& names) {
    const auto known = sftp::request_names();
    for (const auto& name : names)
        if (std::ranges::find(known, name) == known.end()) return name;
    return {};
}

// The address of who is served, as its SSH server tells it.
std::string client_address() {
    const char* const said = std::getenv("SSH_CLIENT");
    const std::string_view text = said != nullptr ? said : "";
    return text.empty() ? "UNKNOWN" : std::string(text.substr(0, text.find(' ')));
}

// --- the process
// ----------------------------------------------------------------------------------

// Empty: all is well.
std::string restrict(const std::string& root) {
    if (const auto e = forbid_inspection()) return "PR_SET_DUMPABLE: " + e.message();
    const capability_set kept = ::geteuid() == 0 ? file_capabilities() : 0;
    if (const auto e = drop_capabilities(kept)) return "capabilities: " + e.message();
    if (root != "/") {
        const auto on = restrict_by_landlock(
            {.read = {}, .execute = {}, .change = {root}, .connect = false}, false);
        if (!on) return "Landlock: " + on.error().message();
    }
    const auto on = restrict_system_calls(false);
    return on ? std::string() : "seccomp: " + on.error().message();
}

int serve(const arguments& a, sftp::server_config config, posix_options options,
          const session_log& log, const local_user& user) {
    asio::io_context context(1);
    auto stream = take_standard_stream(context.get_executor());
    if (!stream) return fail("standard input and output: " + stream.error().message(), exit_failed);
    if (const auto wrong = restrict(options.root); !wrong.empty()) return fail(wrong, exit_failed);
    asio::thread_pool pool(file_threads);  // restricted as this thread is
    auto files = posix_filesystem::open(options, context.get_executor(), pool);
    if (!files && !options.start_directory.empty()) {
        // As sftp-server does where it cannot change to it.
        log.write(LOG_ERR, options.start_directory + ": " + files.error().message());
        options.start_directory.clear();
        files = posix_filesystem::open(options, context.get_executor(), pool);
    }
    if (!files) return fail(a.root + ": " + files.error().message(), exit_failed);
    const std::string who = "for local user " + user.name + " from [" + client_address() + "]";
    log.write(LOG_INFO, "session opened " + who);
    int status = 0;
    auto guard = asio::make_work_guard(context);
    serve_sftp(std::move(*stream), std::move(*files), std::move(config),
               [&](const sftp_stream_report& report) {
                   if (report.protocol) {
                       log.write(LOG_ERR, "bad message: " + report.protocol.message());
                       status = exit_failed;
                   }
                   if (report.stream)
                       log.write(LOG_ERR, "connection lost: " + report.stream.message());
                   const auto& numbers = report.session;
                   log.write(LOG_INFO, "session closed " + who + ": " +
                                           std::to_string(numbers.requests_answered) +
                                           " requests, read " + std::to_string(numbers.bytes_read) +
                                           " written " + std::to_string(numbers.bytes_written) +
                                           " bytes, " + std::to_string(numbers.files_committed) +
                                           " files committed, " +
                                           std::to_string(numbers.files_abandoned) + " abandoned");
                   guard.reset();
               });
    context.run();
    pool.join();
    return status;
}

int run(const arguments& a) {
    if (!a.query.empty()) {
        if (a.query != "requests") return fail("-Q knows only: requests", exit_usage);
        for (const auto name : sftp::request_names())
            std::printf("%.*s\n", static_cast<int>(name.size()), name.data());
        return 0;
    }
    for (const auto* names : {&a.denied, &a.allowed})
        if (const auto unknown = unknown_request(*names); !unknown.empty())
            return fail("there is no request " + unknown + ", see -Q requests", exit_usage);
    const auto facility = facility_of(a.facility);
    if (!facility) return fail("-f: there is no facility " + a.facility, exit_usage);
    const auto priority = priority_of(a.level);
    if (!priority) return fail("-l: there is no level " + a.level, exit_usage);
    if (!a.mask.empty()) {
        unsigned mask = 0;
        const char* const end = a.mask.data() + a.mask.size();
        const auto [at, error] = std::from_chars(a.mask.data(), end, mask, 8);
        if (error != std::errc() || at != end || mask > 0777)
            return fail("-u: " + a.mask + " is no umask", exit_usage);
        ::umask(mask);
    }
    const local_user user = user_of_process();
    const auto start = expand(a.start_directory, user);
    if (!start) return fail("-d: only %d, %u and %% may follow %", exit_usage);

    sftp::server_config config;
    config.read_only = a.read_only;
    if (!a.denied.empty() || !a.allowed.empty())
        config.permits = [denied =
                              std::set<std::string, std::less<>>(a.denied.begin(), a.denied.end()),
                          allowed = std::set<std::string, std::less<>>(
                              a.allowed.begin(), a.allowed.end())](std::string_view request) {
            return !denied.contains(request) && (allowed.empty() || allowed.contains(request));
        };
    posix_options options;
    options.root = a.root;
    options.start_directory = *start;
    const session_log log(a.errors, *facility, *priority);
    return serve(a, std::move(config), std::move(options), log, user);
}

}  // namespace
}  // namespace sluice

int main(int argc, char** argv) {
    if (const auto e = sluice::prepare_process())
        return sluice::fail(e.message(), sluice::exit_failed);
    sluice::close_inherited({});
    std::signal(SIGPIPE, SIG_IGN);
    CLI::App app("Serves SFTP on standard input and output.", "sluice-sftp-server");
    sluice::arguments a;
    sluice::declare(app, a);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        return app.exit(e) == 0 ? 0 : sluice::exit_usage;
    }
    return sluice::run(a);
}
