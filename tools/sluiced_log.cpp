#include "sluice/tools/sluiced_log.hpp"

#include "sluice/io/log_limits.hpp"
#include "sluice/wire/limits.hpp"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <nlohmann/json.hpp>

#include <unistd.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

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

// Without the time, but for syslog.
std::string line_of(const sluiced_log_options& options, const log_record& record) {
    std::string line;
    if (options.syslog_facility)
        line = syslog_header(*options.syslog_facility, record.level,
                             std::chrono::system_clock::now(), ::getpid());
    if (options.json) return line + as_json(record);
    return line + std::string(name_of(record.level)) + " " + as_text(record);
}

line_writer::told_of_dropped line_of_dropped(const sluiced_log_options& options) {
    return [options](std::uint64_t count) {
        return line_of(options,
                       {log_severity::error, "lines_dropped", {{"count", std::to_string(count)}}});
    };
}

// Lines go to a writer that nobody waits for.
class writer_sink final : public spdlog::sinks::base_sink<std::mutex> {
public:
    explicit writer_sink(std::shared_ptr<line_writer> out) : out_(std::move(out)) {}

private:
    void sink_it_(const spdlog::details::log_msg& message) override {
        spdlog::memory_buf_t text;
        formatter_->format(message, text);
        std::string line(text.data(), text.size());
        while (line.ends_with('\n'))
            line.pop_back();
        out_->write(std::move(line));
    }
    void flush_() override {}

    std::shared_ptr<line_writer> out_;
};

}  // namespace

std::shared_ptr<line_writer> make_log_writer(const sluiced_log_options& options, int descriptor) {
    return std::make_shared<line_writer>(descriptor, limits::log_queue_bytes_max,
                                         line_of_dropped(options));
}

std::shared_ptr<line_writer> make_log_writer(const sluiced_log_options& options,
                                             std::shared_ptr<syslog_socket> daemon) {
    const auto put = [daemon = std::move(daemon)](std::string_view line) { daemon->send(line); };
    return std::make_shared<line_writer>(put, limits::log_queue_bytes_max,
                                         line_of_dropped(options));
}

log_sink make_sluiced_log(const sluiced_log_options& options, std::shared_ptr<line_writer> out) {
    if (options.quiet) return {};
    auto logger =
        std::make_shared<spdlog::logger>("sluiced", std::make_shared<writer_sink>(std::move(out)));
    logger->set_level(spdlog_level(options.most));
    const bool has_time = options.json || options.syslog_facility;
    logger->set_pattern(has_time ? "%v" : "%Y-%m-%dT%H:%M:%S.%eZ %v",
                        spdlog::pattern_time_type::utc);
    const auto write = [logger, options](const log_record& record) {
        logger->log(spdlog_level(record.level), "{}", line_of(options, record));
    };
    return [logger, limited = limited_log(write)](const log_record& record) {
        if (logger->should_log(spdlog_level(record.level))) limited(record);
    };
}

}  // namespace sluice
