#include "sluice/tools/sluice_files.hpp"
#include "sluice/tools/sluice_stream.hpp"

#include "sluice/wire/limits.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/this_coro.hpp>

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace asio = boost::asio;
namespace fs = std::filesystem;

namespace sluice {
namespace {

using namespace asio::experimental::awaitable_operators;

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);
constexpr std::uint32_t owner_bits = 0700;

bool is_link(const sftp::attributes& a) {
    return a.permissions && S_ISLNK(static_cast<mode_t>(*a.permissions));
}

class getter {
public:
    getter(sftp_client& sftp, const file_arguments& arguments)
        : sftp_(sftp), arguments_(arguments), progress_(arguments) {}

    // The exit status, 0 or exit_failed. What the user has named may be a link to a directory.
    asio::awaitable<int> fetch(std::string remote, std::string local) {
        const auto [e, found] = co_await sftp_.stat(remote, as_result);
        if (e) co_return failed_there("find", remote, e, sftp_.error_text());
        co_return co_await fetch_found(std::move(remote), std::move(local), found);
    }

    // The next bytes are on their way while those before are written.
    asio::awaitable<int> fetch_stream(std::string remote, std::string local, int fd) {
        auto [unopened, file] =
            co_await sftp_.open(remote, sftp::fxf_read, sftp::attributes(), as_result);
        if (unopened) co_return failed_there("open", remote, unopened, sftp_.error_text());
        local_stream out(co_await asio::this_coro::executor, fd);
        const auto [unknown, most] = co_await sftp_.limits(as_result);
        bytes block(most.read_length_max);
        bytes next(block.size());
        auto [e, n] = co_await file.async_read_some_at(0, asio::buffer(block), as_result);
        for (std::uint64_t at = 0; !e;) {
            at += n;
            const auto [failed, came] =
                co_await (out.write(bytes_view(block).first(n)) &&
                          file.async_read_some_at(at, asio::buffer(next), as_result));
            if (failed) co_return failed_here("write", local, failed);
            std::tie(e, n) = came;
            std::swap(block, next);
        }
        if (e != asio::error::eof) co_return failed_there("read", remote, e, sftp_.error_text());
        co_return 0;
    }

private:
    asio::awaitable<int> fetch_found(std::string remote, std::string local,
                                     sftp::attributes found) {
        if (!sftp::is_directory(found))
            co_return co_await fetch_file(std::move(remote), std::move(local));
        if (!arguments_.recursive)
            co_return failed_there("copy", remote,
                                   make_error_code(boost::system::errc::is_a_directory), {});
        if (above_.size() == limits::copied_depth_max) co_return too_deep(remote);
        // Links lead back only where they are gone into.
        std::string place = remote;
        if (arguments_.follow) {
            auto [e, whole] = co_await sftp_.realpath(remote, as_result);
            if (e) co_return failed_there("find", remote, e, sftp_.error_text());
            if (std::ranges::find(above_, whole) != above_.end()) co_return leads_back(remote);
            place = std::move(whole);
        }
        above_.push_back(std::move(place));
        const int status = co_await fetch_folder(std::move(remote), std::move(local), found);
        above_.pop_back();
        co_return status;
    }

    asio::awaitable<int> fetch_entry(std::string remote, std::string local) {
        const auto [e, own] = co_await sftp_.lstat(remote, as_result);
        if (e) co_return failed_there("find", remote, e, sftp_.error_text());
        if (!is_link(own)) co_return co_await fetch_found(remote, std::move(local), own);
        const auto [broken, target] = co_await sftp_.stat(remote, as_result);
        if (broken) co_return failed_there("find", remote, broken, sftp_.error_text());
        if (sftp::is_directory(target) && !arguments_.follow) co_return not_followed(remote);
        co_return co_await fetch_found(remote, std::move(local), target);
    }

    asio::awaitable<int> fetch_file(std::string remote, std::string local) {
        auto how = progress_.options(remote);
        const auto [e, came] =
            co_await sftp_.get(remote, std::move(local), std::move(how), as_result);
        progress_.end();
        co_return e ? failed(came, remote, e) : 0;
    }

