#include "sluice/tools/sluice_files.hpp"

#include <boost/asio/as_tuple.hpp>

#include <filesystem>

namespace asio = boost::asio;
namespace fs = std::filesystem;

namespace sluice {
namespace {

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);
constexpr int depth_max = 128;  // of directories, which a server may make up

class getter {
public:
    getter(sftp_client& sftp, const file_arguments& arguments)
        : sftp_(sftp), recursive_(arguments.recursive), progress_(arguments) {}

    // The exit status, 0 or exit_failed.
    asio::awaitable<int> fetch(std::string remote, std::string local, int depth = 0) {
        const auto [e, found] = co_await sftp_.stat(remote, as_result);
        if (e) co_return failed(remote, e);
        if (!sftp::is_directory(found))
            co_return co_await fetch_file(std::move(remote), std::move(local));
        if (!recursive_)
            co_return failed(remote, make_error_code(boost::system::errc::is_a_directory));
        if (depth == depth_max) co_return failed(remote, errc::too_long);
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

    asio::awaitable<int> fetch_folder(std::string remote, std::string local, int depth) {
        std::error_code not_made;
        fs::create_directory(local, not_made);
        if (not_made) co_return failed(local, not_made);
        const auto [e, entries] = co_await sftp_.list(remote, as_result);
        if (e) co_return failed(remote, e);
        int status = 0;
        for (const auto& entry : entries)
            status |=
                co_await fetch(joined(remote, entry.name), joined(local, entry.name), depth + 1);
        co_return status;
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
