#include "sluice/tools/sluiced_log.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <nlohmann/json.hpp>

#include <memory>
#include <string>

namespace sluice {
namespace {

std::string_view name_of(log_severity level) {
    switch (level) {
    case log_severity::error: return "error";
    case log_severity::info: return "info";
    case log_severity::verbose: return "verbose";
    case log_severity::debug: return "debug";
    }
    return "";
}

spdlog::level::level_enum spdlog_level(log_severity level) {
    switch (level) {
    case log_severity::error: return spdlog::level::err;
    case log_severity::info: return spdlog::level::info;
    case log_severity::verbose: return spdlog::level::debug;
    case log_severity::debug: return spdlog::level::trace;
    }
    return spdlog::level::info;
}

std::string dump(const nlohmann::ordered_json& value) {
    return value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

// event name=value name="value with blanks": quoted and escaped as JSON strings are.
std::string as_text(const log_record& record) {
    std::string line(record.event);
    for (const auto& [name, value] : record.fields) {
        const bool plain =
            !value.empty() && value.find_first_not_of(
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqr"
                                  "stuvwxyz0123456789-_.:/+@,[]*") == std::string::npos;
        line += ' ';
        line += name;
        line += '=';
        line += plain ? value : dump(value);
    }
    return line;
}

std::string as_json(const log_record& record) {
    nlohmann::ordered_json line;
    line["level"] = name_of(record.level);
    line["event"] = record.event;
    for (const auto& [name, value] : record.fields)
        line[std::string(name)] = value;
    return dump(line);
}

}  // namespace

log_sink make_sluiced_log(const sluiced_log_options& options) {
    if (options.quiet) return {};
    auto logger = std::make_shared<spdlog::logger>(
        "sluiced", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    logger->set_level(spdlog_level(options.most));
    logger->set_pattern(options.json ? "%v" : "%Y-%m-%dT%H:%M:%S.%eZ %v",
                        spdlog::pattern_time_type::utc);
    return [logger, json = options.json](const log_record& record) {
        const auto level = spdlog_level(record.level);
        if (!logger->should_log(level)) return;
        const std::string line =
            json ? as_json(record) : std::string(name_of(record.level)) + " " + as_text(record);
        logger->log(level, "{}", line);
    };
}

}  // namespace sluice
