#include "sluice/io/spawn_command.hpp"

#include "sluice/io/spawn_settings.hpp"
#include "sluice/io/system_accounts.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>

namespace sluice {
namespace {

// What a login shell would set, and what the session asked for; nothing of the server's own.
std::vector<std::string> environment_of(const process_options& options) {
    std::vector<std::string> variables;
    // Each once: who reads them may take the first or the last.
    const auto add = [&](std::string_view name, std::string_view value) {
        const std::string begin = std::string(name) + "=";
        std::erase_if(variables, [&](const std::string& v) { return v.starts_with(begin); });
        variables.push_back(begin + std::string(value));
    };
    add("PATH", "/usr/local/bin:/usr/bin:/bin");
    if (const auto own = account_numbered(::getuid()); own && *own) {
        add("HOME", (*own)->home);
        add("USER", (*own)->name);
        add("LOGNAME", (*own)->name);
        add("SHELL", (*own)->shell);
    }
    for (const auto& [name, value] : options.environment)
        if (name.find('\0') == std::string::npos && value.find('\0') == std::string::npos)
            add(name, value);
    return variables;
}

// Children that were let go before they had ended: somebody has to wait for them, or they stay as
// zombies. Whoever starts the next one does.
class let_go {
public:
    void add(pid_t pid) {
        const std::lock_guard lock(mutex_);
        pids_.push_back(pid);
    }
    void wait_for_ended() {
        const std::lock_guard lock(mutex_);
        std::erase_if(pids_, [](pid_t pid) { return wait_status(pid).has_value(); });
    }

private:
    std::mutex mutex_;
    std::vector<pid_t> pids_;
};

// A child of this process.
class own_child final : public started_command {
public:
    own_child(pid_t pid, file_descriptor watch, std::shared_ptr<let_go> others)
        : pid_(pid), watch_(std::move(watch)), let_go_(std::move(others)) {}
    own_child(const own_child&) = delete;
    own_child& operator=(const own_child&) = delete;
    ~own_child() override {
        if (status()) return;
        signal(SIGHUP);
        let_go_->add(pid_);
    }

    int watch() const override { return watch_.get(); }
    std::optional<int> status() override {
        if (!ended_) ended_ = wait_status(pid_);
        return ended_;
    }
    void signal(int number) override {
        if (!ended_) ::kill(-pid_, number);
    }

private:
    const pid_t pid_;
    file_descriptor watch_;
    std::shared_ptr<let_go> let_go_;
    std::optional<int> ended_;
};

class own_launcher final : public command_launcher {
public:
    result<std::unique_ptr<started_command>> start(const process_options& options,
                                                   command_pipes pipes) override {
        let_go_->wait_for_ended();
        const auto pid = spawn_command(options, pipes);
        if (!pid) return pid.error();
        auto watch = open_process_descriptor(*pid);
        if (!watch) {
            ::kill(-*pid, SIGKILL);
            ::waitpid(*pid, nullptr, 0);
            return watch.error();
        }
        return std::make_unique<own_child>(*pid, std::move(*watch), let_go_);
    }

private:
    std::shared_ptr<let_go> let_go_ = std::make_shared<let_go>();
};

}  // namespace

result<pid_t> spawn_command(const process_options& options, const command_pipes& pipes) {
    const file_descriptor input = above_standard_streams(pipes.input.get());
    const file_descriptor output = above_standard_streams(pipes.output.get());
    const file_descriptor error = above_standard_streams(pipes.error.get());
    if (!input || !output || !error) return last_system_error();

    spawn_settings settings(POSIX_SPAWN_SETSID);  // a session of its own
    settings.redirect(input.get(), STDIN_FILENO);
    settings.redirect(output.get(), STDOUT_FILENO);
    settings.redirect(error.get(), STDERR_FILENO);
    settings.close_others();
    if (!options.directory.empty()) settings.directory(options.directory);

    std::string shell = "/bin/sh";
    std::string flag = "-c";
    std::string end_of_options = "--";  // whatever the command begins with
    std::string command = options.command;
    char* arguments[] = {shell.data(), flag.data(), end_of_options.data(), command.data(), nullptr};
    std::vector<std::string> variables = environment_of(options);
    std::vector<char*> environment;
    for (auto& v : variables)
        environment.push_back(v.data());
    environment.push_back(nullptr);

    pid_t pid = 0;
    const int failed = ::posix_spawn(&pid, shell.c_str(), &settings.actions, &settings.attributes,
                                     arguments, environment.data());
    if (failed != 0) return error_code(failed, boost::system::system_category());
    return pid;
}

result<file_descriptor> open_process_descriptor(pid_t pid) {
    // glibc's own declaration, where it has one, cannot be used from C++ (2.36).
    file_descriptor watch(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    // It has ended, and nobody need wait for it where SIGCHLD is ignored.
    if (!watch && errno == ESRCH) watch = file_descriptor(::eventfd(1, EFD_CLOEXEC));
    if (!watch) return last_system_error();
    return watch;
}

std::optional<int> wait_status(pid_t pid) {
    for (;;) {
        int status = 0;
        const pid_t ended = ::waitpid(pid, &status, WNOHANG);
        if (ended == pid) return status;
        if (ended == 0) return std::nullopt;
        if (errno != EINTR) return SIGKILL;
    }
}

std::shared_ptr<command_launcher> make_own_launcher() { return std::make_shared<own_launcher>(); }

}  // namespace sluice
