#pragma once

#include "sluice/sftp/completion.hpp"
#include "sluice/sftp/filesystem.hpp"
#include "sluice/sftp/server.hpp"

#include <cstddef>
#include <functional>
#include <stop_token>

namespace sluice::sftp {

/// Runs a server's operations on a filesystem. Both outlive it, and it outlives every operation:
/// destroy it when `running()` is 0.
class driver final : private completion_context {
public:
    /// `on_late_completion` is called after an operation completed that had not done so before
    /// `start_ready` returned: the server may have output and further operations.
    driver(server& s, filesystem& f, std::function<void()> on_late_completion);
    driver(const driver&) = delete;
    driver& operator=(const driver&) = delete;
    ~driver();

    /// Starts every operation that may start now, with those that become ready meanwhile.
    void start_ready();

    /// Operations started and not yet completed.
    std::size_t running() const { return running_; }

    /// Asks what runs to end early where that loses nothing (see completion_context).
    void request_stop() { stop_.request_stop(); }

private:
    template <class T>
    static void completed(completion_context& context, std::uint64_t id, result<T> outcome);
    void start(operation o);

    server& server_;
    filesystem& filesystem_;
    std::function<void()> on_late_completion_;
    std::stop_source stop_;
    std::size_t running_ = 0;
    bool starting_ = false;
};

}  // namespace sluice::sftp
