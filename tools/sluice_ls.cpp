#include "sluice/tools/sluice_files.hpp"

#include <boost/asio/as_tuple.hpp>

#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace asio = boost::asio;

namespace sluice {
namespace {

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);

// A terminal is shown no control characters; a program gets the name as it is.
void show(const std::string& line, bool terminal) {
    std::puts(terminal ? printable(line).c_str() : line.c_str());
}

asio::awaitable<int> list(sftp_client& sftp, std::string path, bool details) {
    const bool terminal = ::isatty(STDOUT_FILENO) == 1;
    const auto [e, found] = co_await sftp.stat(path, as_result);
    const bool file = !e && found.permissions && !sftp::is_directory(found);
    if (file) {
        show(path, terminal);
        co_return 0;
    }
    auto [unlisted, entries] = co_await sftp.list(path, as_result);
    if (unlisted) co_return failed(path, unlisted);
    std::ranges::sort(entries, {}, &directory_entry::name);
    for (const auto& entry : entries)
        show(details && !entry.longname.empty() ? entry.longname : entry.name, terminal);
    co_return 0;
}

}  // namespace

int list_files(client_settings settings, const file_arguments& arguments) {
    const std::string path = place_of(arguments.from)->path;
    return with_files(std::move(settings), arguments.verbose, [&](sftp_client& sftp) {
        return list(sftp, path.empty() ? "." : path, arguments.details);
    });
}

}  // namespace sluice