    // With what its contents need; the rest of its mode is for the end.
    asio::awaitable<int> fetch_folder(std::string remote, std::string local,
                                      sftp::attributes original) {
        const std::uint32_t mode = original.permissions.value_or(0777) & 0777;
        const bool made = ::mkdir(local.c_str(), mode | owner_bits) == 0;
        const error_code not_made = last_system_error();
        std::error_code ignored;
        if (!made && !fs::is_directory(local, ignored))
            co_return failed_here("make", local, not_made);
        int status = co_await fetch_contents(std::move(remote), local);
        if (const error_code e = finish(local, original, made))
            status |= failed_here("set the attributes of", local, e);
        co_return status;
    }

    // Of each directory that it is in it keeps one answer of the server's, and of that the names.
    asio::awaitable<int> fetch_contents(std::string remote, std::string local) {
        auto [unopened, directory] = co_await sftp_.open_directory(remote, as_result);
        if (unopened) co_return failed_there("open", remote, unopened, sftp_.error_text());
        int status = 0;
        for (;;) {
            auto [ended, batch] = co_await directory.next(as_result);
            if (ended == asio::error::eof) co_return status;
            if (ended) co_return failed_there("read", remote, ended, sftp_.error_text());
            if (batch.names_left_out != 0) status |= left_out(remote, batch.names_left_out);
            std::vector<std::string> names;
            for (directory_entry& entry : std::exchange(batch.entries, {}))
                names.push_back(std::move(entry.name));
            for (const std::string& name : names)
                status |= co_await fetch_entry(joined(remote, name), joined(local, name));
        }
    }

    error_code finish(const std::string& local, const sftp::attributes& original, bool made) {
        const bool preserve = arguments_.preserve || arguments_.preserve_special;
        if (preserve && original.permissions) {
            const auto owner = original.owner ? std::optional(original.owner->uid) : std::nullopt;
            const std::uint32_t mode = kept_mode(arguments_, *original.permissions, owner);
            if (::chmod(local.c_str(), mode) != 0) return last_system_error();
        } else if (made && original.permissions) {
            // As mkdir(2) has made it, under the umask.
            struct stat status {};
            if (::stat(local.c_str(), &status) != 0) return last_system_error();
            const mode_t wanted = status.st_mode & (*original.permissions | 0077) & 0777;
            if (wanted != (status.st_mode & 0777) && ::chmod(local.c_str(), wanted) != 0)
                return last_system_error();
        }
        if (!preserve || !original.times) return {};
        const std::array<timespec, 2> times{
            {{original.times->atime, 0}, {original.times->mtime, 0}}};
        if (::utimensat(AT_FDCWD, local.c_str(), times.data(), 0) != 0) return last_system_error();
        return {};
    }

    sftp_client& sftp_;
    const file_arguments& arguments_;
    progress_line progress_;
    std::vector<std::string> above_;  // the directories that we are in
};

}  // namespace

int get_files(client_settings settings, const file_arguments& arguments) {
    std::string remote = place_of(arguments.from)->path;
    std::string local = arguments.to.empty() ? "." : arguments.to;
    std::error_code ignored;
    const std::string name = last_name(remote);
    if (fs::is_directory(local, ignored) && !name.empty()) local = joined(local, name);
    if (remote.empty()) remote = ".";
    result<file_descriptor> stream(file_descriptor{});
    if (is_stream(local)) {
        stream = open_stream(local, true);
        if (!stream) return failed_here("open", local, stream.error());
    }
    return with_files(std::move(settings), arguments.verbose,
                      [&](sftp_client& sftp) -> asio::awaitable<int> {
                          getter g(sftp, arguments);
                          if (*stream)
                              co_return co_await g.fetch_stream(remote, local, stream->get());
                          co_return co_await g.fetch(remote, local);
                      });
}

}  // namespace sluice
