#include "sluice/tools/sluice_ssh.hpp"

#include "sluice/io/file_descriptor.hpp"
#include "sluice/tools/sluice_background.hpp"
#include "sluice/tools/sluice_config.hpp"
#include "sluice/tools/sluice_connection.hpp"
#include "sluice/tools/sluice_forward.hpp"
#include "sluice/tools/sluice_run.hpp"
#include "sluice/tools/sluice_ssh_options.hpp"
#include "sluice/tools/sluice_terminal.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/this_coro.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <functional>
#include <utility>

namespace asio = boost::asio;

namespace sluice {
namespace {

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);

// What is to be done, once it is understood.
struct plan {
    run_arguments run;
    bool session = true;  // false: only forwards
    std::optional<stdio_forward> stdio;
    std::vector<forward> forwards;
    bool forwards_must_work = false;
    bool background = false;
};

int fail(std::string_view text) {
    complain(text);
    return exit_no_session;
}

bool is_quiet(const ssh_config& c) {
    return *c.log_level == "SILENT" || *c.log_level == "FATAL" || *c.log_level == "ERROR";
}

// Before the rest of what is written to standard error, but for the command's.
std::string open_log(const std::string& path, int& errors) {
    file_descriptor log(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    errors = ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    if (!log || errors < 0 || ::dup2(log.get(), STDERR_FILENO) < 0)
        return path + ": " + last_system_error().message();
    return {};
}

// Whether the session is to have a terminal, as ssh(1) decides it. We have none to give.
void tell_of_terminal(const ssh_config& c, const plan& p) {
    if (!p.session) return;
    const bool shell = p.run.kind == session_kind::shell;
    const std::string& said = *c.request_tty;
    const bool wanted = said == "force" || said == "true" || (said == "auto" && shell);
    if (!wanted || is_quiet(c)) return;
    const bool here = ::isatty(STDIN_FILENO) == 1 && !p.run.no_input;
    if (here || said == "force")
        complain("no terminal is given to sessions: what runs there has pipes");
    else
        complain("Pseudo-terminal will not be allocated because stdin is not a terminal.");
}

// What is wanted beside the session: forwards, and what of it is not served.
std::string add_forwards(plan& p, const ssh_config& c) {
    std::vector<std::string> faults;
    if (!c.remote_forward.empty()) faults.emplace_back("remote forwards (-R) are not served");
    if (!c.dynamic_forward.empty()) faults.emplace_back("SOCKS (-D) is not served");
    p.forwards = local_forwards_of(c, faults);
    if (p.forwards_must_work && !faults.empty()) return faults.front();
    if (*c.forward_x11) faults.emplace_back("X11 (-X, -Y) is not served");
    if (*c.tunnel != "false") faults.emplace_back("tunnels (-w) are not served");
    for (const std::string& one : faults)
        if (!is_quiet(c)) complain(one);
    return {};
}

// The error is a text for people. `p` has the command and what else was asked for.
boost::system::result<plan, std::string> completed(plan p, const client_settings& settings) {
    const ssh_config& c = settings.config;
    const bool commanded = !p.run.command.empty();
    p.run.tells_end = !is_quiet(c);
    p.run.no_input = p.run.no_input || *c.stdin_null || *c.fork_after_authentication;
    p.background = *c.fork_after_authentication;
    p.forwards_must_work = *c.exit_on_forward_failure;
    if (c.remote_command) {
        if (commanded) return std::string("a command and RemoteCommand: one is too many");
        p.run.command = *c.remote_command;
    }
    p.session = *c.session_type != "none" && !p.stdio;
    if (*c.session_type == "subsystem") {
        p.run.kind = session_kind::subsystem;
        if (p.run.command.empty()) return std::string("-s: the name of a subsystem is missing");
    } else if (p.run.command.empty()) {
        p.run.kind = session_kind::shell;
    }
    if (!p.session && commanded) return std::string("a command where no session is opened");
    if (p.background && p.session && p.run.kind == session_kind::shell)
        return std::string("-f: there is nothing to run in the background");
    if (*c.clear_all_forwardings) return p;
    if (std::string wrong = add_forwards(p, c); !wrong.empty()) return wrong;
    return p;
}

// From here on nobody waits for what we write, but what the command does.
void leave_foreground(const plan& p, const std::function<void()>& leave) {
    leave();
    const file_descriptor nowhere(::open("/dev/null", O_RDWR | O_CLOEXEC));
    if (!nowhere) return;
    ::dup2(nowhere.get(), STDIN_FILENO);
    if (p.session) return;
    ::dup2(nowhere.get(), STDOUT_FILENO);
    ::dup2(nowhere.get(), STDERR_FILENO);
}

asio::awaitable<int> serve(connection& c, const client_settings& settings, plan p,
                           std::function<void()> leave) {
    const auto executor = co_await asio::this_coro::executor;
    local_forwards listening;
    for (const forward& one : p.forwards)
        if (!listening.add(c, executor, one, false) && p.forwards_must_work)
            co_return exit_no_session;
    if (p.stdio) {
        auto [e, channel] = co_await c.open_direct_tcpip(p.stdio->host, p.stdio->port, as_result);
        if (e) co_return fail("stdio forwarding failed: " + e.message());
        co_return co_await run_streams(std::move(channel));
    }
    if (p.session) {
        p.run.on_start = leave;
        co_return co_await run_session(c, settings, p.run);
    }
    if (leave) leave();
    static_cast<void>(co_await c.closed(as_result));
    if (p.run.tells_end) complain("the connection has ended");
    co_return exit_no_session;
}

int connect_and_serve(client_settings settings, plan p, const std::function<void()>& leave) {
    const client_settings kept = settings;
    std::function<void()> left;
    if (leave) left = [&p, leave] { leave_foreground(p, leave); };
    // -E is for the log: what the server tells people stays where they look for it.
    return with_connection(
               std::move(settings), p.run.verbose,
               [&](connection& c) { return serve(c, kept, p, left); }, p.run.errors)
        .status;
}

int follow(plan asked_for, client_settings settings) {
    auto p = completed(std::move(asked_for), settings);
    if (!p) return fail(p.error());
    tell_of_terminal(settings.config, *p);
    if (!p->background) return connect_and_serve(std::move(settings), std::move(*p), {});
    return in_background([&](const std::function<void()>& leave) {
        return connect_and_serve(std::move(settings), std::move(*p), leave);
    });
}

int tell_version() {
    // Programs look for a release of OpenSSH, to know which options there are.
    std::fputs("sluice_0.1.0 (options as OpenSSH_9.2)\n", stderr);
    return 0;
}

int tell_names(const std::string& what) {
    const auto names = ssh_query(what);
    if (!names) return fail("-Q: no list '" + what + "'; -Q help has their names");
    for (const std::string& name : *names)
        std::printf("%s\n", name.c_str());
    return 0;
}

}  // namespace

int run_ssh(std::span<const std::string> words) {
    const auto a = ssh_arguments_of(words);
    if (!a) {
        complain(a.error());
        std::fputs(std::string(ssh_usage()).c_str(), stderr);
        return exit_no_session;
    }
    if (a->version) return tell_version();
    if (a->query) return tell_names(*a->query);
    const auto system = ssh_config_system::here(true);
    if (a->print_settings) return print_config(a->client, system);

    int errors = STDERR_FILENO;
    if (!a->log_file.empty())
        if (const std::string wrong = open_log(a->log_file, errors); !wrong.empty())
            return fail(wrong);
    auto settings = understand(a->client, system);
    if (!settings) return fail(settings.error());
    settings->config.notes.insert(settings->config.notes.end(), a->notes.begin(), a->notes.end());
    plan p;
    p.stdio = a->stdio;
    p.run.command = a->client.command;
    p.run.errors = errors;
    ask_where_permitted(*settings);
    return follow(std::move(p), std::move(*settings));
}

int run_command(client_settings settings, run_arguments arguments) {
    if (arguments.command.empty() && !settings.config.remote_command) return fail("no command");
    plan p;
    p.run = std::move(arguments);
    return follow(std::move(p), std::move(settings));
}

}  // namespace sluice
