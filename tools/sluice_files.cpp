#include "sluice/tools/sluice_files.hpp"

#include <boost/asio/as_tuple.hpp>

#include <unistd.h>

#include <cstdio>

namespace asio = boost::asio;

namespace sluice {
namespace {

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::milliseconds redraw_after{200};
constexpr std::size_t figures_columns = 40;  // "1023.9 MiB of 1023.9 GiB, 1023.9 MiB/s"
constexpr std::size_t name_columns_min = 16;

std::string amount(double bytes) {
    constexpr const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    std::size_t unit = 0;
    for (; bytes >= 1024 && unit + 1 < std::size(units); ++unit)
        bytes /= 1024;
    char text[32];
    std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
    return text;
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

int failed(const std::string& what, error_code e) {
    complain(what + ": " + e.message());
    return exit_failed;
}

int left_out(const std::string& directory, std::size_t names) {
    complain(directory + ": names left out that are empty, too long or have a slash in them: " +
             std::to_string(names));
    return exit_failed;
}

// --- progress -----------------------------------------------------------------------------------

progress_line::progress_line(const file_arguments& arguments)
    : shown_(!arguments.quiet && ::isatty(STDERR_FILENO) == 1),
      preserve_(arguments.preserve || arguments.preserve_special),
      preserve_special_(arguments.preserve_special) {}

transfer_options progress_line::options(std::string name) {
    // In one line with the figures: what is wrapped could not be drawn anew.
    const std::size_t columns = terminal_columns(STDERR_FILENO);
    name_ = shortened(printable(name), columns > figures_columns + name_columns_min
                                           ? columns - figures_columns
                                           : name_columns_min);
    began_ = drawn_ = std::chrono::steady_clock::now();
    latest_ = {};
    transfer_options o;
    o.preserve = preserve_;
    o.preserve_special = preserve_special_;
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
    const auto session = [&work](connection& c) -> asio::awaitable<int> {
        auto [refused, sftp] = co_await c.open_sftp(as_result);
        if (!refused) co_return co_await work(sftp);
        complain("cannot open an SFTP session: " + refused.message());
        co_return exit_no_session;
    };
    const work_done done = with_connection(std::move(settings), verbose, session);
    const bool broken = done.outcome != close_outcome::drained;
    return broken && done.status != 0 ? exit_no_session : done.status;
}

}  // namespace sluice
