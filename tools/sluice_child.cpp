#include "sluice/tools/sluice_child.hpp"

#include "sluice/io/file_descriptor.hpp"
#include "sluice/io/readiness.hpp"
#include "sluice/io/spawn_command.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <string_view>
#include <utility>

namespace asio = boost::asio;

namespace sluice {
namespace {

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);
constexpr auto look_interval = std::chrono::milliseconds(100);

}  // namespace

result<started_child> started_child::start(asio::any_io_executor executor,
                                           std::vector<std::string> words,
                                           std::vector<std::string> variables) {
    std::vector<char*> arguments;
    for (auto& word : words)
        arguments.push_back(word.data());
    arguments.push_back(nullptr);
    std::vector<char*> environment;
    for (auto& variable : variables)
        environment.push_back(variable.data());
    for (char** one = environ; *one != nullptr; ++one) {
        const std::string_view text(*one);
        const std::string_view name = text.substr(0, text.find('=') + 1);
        const auto same = [&](const std::string& v) { return v.starts_with(name); };
        if (std::none_of(variables.begin(), variables.end(), same)) environment.push_back(*one);
    }
    environment.push_back(nullptr);
    posix_spawnattr_t attributes;
    ::posix_spawnattr_init(&attributes);
    sigset_t all;
    ::sigemptyset(&all);
    ::posix_spawnattr_setsigmask(&attributes, &all);
    ::sigaddset(&all, SIGINT);
    ::sigaddset(&all, SIGPIPE);
    ::posix_spawnattr_setsigdefault(&attributes, &all);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    pid_t pid = 0;
    const int failed = ::posix_spawnp(&pid, arguments.front(), nullptr, &attributes,
                                      arguments.data(), environment.data());
    ::posix_spawnattr_destroy(&attributes);
    if (failed != 0) return error_code(failed, boost::system::system_category());
    // A descriptor that there is none of, or that cannot be waited for, shows again at the wait.
    asio::posix::stream_descriptor watch(std::move(executor));
    if (auto opened = open_process_descriptor(pid)) {
        error_code e;
        watch.assign(opened->get(), e);
        if (!e) opened->release();
    }
    return started_child(std::move(watch), pid);
}

started_child::started_child(asio::posix::stream_descriptor watch, pid_t pid)
    : watch_(std::move(watch)), pid_(pid) {}

started_child::started_child(started_child&& other) noexcept
    : watch_(std::move(other.watch_)), pid_(std::exchange(other.pid_, 0)), status_(other.status_) {}

started_child::~started_child() { send(SIGTERM); }

void started_child::send(int number) const {
    if (pid_ != 0 && !status_) ::kill(pid_, number);
}

asio::awaitable<int> started_child::ended() {
    while (!(status_ = wait_status(pid_))) {
        const auto [e] = co_await async_wait_readable(watch_, as_result);
        if (e == asio::error::operation_aborted) co_return 128 + SIGTERM;
        if (!e) continue;
        asio::steady_timer again(watch_.get_executor(), look_interval);
        const auto [cancelled] = co_await again.async_wait(as_result);
        if (cancelled) co_return 128 + SIGTERM;
    }
    co_return WIFEXITED(*status_) ? WEXITSTATUS(*status_) : 128 + WTERMSIG(*status_);
}

}  // namespace sluice
