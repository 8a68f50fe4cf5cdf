#pragma once

#include "sluice/io/log.hpp"

namespace sluice {

/// Prints records to standard error, one line each: as text, or as a JSON object. Whatever a peer
/// sent is escaped. Records above `most` are left out; `quiet` leaves out all.
struct sluiced_log_options {
    bool json = false;
    bool quiet = false;
    log_severity most = log_severity::info;
};

log_sink make_sluiced_log(const sluiced_log_options& options);

}  // namespace sluice
