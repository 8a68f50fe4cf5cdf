#include "sluice/tools/sluice_agent.hpp"

#include "sluice/io/agent_service.hpp"
#include "sluice/io/file_descriptor.hpp"
#include "sluice/tools/sluice_child.hpp"
#include "sluice/tools/sluice_connection.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/this_coro.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>

namespace asio = boost::asio;

namespace sluice {
namespace {

constexpr int exit_failure = 1;  // as ssh-agent

int fail(std::string_view text) {
    complain(text);
    return exit_failure;
}

// TIME FORMATS of sshd_config(5): 90, 10m, 1h30m.
std::optional<std::chrono::seconds> time_of(std::string_view text) {
    std::chrono::seconds sum{0};
    while (!text.empty()) {
        std::uint32_t n = 0;
        const auto [end, e] = std::from_chars(text.data(), text.data() + text.size(), n);
        if (e != std::errc()) return std::nullopt;
        text.remove_prefix(static_cast<std::size_t>(end - text.data()));
        constexpr std::string_view units = "smhdw";
        constexpr int seconds[] = {1, 60, 3600, 86400, 604800};
        const auto unit = text.empty() ? 0 : units.find(static_cast<char>(text.front() | 0x20));
        if (unit == units.npos) return std::nullopt;
        if (!text.empty()) text.remove_prefix(1);
        sum += std::chrono::seconds(n) * seconds[unit];
    }
    return sum;
}

// A folder of our own for the socket, which goes with it.
class socket_folder {
public:
    socket_folder() = default;
    socket_folder(const socket_folder&) = delete;
    socket_folder& operator=(const socket_folder&) = delete;
    ~socket_folder() {
        if (!path_.empty()) ::rmdir(path_.c_str());
    }

    result<std::string> make() {
        const char* temporary = std::getenv("TMPDIR");
        std::string name =
            std::string(temporary == nullptr ? "/tmp" : temporary) + "/sluice-XXXXXX";
        if (::mkdtemp(name.data()) == nullptr) return last_system_error();
        path_ = name;
        return path_ + "/agent." + std::to_string(::getpid());
    }

private:
    std::string path_;
};

// --- the user ----------------------------------------------------------------------------------

// As ssh-agent: the program that $SSH_ASKPASS names says yes by its exit status.
asio::awaitable<bool> ask_user(agent_confirmation question) {
    const char* program = std::getenv("SSH_ASKPASS");
    if (program == nullptr || *program == '\0') co_return false;
    std::string text = "Allow use of key " + printable(question.comment) + "?\nKey fingerprint " +
                       question.fingerprint + ".";
    if (question.forwarded) text += "\nAnother host asks.";
    std::vector<std::string> words{program, std::move(text)};
    std::vector<std::string> variables{"SSH_ASKPASS_PROMPT=confirm"};
    auto asking = started_child::start(co_await asio::this_coro::executor, std::move(words),
                                       std::move(variables));
    if (!asking) co_return false;
    const int status = co_await asking->ended();
    co_return status == 0;
}

// --- the agent ----------------------------------------------------------------------------------

void print_variables(const std::string& path, pid_t pid, bool with_pid) {
    std::printf("SSH_AUTH_SOCK=%s; export SSH_AUTH_SOCK;\n", path.c_str());
    if (with_pid) {
        std::printf("SSH_AGENT_PID=%ld; export SSH_AGENT_PID;\n", static_cast<long>(pid));
        std::printf("echo Agent pid %ld;\n", static_cast<long>(pid));
    }
    std::fflush(stdout);
}

int serve(const agent_service_options& options, const std::vector<std::string>& command,
          const std::function<void()>& listening) {
    asio::io_context context(1);
    agent_service agent(context.get_executor(), options);
    const auto listens = agent.listen();
    if (!listens) return fail(options.socket_path + ": " + listens.error().message());
    listening();

    int status = 0;
    asio::signal_set signals(context, SIGTERM, SIGHUP);
    if (command.empty()) {
        signals.add(SIGINT);
        signals.async_wait([&](error_code e, int) {
            if (!e) agent.close();
        });
        context.run();
        return status;
    }
    auto started = started_child::start(
        context.get_executor(), command,
        {"SSH_AUTH_SOCK=" + options.socket_path, "SSH_AGENT_PID=" + std::to_string(::getpid())});
    if (!started) {
        agent.close();
        context.run();
        return fail(command.front() + ": " + started.error().message());
    }
    // The terminal's interrupt is the command's; what we are sent goes to it as well.
    std::signal(SIGINT, SIG_IGN);
    std::function<void(error_code, int)> pass_on = [&](error_code e, int number) {
        if (e) return;
        started->send(number);
        signals.async_wait(pass_on);
    };
    signals.async_wait(pass_on);
    asio::co_spawn(context, started->ended(), [&](std::exception_ptr, int ended) {
        status = ended;
        signals.cancel();
        agent.close();
    });
    context.run();
    return status;
}

// The parent prints when the child listens, so that nobody comes too early.
int serve_in_background(const agent_service_options& options) {
    int pipe[2];
    if (::pipe2(pipe, O_CLOEXEC) != 0) return fail(last_system_error().message());
    const pid_t pid = ::fork();
    if (pid < 0) return fail(last_system_error().message());
    if (pid != 0) {
        ::close(pipe[1]);
        char byte = 0;
        if (::read(pipe[0], &byte, 1) != 1) return exit_failure;  // the child has said why
        print_variables(options.socket_path, pid, true);
        std::_Exit(0);
    }
    ::close(pipe[0]);
    ::setsid();
    return serve(options, {}, [&] {
        const int nothing = ::open("/dev/null", O_RDWR);
        for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
            ::dup2(nothing, fd);
        if (nothing > STDERR_FILENO) ::close(nothing);
        static_cast<void>(!::write(pipe[1], "", 1));
        ::close(pipe[1]);
    });
}

}  // namespace

int run_agent(const agent_arguments& arguments) {
    agent_service_options options;
    options.on_confirm = ask_user;
    if (!arguments.lifetime.empty()) {
        options.lifetime = time_of(arguments.lifetime);
        if (!options.lifetime) return fail("-t " + arguments.lifetime + ": not a time");
    }
    std::signal(SIGPIPE, SIG_IGN);
    socket_folder folder;
    options.socket_path = arguments.socket_path;
    if (options.socket_path.empty()) {
        const auto path = folder.make();
        if (!path) return fail(path.error().message());
        options.socket_path = *path;
    }
    if (arguments.command.empty() && !arguments.foreground) return serve_in_background(options);
    return serve(options, arguments.command, [&] {
        if (arguments.command.empty()) print_variables(options.socket_path, ::getpid(), false);
    });
}

}  // namespace sluice
