#pragma once

#include "sluice/io/file_descriptor.hpp"
#include "sluice/io/log.hpp"
#include "sluice/wire/error.hpp"

#include <chrono>
#include <string>
#include <string_view>
#include <utility>

namespace sluice {

/// What stands before a line for a daemon of syslog, as syslog(3) writes it (RFC 3164 §4.1, without
/// a host): "<38>Jan  2 03:04:05 sluiced[678]: ". The time is local.
std::string syslog_header(int facility, log_severity level,
                          std::chrono::system_clock::time_point when, int process);

/// Datagrams to the local daemon of syslog. One that is gone is looked for again with each line,
/// and lines that nobody takes are lost.
class syslog_socket {
public:
    explicit syslog_socket(std::string path = "/dev/log") : path_(std::move(path)) {}

    /// Errors: those of the system.
    error_code connect();

    /// Waits while the daemon is there and takes nothing: for a thread that may.
    void send(std::string_view line);

private:
    const std::string path_;
    file_descriptor socket_;
};

}  // namespace sluice
