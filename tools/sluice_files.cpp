#include "sluice/tools/sluice_files.hpp"

#include "sluice/wire/limits.hpp"

#include <boost/asio/as_tuple.hpp>

#include <fcntl.h>
#include <sys/stat.h>
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

std::optional<remote_place> start_or_place_of(std::string_view text) {
    auto place = place_of(text);
    if (place || text.empty() || text.find('/') != text.npos) return place;
    return place_of(std::string(text) + ':');
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

std::string added_words(const error_code& e, std::string_view text) {
    const auto plain = [](std::string_view words) {
        std::string out;
        for (const char c : words)
            if (c != '.' && c != ' ') out += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
        return out;
    };
    const std::string said = plain(text);
    if (said.empty() || plain(e.message()).find(said) != std::string::npos) return {};
    return " (" + std::string(text) + ")";
}

int failed_here(std::string_view operation, const std::string& path, error_code e) {
    complain("cannot " + std::string(operation) + ' ' + path + " here: " + e.message());
    return exit_failed;
}

int failed_there(std::string_view operation, const std::string& path, error_code e,
                 std::string_view text) {
    complain("cannot " + std::string(operation) + ' ' + path + " on the server: " + e.message() +
             added_words(e, text));
    return exit_failed;
}

int failed(const transfer_result& came, const std::string& path, error_code e) {
    if (came.fault && came.fault->where == transfer_fault::side::here)
        return failed_here(came.fault->operation, came.fault->path, e);
    if (came.fault)
        return failed_there(came.fault->operation, came.fault->path, e, came.fault->text);
    complain(path + ": " + e.message());
    return exit_failed;
}

int not_followed(const std::string& path) {
    complain(path + ": left out, as it is a link to a directory; --follow goes into it");
    return exit_failed;
}

int leads_back(const std::string& path) {
    complain(path + ": left out, as it leads back to a directory that it is in");
    return exit_failed;
}

int too_deep(const std::string& path) {
    complain(path + ": more than " + std::to_string(limits::copied_depth_max) +
             " directories in each other");
    return exit_failed;
}

void say_times_clamped(const std::string& path) {
    complain(path + ": SFTP has no times before 1970 or after 2106; the nearest was set");
}

bool is_stream(const std::string& local) {
    struct stat status {};
    if (local == "-") return true;
    return ::stat(local.c_str(), &status) == 0 && !S_ISREG(status.st_mode) &&
           !S_ISDIR(status.st_mode);
}

result<file_descriptor> open_stream(const std::string& local, bool for_writing) {
    const int standard = for_writing ? STDOUT_FILENO : STDIN_FILENO;
    file_descriptor fd(local == "-" ? ::fcntl(standard, F_DUPFD_CLOEXEC, 3)
                                    : ::open(local.c_str(), (for_writing ? O_WRONLY : O_RDONLY) |
                                                                O_CLOEXEC | O_NOCTTY));
    if (!fd) return last_system_error();
    return fd;
}

std::uint32_t kept_mode(const file_arguments& arguments, std::uint32_t mode,
                        std::optional<std::uint32_t> owner) {
    const bool special = arguments.preserve_special && owner == ::geteuid();
    return mode & (special ? 07777u : 0777u);
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
        const bool text = refused == errc::bad_identification;
        complain("cannot open an SFTP session: " +
                 (text ? "what the server sends is not SFTP" : refused.message()));
        if (text)
            complain(
                "does a startup file there (.bashrc and its like) print something? It must not "
                "where there is no terminal");
        co_return exit_no_session;
    };
    const work_done done = with_connection(std::move(settings), verbose, session);
    const bool broken = done.outcome != close_outcome::drained;
    return broken && done.status != 0 ? exit_no_session : done.status;
}

}  // namespace sluice
