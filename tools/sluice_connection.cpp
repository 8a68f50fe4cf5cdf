#include "sluice/tools/sluice_connection.hpp"

#include "sluice/io/shell_command.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>

#include <unistd.h>

#include <cstdio>
#include <string>

namespace asio = boost::asio;

namespace sluice {
namespace {

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);

// As ssh(1): all waits until it has ended, and how is nobody's concern.
void run_local_command(const std::string& command) {
    const auto ended = run_shell_command(command, {STDIN_FILENO, STDOUT_FILENO});
    if (!ended) complain("cannot run LocalCommand: " + ended.error().message());
}

asio::awaitable<work_done> run(client_settings settings, bool verbose,
                               std::function<asio::awaitable<int>(connection&)> work) {
    work_done done;
    auto [e, c] = co_await connect(co_await asio::this_coro::executor, std::move(settings.connect),
                                   as_result);
    if (e) co_return done;  // on_failure has said why
    if (!settings.local_command.empty()) run_local_command(settings.local_command);
    done.status = co_await work(c);
    const auto [lost, report] = co_await c.close(as_result);
    if (verbose) complain(to_text(report));
    done.outcome = report.outcome;
    co_return done;
}

// As loud as ssh(1) says it.
void warn_of_changed_key() {
    complain("WARNING: THE HOST KEY HAS CHANGED. Somebody may be listening in on what follows.");
    complain("Passwords are not sent, and nothing is forwarded. What was known:");
}

// Banners and what is logged are written as LogLevel and -v say, the log to standard error.
void speak_of(connect_options& o, bool tells, bool verbose, int banners) {
    if (tells)
        o.on_banner = [mark = server_mark(o), banners](std::string_view text) {
            const std::string lines = marked(text, mark, terminal_columns(banners));
            if (!lines.empty()) ::dprintf(banners, "%s\n", lines.c_str());
        };
    o.log = [tells, verbose](const log_record& r) {
        if (r.level > (verbose ? log_severity::debug
                       : tells ? log_severity::info
                               : log_severity::error))
            return;
        if (r.event == "host_key_changed") warn_of_changed_key();
        if (r.event == "key_exchange") complain("SSH_MSG_NEWKEYS sent and received");
        std::string line(r.event);
        for (const auto& [name, value] : r.fields)
            line += ' ' + std::string(name) + '=' + value;
        complain(line);
    };
}

}  // namespace

void complain(std::string_view text) {
    const std::string line = marked_line(text, "sluice: ", terminal_columns(STDERR_FILENO));
    std::fprintf(stderr, "%s\n", line.c_str());
}

work_done with_connection(client_settings settings, bool verbose,
                          std::function<asio::awaitable<int>(connection&)> work, int banners) {
    const std::string& level = *settings.config.log_level;
    verbose = verbose || level == "VERBOSE" || level.starts_with("DEBUG");
    const bool tells = verbose || level == "INFO";
    if (verbose)
        for (const std::string& note : settings.config.notes)
            complain(note);
    if (tells)
        for (const std::string& warning : settings.config.warnings)
            complain(warning);
    for (connect_options& hop : settings.connect.jump_hosts)
        speak_of(hop, tells, verbose, banners);
    speak_of(settings.connect, tells, verbose, banners);
    if (level != "SILENT")
        settings.connect.on_failure = [](const connect_failure& f) { complain(f.text); };
    asio::io_context context(1);
    work_done done;
    asio::co_spawn(context, run(std::move(settings), verbose, std::move(work)),
                   [&](std::exception_ptr thrown, work_done d) {
                       if (thrown) std::rethrow_exception(thrown);
                       done = d;
                   });
    context.run();
    return done;
}

}  // namespace sluice
