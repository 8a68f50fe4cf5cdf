#include "sluice/tools/sluice_files.hpp"

#include "sluice/wire/limits.hpp"

#include <boost/asio/as_tuple.hpp>

#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

namespace asio = boost::asio;

namespace sluice {
namespace {

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);

// As sftp(1), to whatever it is written: a name with a newline in it is no two entries.
void show(const std::string& line) { std::puts(printable(line).c_str()); }

// Entries by their names, until they are too many to be kept; from there on as they come.
class listing {
public:
    listing(std::string path, bool details) : path_(std::move(path)), details_(details) {}

    void add(directory_entry& entry) {
        const bool line = details_ && !entry.longname.empty();
        if (!sorted_) return show(line ? entry.longname : entry.name);
        kept_bytes_ += entry.name.size() + (line ? entry.longname.size() : 0);
        kept_.push_back({std::move(entry.name), line ? std::move(entry.longname) : std::string()});
        if (kept_.size() <= limits::listing_sorted_max &&
            kept_bytes_ <= limits::listing_sorted_bytes_max)
            return;
        complain(path_ + ": too many entries to sort them: more than " +
                 std::to_string(kept_.size() - 1));
        sorted_ = false;
        show_kept();
    }

    void end() {
        std::ranges::sort(kept_, {}, &kept::name);
        show_kept();
    }

private:
    struct kept {
        std::string name;
        std::string line;  // empty: the name
    };

    void show_kept() {
        for (const kept& one : std::exchange(kept_, {}))
            show(one.line.empty() ? one.name : one.line);
    }

    std::string path_;
    bool details_;
    bool sorted_ = true;
    std::vector<kept> kept_;
    std::size_t kept_bytes_ = 0;
};

// Whether what was shown has arrived.
int shown(int status) {
    if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return status;
    return failed_here("write", "standard output", make_error_code(boost::system::errc::io_error));
}

asio::awaitable<int> list(sftp_client& sftp, std::string path, bool details) {
    const auto [e, found] = co_await sftp.stat(path, as_result);
    const bool file = !e && found.permissions && !sftp::is_directory(found);
    if (file) {
        show(path);
        co_return shown(0);
    }
    auto [unopened, directory] = co_await sftp.open_directory(path, as_result);
    if (unopened) co_return failed_there("open", path, unopened, sftp.error_text());
    listing entries(path, details);
    int status = 0;
    for (;;) {
        auto [ended, batch] = co_await directory.next(as_result);
        if (ended) {
            entries.end();
            if (ended != asio::error::eof)
                status = failed_there("read", path, ended, sftp.error_text());
            co_return shown(status);
        }
        if (batch.names_left_out != 0) status = left_out(path, batch.names_left_out);
        for (directory_entry& entry : batch.entries)
            entries.add(entry);
        if (std::ferror(stdout) != 0) co_return shown(status);
    }
}

}  // namespace

int list_files(client_settings settings, const file_arguments& arguments) {
    const std::string path = start_or_place_of(arguments.from)->path;
    return with_files(std::move(settings), arguments.verbose, [&](sftp_client& sftp) {
        return list(sftp, path.empty() ? "." : path, arguments.details);
    });
}

}  // namespace sluice
