#pragma once

#include "sluice/io/log.hpp"
#include "sluice/tools/sluiced_lines_out.hpp"
#include "sluice/tools/sluiced_syslog.hpp"

#include <memory>
#include <optional>

namespace sluice {

/// Prints records, one line each: as text, or as a JSON object. Whatever a peer
/// sent is escaped. Records above `most` are left out; `quiet` leaves out all.
struct sluiced_log_options {
    bool json = false;
    bool quiet = false;
    log_severity most = log_severity::info;
    std::optional<int> syslog_facility = {};  // lines begin as a daemon of syslog wants it
};

log_sink make_sluiced_log(const sluiced_log_options& options, std::shared_ptr<line_writer> out);

/// A writer for them, or for the lines on standard output: what it drops is said in the log's form.
std::shared_ptr<line_writer> make_log_writer(const sluiced_log_options& options, int descriptor);

/// The same to a daemon of syslog.
std::shared_ptr<line_writer> make_log_writer(const sluiced_log_options& options,
                                             std::shared_ptr<syslog_socket> daemon);

}  // namespace sluice
