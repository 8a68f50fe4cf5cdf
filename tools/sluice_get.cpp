#include "sluice/tools/sluice_files.hpp"

#include "sluice/wire/limits.hpp"

#include <boost/asio/as_tuple.hpp>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace asio = boost::asio;
namespace fs = std::filesystem;

namespace sluice {
namespace {

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);
class getter {
public:
    getter(sftp_client& sftp, const file_arguments& arguments)
        : sftp_(sftp), recursive_(arguments.recursive), progress_(arguments) {}

    // The exit status, 0 or exit_failed.
    asio::awaitable<int> fetch(std::string remote, std::string local, unsigned depth = 0) {
        const auto [e, found] = co_await sftp_.stat(remote, as_result);
        if (e) co_return failed(remote, e);
        if (!sftp::is_directory(found))
            co_return co_await fetch_file(std::move(remote), std::move(local));
        if (!recursive_)
            co_return failed(remote, make_error_code(boost::system::errc::is_a_directory));
        if (depth == limits::copied_depth_max) {
            complain(remote + ": more than " + std::to_string(depth) +
                     " directories in each other");
            co_return exit_failed;
        }
        co_return co_await fetch_folder(std::move(remote), std::move(local), depth);
    }

private:
    asio::awaitable<int> fetch_file(std::string remote, std::string local) {
        auto how = progress_.options(remote);
        const auto [e, came] =
            co_await sftp_.get(remote, std::move(local), std::move(how), as_result);
        progress_.end();
        co_return e ? failed(remote, e) : 0;
    }

    // Of each directory that it is in it keeps one answer of the server's, and of that the names.
    asio::awaitable<int> fetch_folder(std::string remote, std::string local, unsigned depth) {
        std::error_code not_made;
        fs::create_directory(local, not_made);
        if (not_made) co_return failed(local, not_made);
        auto [unopened, directory] = co_await sftp_.open_directory(remote, as_result);
        if (unopened) co_return failed(remote, unopened);
        int status = 0;
        for (;;) {
            auto [ended, batch] = co_await directory.next(as_result);
            if (ended == asio::error::eof) co_return status;
            if (ended) co_return failed(remote, ended);
            if (batch.names_left_out != 0) status |= left_out(remote, batch.names_left_out);
            std::vector<std::string> names;
            for (directory_entry& entry : std::exchange(batch.entries, {}))
                names.push_back(std::move(entry.name));
            for (const std::string& name : names)
                status |= co_await fetch(joined(remote, name), joined(local, name), depth + 1);
        }
    }

    sftp_client& sftp_;
    bool recursive_;
    progress_line progress_;
};

}  // namespace

int get_files(client_settings settings, const file_arguments& arguments) {
    std::string remote = place_of(arguments.from)->path;
    std::string local = arguments.to.empty() ? "." : arguments.to;
    std::error_code ignored;
    const std::string name = last_name(remote);
    if (fs::is_directory(local, ignored) && !name.empty()) local = joined(local, name);
    if (remote.empty()) remote = ".";
    return with_files(std::move(settings), arguments.verbose,
                      [&](sftp_client& sftp) -> asio::awaitable<int> {
                          getter g(sftp, arguments);
                          co_return co_await g.fetch(remote, local);
                      });
}

}  // namespace sluice
