#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice {

enum class log_severity { error, info, verbose, debug };

/// One structured line: what happened and its particulars, by name. Values may hold a peer's text:
/// whoever prints them escapes. Secrets never get here.
struct log_record {
    log_severity level = log_severity::info;
    std::string_view event;  // "connection", "login", "login_failed", "closed", …
    std::vector<std::pair<std::string_view, std::string>> fields;
};

/// Called from any thread of a server; may be empty. A peer decides how many records there are:
/// where they are kept, put limited_log (io/log_limits.hpp) in front.
using log_sink = std::function<void(const log_record&)>;

}  // namespace sluice
