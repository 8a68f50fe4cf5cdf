#pragma once

#include "sluice/wire/error.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace sluice {

/// A program that the agent has started. Dropped before it has ended it gets SIGTERM.
class started_child {
public:
    /// `words` are the program, looked up in $PATH, and its arguments; `variables` (NAME=value) win
    /// over those of the environment. Signals are as a shell sets them. Errors: those of the
    /// system.
    static result<started_child> start(boost::asio::any_io_executor executor,
                                       std::vector<std::string> words,
                                       std::vector<std::string> variables);

    started_child(started_child&& other) noexcept;
    started_child& operator=(started_child&&) = delete;
    ~started_child();

    /// Sends a signal, unless it is known to have ended.
    void send(int number) const;

    /// Its exit status as a shell has it; that of SIGTERM when this is cancelled. Awaited once; the
    /// object outlives that.
    boost::asio::awaitable<int> ended();

private:
    started_child(boost::asio::posix::stream_descriptor watch, pid_t pid);

    boost::asio::posix::stream_descriptor watch_;  // readable when it has ended
    pid_t pid_;                                    // 0: it is another object's
    std::optional<int> status_;                    // as of waitpid(2), once it has ended
};

}  // namespace sluice
