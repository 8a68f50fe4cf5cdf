#include "sluice/tools/sluice_files.hpp"

#include <boost/asio/as_tuple.hpp>

#include <filesystem>
#include <vector>

namespace asio = boost::asio;
namespace fs = std::filesystem;

namespace sluice {
namespace {

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);

class putter {
public:
    putter(sftp_client& sftp, const file_arguments& arguments)
        : sftp_(sftp), recursive_(arguments.recursive), progress_(arguments) {}

    // The exit status, 0 or exit_failed.
    asio::awaitable<int> send(fs::path local, std::string remote) {
        std::error_code e;
        if (!fs::is_directory(local, e))
            co_return co_await send_file(local.string(), std::move(remote));
        if (!recursive_)
            co_return failed(local.string(), make_error_code(boost::system::errc::is_a_directory));
        co_return co_await send_folder(std::move(local), std::move(remote));
    }

    // Where a file of that name goes: into `remote` if that is a directory.
    asio::awaitable<std::string> target(std::string remote, std::string name) {
        if (remote.empty()) co_return name;
        const bool folder = remote.back() == '/' || co_await is_folder(remote);
        co_return folder ? joined(remote, name) : remote;
    }

private:
    asio::awaitable<bool> is_folder(std::string remote) {
        const auto [e, found] = co_await sftp_.stat(std::move(remote), as_result);
        co_return !e && sftp::is_directory(found);
    }

    asio::awaitable<int> send_file(std::string local, std::string remote) {
        auto how = progress_.options(local);
        const auto [e, went] =
            co_await sftp_.put(local, std::move(remote), std::move(how), as_result);
        progress_.end();
        co_return e ? failed(local, e) : 0;
    }

    asio::awaitable<int> send_folder(fs::path local, std::string remote) {
        const auto [not_made] = co_await sftp_.mkdir(remote, sftp::attributes(), as_result);
        if (not_made && !co_await is_folder(remote)) co_return failed(remote, not_made);
        std::error_code e;
        std::vector<fs::path> entries;
        for (fs::directory_iterator at(local, e), end; !e && at != end; at.increment(e))
            entries.push_back(at->path());
        if (e) co_return failed(local.string(), e);
        int status = 0;
        for (const auto& entry : entries) {
            // A link may lead back to where we are.
            const bool link_to_folder = fs::is_symlink(entry, e) && fs::is_directory(entry, e);
            if (link_to_folder)
                status |=
                    failed(entry.string(), make_error_code(boost::system::errc::is_a_directory));
            else
                status |= co_await send(entry, joined(remote, entry.filename().string()));
        }
        co_return status;
    }

    sftp_client& sftp_;
    bool recursive_;
    progress_line progress_;
};

}  // namespace

int put_files(client_settings settings, const file_arguments& arguments) {
    return with_files(
        std::move(settings), arguments.verbose, [&](sftp_client& sftp) -> asio::awaitable<int> {
            putter p(sftp, arguments);
            std::string remote =
                co_await p.target(place_of(arguments.to)->path, last_name(arguments.from));
            co_return co_await p.send(arguments.from, std::move(remote));
        });
}

}  // namespace sluice
