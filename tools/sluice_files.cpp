#include "sluice/tools/sluice_files.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>

#include <unistd.h>

#include <cstdio>

namespace asio = boost::asio;

namespace sluice {
namespace {

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::milliseconds redraw_after{200};

std::string amount(double bytes) {
    constexpr const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    std::size_t unit = 0;
    for (; bytes >= 1024 && unit + 1 < std::size(units); ++unit)
        bytes /= 1024;
    char text[32];
    std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
    return text;
}

asio::awaitable<int> run(client_settings settings, bool verbose,
                         std::function<asio::awaitable<int>(sftp_client&)> work) {
    auto [e, c] = co_await connect(co_await asio::this_coro::executor, std::move(settings.connect),
                                   as_result);
    if (e) co_return exit_no_session;  // on_failure has said why
    auto [refused, sftp] = co_await c.open_sftp(as_result);
    int status = exit_no_session;
    if (refused)
        complain("cannot open an SFTP session: " + refused.message());
    else
        status = co_await work(sftp);
    const auto [lost, report] = co_await c.close(as_result);
    if (verbose) std::fprintf(stderr, "sluice: %s\n", to_text(report).c_str());
    const bool broken = report.outcome != close_outcome::drained;
    co_return broken&& status != 0 ? exit_no_session : status;
}

}  // namespace

std::optional<remote_place> place_of(std::string_view text) {
    const auto bracket = text.find('[');
    std::size_t from = 0;
    // In front of a bracket stands a user or nothing.
    if (bracket == 0 || (bracket != text.npos && text[bracket - 1] == '@' &&
                         text.substr(0, bracket).find_first_of(":/") == text.npos)) {
        from = text.find(']', bracket);
        if (from == text.npos) return std::nullopt;
    }
    const auto colon = text.find(':', from);
    if (colon == text.npos || colon == 0 || text.substr(0, colon).find('/') != text.npos)
        return std::nullopt;
    std::string host(text.substr(0, colon));
    if (from != 0) {
        if (colon != from + 1) return std::nullopt;
        host.erase(from, 1);
        host.erase(bracket, 1);
    }
    return remote_place{std::move(host), std::string(text.substr(colon + 1))};
}

std::string last_name(std::string_view path) {
    while (path.ends_with('/'))
        path.remove_suffix(1);
    const auto slash = path.rfind('/');
    const auto name = slash == path.npos ? path : path.substr(slash + 1);
    return name == "." || name == ".." ? std::string() : std::string(name);
}

std::string joined(std::string_view folder, std::string_view name) {
    std::string path(folder);
    if (!path.empty() && path.back() != '/') path += '/';
    return path.append(name);
}

void complain(std::string_view text) {
    std::fprintf(stderr, "sluice: %s\n", printable(text).c_str());
}

// --- progress -----------------------------------------------------------------------------------

progress_line::progress_line(const file_arguments& arguments)
    : shown_(!arguments.quiet && ::isatty(STDERR_FILENO) == 1), preserve_(arguments.preserve) {}

transfer_options progress_line::options(std::string name) {
    name_ = printable(name);
    began_ = drawn_ = std::chrono::steady_clock::now();
    latest_ = {};
    transfer_options o;
    o.preserve = preserve_;
    if (shown_) o.on_progress = [this](const transfer_progress& p) { show(p, false); };
    return o;
}

void progress_line::show(const transfer_progress& p, bool last) {
    latest_ = p;
    const auto now = std::chrono::steady_clock::now();
    if (!last && now - drawn_ < redraw_after) return;
    drawn_ = now;
    const double seconds = std::chrono::duration<double>(now - began_).count();
    std::string line = amount(static_cast<double>(p.bytes));
    if (p.total) line += " of " + amount(static_cast<double>(*p.total));
    if (seconds > 0) line += ", " + amount(static_cast<double>(p.bytes) / seconds) + "/s";
    std::fprintf(stderr, "\r\x1b[K%s: %s%s", name_.c_str(), line.c_str(), last ? "\n" : "");
}

void progress_line::end() {
    if (shown_) show(latest_, true);
}

// --- the session --------------------------------------------------------------------------------

int with_files(client_settings settings, bool verbose,
               std::function<asio::awaitable<int>(sftp_client&)> work) {
    settings.connect.on_failure = [](const connect_failure& f) { complain(f.text); };
    settings.connect.on_banner = [](std::string_view text) {
        std::fputs(printable(text).c_str(), stderr);
    };
    settings.connect.log = [verbose](const log_record& r) {
        if (!verbose && r.level > log_severity::info) return;
        std::string line(r.event);
        for (const auto& [name, value] : r.fields)
            line += ' ' + std::string(name) + '=' + value;
        complain(line);
    };
    asio::io_context context(1);
    int status = exit_no_session;
    asio::co_spawn(context, run(std::move(settings), verbose, std::move(work)),
                   [&](std::exception_ptr thrown, int s) {
                       if (thrown) std::rethrow_exception(thrown);
                       status = s;
                   });
    context.run();
    return status;
}

}  // namespace sluice
