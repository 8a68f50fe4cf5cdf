// sluiced: the reference server. Arguments, threads and signals; all else is in the library.

#include "sluice/io/command_helper.hpp"
#include "sluice/io/descriptor_stream.hpp"
#include "sluice/tools/sluiced_arguments.hpp"
#include "sluice/tools/sluiced_log.hpp"
#include "sluice/tools/sluiced_process.hpp"
#include "sluice/tools/sluiced_restrict.hpp"
#include "sluice/tools/sluiced_seccomp.hpp"
#include "sluice/tools/sluiced_settings.hpp"
#include "sluice/tools/sluiced_setup.hpp"
#include "sluice/tools/sluiced_systemd.hpp"
#include "sluice/wire/limits.hpp"

#include <CLI/CLI.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <barrier>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace asio = boost::asio;

namespace sluice {
namespace {

constexpr int exit_drained = 0;  // every connection came to its end in its own time
constexpr int exit_cut = 1;      // some were cut
constexpr int exit_usage = 2;    // arguments or settings are wrong
constexpr int exit_wrong = 1;    // of -t and -T, as of sshd
constexpr auto cut_time = std::chrono::milliseconds(120);

int fail(const std::string& text, int status = exit_usage) {
    std::fprintf(stderr, "sluiced: %s\n", text.c_str());
    return status;
}

sluiced_log_options log_options(const sluiced_config& config) {
    sluiced_log_options options;
    options.json = config.format == log_format::json;
    switch (config.level) {
    case log_level::quiet: options.quiet = true; break;
    case log_level::fatal:
    case log_level::error: options.most = log_severity::error; break;
    case log_level::info: options.most = log_severity::info; break;
    case log_level::verbose: options.most = log_severity::verbose; break;
    case log_level::debug1:
    case log_level::debug2:
    case log_level::debug3: options.most = log_severity::debug; break;
    }
    return options;
}

// As many connections as the system lets us have. A helper for commands has been forked before, so
// these get the limit that we were given. How many descriptors there may be, if known.
std::size_t raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
    const rlim_t before = std::exchange(limit.rlim_cur, limit.rlim_max);
    return ::setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : before;
}

// What sessions have open takes half of the descriptors, connections the other, but for the
// server's own: sockets to listen on, policy files, the log.
void share_descriptors(std::size_t descriptors, server_options& options) {
    if (descriptors == 0) return;
    const auto most = descriptor_budget::caps_within(descriptors);
    options.descriptors = descriptor_budget::make(most);
    const std::size_t own = std::min<std::size_t>(descriptors / 8, 256);
    options.connections_max = std::min(options.connections_max, descriptors - most.process - own);
}

// A context a thread: what happens on one connection needs no lock.
class worker_threads {
public:
    explicit worker_threads(unsigned n) {
        for (unsigned i = 0; i < n; ++i) {
            contexts_.push_back(std::make_unique<asio::io_context>(1));
            guards_.push_back(asio::make_work_guard(*contexts_.back()));
        }
    }
    asio::io_context& first() { return *contexts_.front(); }
    asio::any_io_executor next() { return contexts_[turn_++ % contexts_.size()]->get_executor(); }
    /// `begin` is called on each thread first.
    void run(const std::function<void()>& begin) {
        std::vector<std::thread> threads;
        for (std::size_t i = 1; i < contexts_.size(); ++i)
            threads.emplace_back([begin, context = contexts_[i].get()] {
                begin();
                context->run();
            });
        begin();
        first().run();
        for (auto& t : threads)
            t.join();
    }
    void stop() {
        for (auto& context : contexts_)
            context->stop();
    }

private:
    std::vector<std::unique_ptr<asio::io_context>> contexts_;
    std::vector<asio::executor_work_guard<asio::io_context::executor_type>> guards_;
    std::size_t turn_ = 0;
};

std::string name_of(const asio::ip::tcp::endpoint& e) {
    const std::string address = e.address().to_string();
    return (e.address().is_v6() ? "[" + address + "]" : address) + ":" + std::to_string(e.port());
}

// What -T prints: for one login with -C.
int print(const sluiced_arguments& a, const sluiced_settings& settings) {
    sluiced_config config = settings.base;
    if (!a.login.empty()) {
        login_facts login;
        if (const auto wrong = read_login_facts(a.login, login); !wrong.empty())
            return fail("-C: " + wrong, exit_wrong);
        if (settings.ask_for_groups()) {
            auto groups = groups_of_user(login.user);
            if (!groups) return fail("-C: " + groups.error().message(), exit_wrong);
            login.groups = std::move(*groups);
        }
        config = settings.effective(login);
    }
    std::string text = to_text(config);
    // What the kernel makes of it is tried on this process, which ends.
    const restrictions tried = restrict_process(settings, std::nullopt);
    if (!tried.error.empty()) return fail(tried.error, exit_wrong);
    text += "# Landlock is " + to_text(tried.landlock) + ", seccomp is " + to_text(tried.seccomp) +
            "\n";
    std::fwrite(text.data(), 1, text.size(), stdout);
    return 0;
}

// -t and -T: all that starting does but listening, and becoming the user of `User`. As sshd's, -T
// prints what holds although it is not enough to start with, which it says.
int check(const sluiced_arguments& a) {
    const auto settings = read_settings(a);
    if (!settings) return fail(settings.error(), exit_wrong);
    asio::thread_pool files(1);
    asio::thread_pool logins(1);
    const auto found = find_account(settings->base.user, settings->base.group);
    if (!found.error.empty()) return fail(found.error, exit_wrong);
    auto notes = settings->notes;
    const auto tell = [&] {
        for (const auto& note : notes)
            std::fprintf(stderr, "sluiced: %s\n", note.message().c_str());
    };
    auto material = read_material(*settings, a.exec, stays_root(found.account));
    if (!material) {
        const bool goes_on = a.print && material.error().only_unfinished;
        if (goes_on) tell();
        fail(material.error().text);
        return goes_on ? print(a, *settings) : exit_wrong;
    }
    notes.insert(notes.end(), material->notes.begin(), material->notes.end());
    const auto options =
        make_server_options(*settings, std::move(*material), a.exec, files, {logins, logins});
    if (!options) return fail(options.error().text, exit_wrong);
    tell();
    return a.print ? print(a, *settings) : 0;
}

// Kept open, to be emptied in the end. A file that another has put there is not followed.
result<file_descriptor> write_pid_file(const std::string& name) {
    file_descriptor file(::open(
        name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644));
    if (!file) return last_system_error();
    const std::string text = std::to_string(::getpid()) + "\n";
    if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
        return last_system_error();
    return file;
}

// All are bound while we may still bind to their ports.
struct bound_sockets {
    std::vector<int> sockets;
    std::string error;  // empty: all is well
};

bound_sockets bind_all(const sluiced_config& config) {
    const auto endpoints = listen_endpoints(config);
    if (!endpoints) return {{}, endpoints.error().text};
    bound_sockets bound;
    for (const auto& address : *endpoints) {
        const auto socket = open_listening_socket(address);
        if (!socket) return {{}, name_of(address) + ": " + socket.error().message()};
        bound.sockets.push_back(*socket);
    }
    return bound;
}

// Runs a function once on each thread of a pool; one that fails is the end of the process.
void on_each_thread(asio::thread_pool& pool, std::size_t threads, error_code (*function)()) {
    const auto all_there = std::make_shared<std::barrier<>>(static_cast<std::ptrdiff_t>(threads));
    for (std::size_t i = 0; i < threads; ++i)
        asio::post(pool, [all_there, function] {
            if (function()) std::abort();
            all_there->arrive_and_wait();
        });
}

// Where the log goes. Nowhere where standard error is the connection, as for inetd.
result<int> open_log(const sluiced_arguments& a) {
    if (!a.log_file.empty()) {
        const int fd = ::open(a.log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (fd < 0) return last_system_error();
        return fd;
    }
    struct ::stat in {};
    struct ::stat errors {};
    if (!a.one_connection || ::fstat(STDIN_FILENO, &in) != 0 ||
        ::fstat(STDERR_FILENO, &errors) != 0 || !S_ISSOCK(in.st_mode) ||
        in.st_dev != errors.st_dev || in.st_ino != errors.st_ino)
        return STDERR_FILENO;
    const file_descriptor nowhere(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    if (!nowhere || ::dup2(nowhere.get(), STDERR_FILENO) < 0) return last_system_error();
    return STDERR_FILENO;
}

// Of a socket on standard input: `name` is getpeername(2) or getsockname(2).
std::optional<asio::ip::tcp::endpoint> end_of_input(int (*name)(int, sockaddr*, socklen_t*)) {
    asio::ip::tcp::endpoint end;
    auto size = static_cast<socklen_t>(end.capacity());
    if (name(STDIN_FILENO, end.data(), &size) != 0 ||
        (end.data()->sa_family != AF_INET && end.data()->sa_family != AF_INET6))
        return std::nullopt;
    end.resize(size);
    return end;
}

// Of the connection on standard input; as sshd calls what has none.
connection_ends ends_of_input() {
    const auto peer = end_of_input(::getpeername);
    const auto local = end_of_input(::getsockname);
    if (!peer || !local) return {.peer_address = "UNKNOWN"};
    return {peer->address().to_string(), peer->port(), local->address().to_string(), local->port()};
}

// The first line of a log.
void tell_start(const log_sink& log, const restrictions& restricted, bool runs_commands) {
    if (!log) return;
    log({log_severity::info,
         "started",
         {{"user", std::to_string(::geteuid())},
          {"landlock", to_text(restricted.landlock)},
          {"seccomp", to_text(restricted.seccomp)},
          {"commands", runs_commands ? "by a helper" : "none"}}});
    if (runs_commands)
        log({log_severity::info,
             "commands_share_user",
             {{"reason", "commands run as the server's own user: key files must not be its own"}}});
}

// A line for each setting that is taken without effect, or in part.
void tell_notes(const log_sink& log, const std::vector<setting_note>& notes) {
    if (!log) return;
    for (const auto& note : notes)
        log({log_severity::info,
             "setting_without_effect",
             {{"keyword", note.keyword},
              {"where",
               note.file + (note.line != 0 ? ":" + std::to_string(note.line) : std::string())},
              {"reason", note.text}}});
}

// SIGTERM drains, a second one cuts.
class ending {
public:
    ending(worker_threads& workers, server& s, drain_options how, log_sink log,
           std::function<void()> flush, int& status)
        : workers_(workers),
          server_(s),
          how_(how),
          log_(std::move(log)),
          flush_(std::move(flush)),
          status_(status),
          signals_(workers.first(), SIGTERM, SIGINT),
          hurry_(workers.first()) {
        signals_.async_wait([this](error_code e, int) {
            if (!e) drain();
        });
    }

private:
    void drain() {
        static_cast<void>(notify_service_manager("STOPPING=1"));
        if (log_) log_({log_severity::info, "draining", {}});
        server_.drain(how_, [this](const server_report& report) { done(report); });
        signals_.async_wait([this](error_code e, int) {
            if (!e) cut();
        });
    }

    void cut() {
        if (log_) log_({log_severity::info, "cutting", {}});
        server_.stop();
        // Whoever takes no goodbye by then, or is still at work, is not waited for.
        hurry_.expires_after(cut_time);
        hurry_.async_wait([this](error_code cancelled) {
            if (cancelled) return;
            flush_();
            std::_Exit(exit_cut);
        });
    }

    void done(const server_report& report) {
        if (report.cut != 0) status_ = exit_cut;
        if (log_)
            log_({log_severity::info,
                  "stopped",
                  {{"connections", std::to_string(report.connections)},
                   {"cut", std::to_string(report.cut)},
                   {"left", std::to_string(report.left)},
                   {"files_committed", std::to_string(report.total.files_committed)},
                   {"files_abandoned", std::to_string(report.total.files_abandoned)},
                   {"undelivered_bytes", std::to_string(report.total.bytes_undelivered)},
                   {"refused_by_source", std::to_string(report.refused_by_source)}}});
        workers_.stop();
    }

    worker_threads& workers_;
    server& server_;
    const drain_options how_;
    const log_sink log_;
    const std::function<void()> flush_;
    int& status_;
    asio::signal_set signals_;
    asio::steady_timer hurry_;
};

int serve(const sluiced_arguments& a) {
    const auto settings = read_settings(a);
    if (!settings) return fail(settings.error());
    // Before a key is read, so that it never has one in its memory.
    std::optional<command_helper> helper;
    if (a.exec || std::ranges::any_of(settings->all(), asks_a_program)) {
        auto forked = command_helper::fork();
        if (!forked) return fail("commands: " + forked.error().message());
        helper = std::move(*forked);
    }
    std::vector<int> listening_sockets = take_listen_sockets();
    std::vector<int> kept = listening_sockets;
    if (helper) kept.push_back(helper->socket());
    close_inherited(kept);
    if (const auto e = forbid_inspection()) return fail("PR_SET_DUMPABLE: " + e.message());

    const sluiced_config* const config = &settings->base;
    const auto [account, no_account] = find_account(config->user, config->group);
    if (!no_account.empty()) return fail(no_account);
    if (stays_root(account) && !a.allow_root)
        return fail(
            "started as root: give -o 'User NAME', which it becomes once keys are read and ports "
            "bound; or --allow-root, and it stays root and serves files as root");
    auto material = read_material(*settings, a.exec, stays_root(account));
    if (!material) return fail(material.error().text);
    auto notes = settings->notes;
    notes.insert(notes.end(), material->notes.begin(), material->notes.end());
    const auto log_descriptor = open_log(a);
    if (!log_descriptor) return fail(a.log_file + ": " + log_descriptor.error().message());
    std::shared_ptr<syslog_socket> syslog;
    if (a.syslog) {
        syslog = std::make_shared<syslog_socket>();
        // It may come later.
        if (const auto e = syslog->connect())
            std::fprintf(stderr, "sluiced: --syslog: /dev/log: %s\n", e.message().c_str());
    }
    if (listening_sockets.empty() && !a.one_connection) {
        auto bound = bind_all(*config);
        if (!bound.error.empty()) return fail(bound.error);
        listening_sockets = std::move(bound.sockets);
    }
    // While it may be written; what is wrong with it is no reason not to serve, as for sshd.
    std::optional<result<file_descriptor>> pid_file;
    if (!config->pid_file.empty() && !a.one_connection) pid_file = write_pid_file(config->pid_file);
    const std::size_t descriptors = raise_descriptor_limit();
    std::shared_ptr<command_launcher> launcher;
    if (helper) {
        auto ready = std::move(*helper).launcher(account);
        if (!ready) return fail("commands: " + ready.error().message());
        launcher = std::move(*ready);
    }
    const restrictions restricted = restrict_process(*settings, account);
    if (!restricted.error.empty()) return fail(restricted.error);

    // Threads from here on: they are restricted as this one is.
    asio::thread_pool files(file_threads);
    asio::thread_pool logins(std::max(2u, std::thread::hardware_concurrency()));
    asio::thread_pool pam(pam_threads(*config));
    const bool filtered = restricted.seccomp == enforced::yes;
    if (filtered) on_each_thread(files, file_threads, restrict_file_thread);
    const sluiced_log_options form = log_options(*config);
    sluiced_log_options log_form = form;
    if (syslog) log_form.syslog_facility = config->syslog_facility;
    const auto errors =
        syslog ? make_log_writer(log_form, syslog) : make_log_writer(form, *log_descriptor);
    const auto lines = make_log_writer(form, STDOUT_FILENO);
    const log_sink log = make_sluiced_log(log_form, errors);
    auto options = make_server_options(*settings, std::move(*material), a.exec, files,
                                       {logins, pam, launcher}, log);
    if (!options) return fail(options.error().text);
    options->launcher = launcher;
    share_descriptors(descriptors, *options);

    unsigned threads =
        a.threads != 0 ? a.threads : std::max(1u, std::thread::hardware_concurrency());
    if (a.one_connection) threads = 1;
    worker_threads workers(threads);
    // Nobody is waited for that reads neither.
    const auto flush = [&] {
        errors->flush(limits::log_flush_time_max);
        lines->flush(limits::log_flush_time_max);
    };
    tell_start(log, restricted, launcher != nullptr);
    tell_notes(log, notes);
    if (pid_file && !*pid_file && log)
        log({log_severity::error,
             "pid_file_failed",
             {{"file", config->pid_file}, {"reason", pid_file->error().message()}}});
    options->connection_executor = [&workers] { return workers.next(); };

    // One line a connection on standard output, whatever the log is told to leave out.
    // Not where that is the connection, whose end is ours.
    server* only_server = nullptr;
    options->on_closed = [&, lines](const connection_info& who, const close_report& report) {
        if (!a.one_connection)
            return lines->write(
                to_json(report, {{"event", "closed"}, {"peer", who.peer}, {"user", who.user}}));
        asio::post(workers.first(),
                   [&] { only_server->drain({}, [&](const server_report&) { workers.stop(); }); });
    };

    server s(workers.first().get_executor(), std::move(*options));
    only_server = &s;
    const auto listening = [&](const asio::ip::tcp::endpoint& bound) {
        const std::string name = name_of(bound);
        lines->write("listening on " + name);
        if (log) log({log_severity::info, "listening", {{"address", name}}});
    };
    for (const int socket : listening_sockets) {
        const auto bound = s.listen(socket);
        if (!bound) return fail("a socket to listen on: " + bound.error().message());
        listening(*bound);
    }
    if (a.one_connection) {
        connection_ends ends = ends_of_input();
        auto stream = take_standard_stream(workers.first().get_executor());
        if (!stream) return fail("standard input and output: " + stream.error().message());
        s.serve(std::move(*stream), std::move(ends));
        if (s.connections() == 0) return exit_cut;  // refused
    }
    if (const error_code e = notify_service_manager("READY=1"); e && log)
        log({log_severity::error, "notify_failed", {{"reason", e.message()}}});

    int status = exit_drained;
    ending end(workers, s, {config->drain_deadline, {config->drain_policy, false}}, log, flush,
               status);
    workers.run([&] {
        // What libpam may do on its own threads. Not to go on unrestricted.
        if (filtered && config->use_pam && restrict_network_thread()) std::abort();
    });
    // It cannot be removed from where it is by who we have become; that it is empty says as much.
    if (pid_file && *pid_file)
        asio::post(files, [&] {
            [[maybe_unused]] const int nobody_to_tell = ::ftruncate((*pid_file)->get(), 0);
        });
    files.join();
    logins.join();
    pam.join();
    flush();
    return status;
}

}  // namespace
}  // namespace sluice

int main(int argc, char** argv) {
    for (const auto prepare : {sluice::prepare_process, sluice::prepare_server_process})
        if (const auto e = prepare()) return sluice::fail(e.message());
    CLI::App app("Serves a directory over SFTP, and commands where they are allowed, by SSH.",
                 "sluiced");
    sluice::sluiced_arguments a;
    sluice::declare(app, a);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        return app.exit(e) == 0 ? 0 : sluice::exit_usage;
    }
    return a.test || a.print ? sluice::check(a) : sluice::serve(a);
}
