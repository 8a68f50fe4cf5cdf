// sluice-sftp-server: SFTP on standard input and output, with the arguments of sftp-server(8), for
// an SSH server's Subsystem or whatever else carries bytes.

#include "sluice/io/descriptor_stream.hpp"
#include "sluice/io/logged_filesystem.hpp"
#include "sluice/io/posix_filesystem.hpp"
#include "sluice/io/sftp_stream.hpp"
#include "sluice/io/system_accounts.hpp"
#include "sluice/sftp/request_names.hpp"
#include "sluice/tools/sluiced_landlock.hpp"
#include "sluice/tools/sluiced_process.hpp"
#include "sluice/tools/sluiced_seccomp.hpp"
#include "sluice/tools/sluiced_sftp_options.hpp"
#include "sluice/wire/limits.hpp"

#include <CLI/CLI.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>

#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
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
    sftp_options sftp;
    bool devices = false;
    bool set_id = false;
    std::string query;
    std::vector<std::string> words;
};

int fail(const std::string& text, int status) {
    std::fprintf(stderr, "sluice-sftp-server: %s\n", text.c_str());
    return status;
}

void declare_all(CLI::App& app, arguments& a) {
    app.set_version_flag("--version,-V", std::string("sluice-sftp-server 0.1.0"));
    app.set_help_flag("-h,--help", "Print this and exit");
    app.add_option("--root", a.root, "Directory to serve, as /; the process sees no other")
        ->type_name("DIR");
    declare(app, a.sftp);
    app.add_flag("--devices", a.devices, "Open character devices, such as /dev/null");
    app.add_flag("--set-id", a.set_id, "Let clients set the setuid and setgid bits of modes");
    // As sftp-server: `scp -D` gives it what is meant for ssh.
    app.add_option("words", a.words, "No effect")->group("");
    app.add_option("-Q", a.query, "Print what is known and exit: requests")->type_name("WHAT");
}

// --- the log -------------------------------------------------------------------------------------

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

// An operation, in sftp-server's words: its paths in quotes, with nothing in them that could be
// taken for another line.
std::string line_of(std::string_view event, const logged_filesystem::fields& what) {
    std::string line(event);
    for (const auto& [name, value] : what) {
        const bool is_path = name == "path" || name == "old" || name == "new";
        if (name == "path" && (event == "remove" || event == "mkdir" || event == "rmdir"))
            line += " name";
        if (name == "read") line += " bytes";
        if (name != "path") line.append(" ").append(name);
        line += " ";
        if (is_path) line += '"';
        for (const char c : std::string_view(value).substr(0, limits::log_field_length_max)) {
            const auto byte = static_cast<unsigned char>(c);
            std::array<char, 5> code{};
            if (c == '"' || c == '\\')
                line.append("\\").append(1, c);
            else if (byte >= ' ' && byte <= '~')
                line += c;
            else if (std::snprintf(code.data(), code.size(), "\\%03o", byte) > 0)
                line += code.data();
        }
        if (value.size() > limits::log_field_length_max)
            line += "... (" + std::to_string(value.size()) + " bytes)";
        if (is_path) line += '"';
    }
    return line;
}

sftp_user user_of_process() {
    const auto own = account_numbered(::getuid());
    if (!own || !*own) return {std::to_string(::getuid())};
    return {(*own)->name, (*own)->home};
}

// Where paths begin, as of sftp-server: where the process is, unless -d says otherwise. Below a
// root of its own that is the root.
std::string start_of(const arguments& a, const std::string& asked_for) {
    std::error_code unknown;
    std::string here = a.root == "/" ? std::filesystem::current_path(unknown).string() : "/";
    if (unknown || !here.starts_with('/')) here = "/";
    if (asked_for.empty()) return here;
    return asked_for.starts_with('/') ? asked_for : here + "/" + asked_for;
}

// The address of who is served, as its SSH server tells it.
std::string client_address() {
    const char* const said = std::getenv("SSH_CLIENT");
    const std::string_view text = said != nullptr ? said : "";
    return text.empty() ? "UNKNOWN" : std::string(text.substr(0, text.find(' ')));
}

// --- the process ---------------------------------------------------------------------------------

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
          const session_log& log, const sftp_user& user) {
    asio::io_context context(1);
    auto stream = take_standard_stream(context.get_executor());
    if (!stream) return fail("standard input and output: " + stream.error().message(), exit_failed);
    if (const auto wrong = restrict(options.root); !wrong.empty()) return fail(wrong, exit_failed);
    asio::thread_pool pool(file_threads);  // restricted as this thread is
    auto files = posix_filesystem::open(options, context.get_executor(), pool);
    for (const std::string& otherwise : {start_of(a, ""), std::string()}) {
        if (files) break;
        // As sftp-server does where it cannot change to it.
        log.write(LOG_ERR, options.start_directory + ": " + files.error().message());
        options.start_directory = otherwise;
        files = posix_filesystem::open(options, context.get_executor(), pool);
    }
    if (!files) return fail(a.root + ": " + files.error().message(), exit_failed);
    const std::string who = "for local user " + user.name + " from [" + client_address() + "]";
    log.write(LOG_INFO, "session opened " + who);
    std::unique_ptr<sftp::filesystem> served = std::move(*files);
    if (logs_operations(a.sftp))
        served = std::make_unique<logged_filesystem>(
            std::move(served), [&log](std::string_view event, logged_filesystem::fields what) {
                log.write(LOG_INFO, line_of(event, what));
            });
    int status = 0;
    auto guard = asio::make_work_guard(context);
    serve_sftp(std::move(*stream), std::move(served), std::move(config),
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
    if (const auto wrong = fault_in(a.sftp); !wrong.empty()) return fail(wrong, exit_usage);
    posix_options options;
    options.file_mode = file_mode_of(a.sftp);
    if (const auto mask = umask_of(a.sftp)) ::umask(*mask);
    // The mode of -m as it is: the umask is for directories then.
    if (options.file_mode) options.denied_modes = ::umask(0);
    const sftp_user user = user_of_process();
    options.root = a.root;
    options.devices = a.devices;
    options.allow_set_id = a.set_id;
    options.start_directory =
        start_of(a, expand_start_directory(a.sftp.start_directory, user).value_or(""));
    const auto or_else = [](const std::string& given, std::string_view otherwise) {
        return given.empty() ? std::string(otherwise) : given;
    };
    const session_log log(a.sftp.errors,
                          syslog_facility(or_else(a.sftp.facility, "AUTH")).value_or(LOG_AUTH),
                          syslog_priority(or_else(a.sftp.level, "ERROR")).value_or(LOG_ERR));
    return serve(a, sftp_config_from(a.sftp), std::move(options), log, user);
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
    sluice::declare_all(app, a);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        return app.exit(e) == 0 ? 0 : sluice::exit_usage;
    }
    return sluice::run(a);
}
