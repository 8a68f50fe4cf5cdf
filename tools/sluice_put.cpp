#include "sluice/tools/sluice_files.hpp"
#include "sluice/tools/sluice_stream.hpp"

#include "sluice/wire/limits.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace asio = boost::asio;
namespace fs = std::filesystem;

namespace sluice {
namespace {

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);
constexpr std::uint32_t owner_bits = 0700;
constexpr unsigned writes_max = 16;  // of a stream, in flight

std::uint32_t time_of(std::int64_t seconds) {
    constexpr std::int64_t most = std::numeric_limits<std::uint32_t>::max();
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>(seconds, 0, most));
}

// Writes of a stream that are under way.
struct writing {
    explicit writing(asio::any_io_executor executor) : less(std::move(executor)) {
        less.expires_at(asio::steady_timer::time_point::max());
    }

    asio::awaitable<void> until_at_most(unsigned n) {
        while (under_way > n)
            static_cast<void>(co_await less.async_wait(as_result));
    }

    unsigned under_way = 0;
    error_code error;  // the first
    std::string text;  // what the server said to it
    asio::steady_timer less;
};

class putter {
public:
    putter(sftp_client& sftp, const file_arguments& arguments)
        : sftp_(sftp), arguments_(arguments), progress_(arguments) {}

    // The exit status, 0 or exit_failed. What the user has named may be a link to a directory.
    asio::awaitable<int> send(fs::path local, std::string remote) {
        struct stat status {};
        const bool folder = ::stat(local.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
        if (!folder) co_return co_await send_file(local.string(), std::move(remote));
        if (!arguments_.recursive)
            co_return failed_here("copy", local.string(),
                                  make_error_code(boost::system::errc::is_a_directory));
        if (above_.size() == limits::copied_depth_max) co_return too_deep(local.string());
        const std::pair place(status.st_dev, status.st_ino);
        if (std::ranges::find(above_, place) != above_.end()) co_return leads_back(local.string());
        above_.push_back(place);
        const int sent = co_await send_folder(std::move(local), std::move(remote), status);
        above_.pop_back();
        co_return sent;
    }

    // In order, as there is no going back in it.
    asio::awaitable<int> send_stream(std::string local, std::string remote, int fd) {
        auto [unopened, file] =
            co_await sftp_.open(remote, sftp::fxf_write | sftp::fxf_creat | sftp::fxf_trunc,
                                sftp::attributes(), as_result);
        if (unopened) co_return failed_there("open", remote, unopened, sftp_.error_text());
        const auto [unknown, most] = co_await sftp_.limits(as_result);
        local_stream in(co_await asio::this_coro::executor, fd);
        const auto state = std::make_shared<writing>(co_await asio::this_coro::executor);
        error_code ended;
        for (std::uint64_t at = 0; !ended && !state->error;) {
            const auto block = std::make_shared<bytes>(most.write_length_max);
            const std::size_t n = co_await in.read(*block, ended);
            if (n == 0) continue;
            co_await state->until_at_most(writes_max - 1);
            ++state->under_way;
            file.async_write_some_at(at, asio::buffer(block->data(), n),
                                     [this, state, block, &in](error_code e, std::size_t) {
                                         --state->under_way;
                                         state->less.cancel();
                                         if (!e || state->error) return;
                                         state->error = e;
                                         state->text = sftp_.error_text();
                                         in.cancel();
                                     });
            at += n;
        }
        co_await state->until_at_most(0);
        if (state->error) co_return failed_there("write", remote, state->error, state->text);
        if (ended != asio::error::eof) co_return failed_here("read", local, ended);
        const auto [e] = co_await file.close(as_result);
        co_return e ? failed_there("close", remote, e, sftp_.error_text()) : 0;
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
        if (went.times_clamped) say_times_clamped(local);
        co_return e ? failed(went, local, e) : 0;
    }

    // With what its contents need; the rest of its mode is for the end.
    asio::awaitable<int> send_folder(fs::path local, std::string remote,
                                     const struct stat& original) {
        sftp::attributes first;
        first.permissions = (original.st_mode & 0777) | owner_bits;
        const auto [not_made] = co_await sftp_.mkdir(remote, first, as_result);
        const std::string said = sftp_.error_text();
        if (not_made && !co_await is_folder(remote))
            co_return failed_there("make", remote, not_made, said);
        int status = co_await send_contents(local, remote);
        status |= co_await finish(local, remote, original, !not_made);
        co_return status;
    }

    asio::awaitable<int> send_contents(fs::path local, std::string remote) {
        std::error_code e;
        std::vector<fs::path> entries;
        for (fs::directory_iterator at(local, e), end; !e && at != end; at.increment(e))
            entries.push_back(at->path());
        if (e) co_return failed_here("read", local.string(), e);
        int status = 0;
        for (const auto& entry : entries) {
            const bool link_to_folder = fs::is_symlink(entry, e) && fs::is_directory(entry, e);
            if (link_to_folder && !arguments_.follow)
                status |= not_followed(entry.string());
            else
                status |= co_await send(entry, joined(remote, entry.filename().string()));
        }
        co_return status;
    }

    asio::awaitable<int> finish(fs::path local, std::string remote, const struct stat& original,
                                bool made) {
        sftp::attributes last;
        if (arguments_.preserve || arguments_.preserve_special) {
            last.permissions = kept_mode(arguments_, original.st_mode, original.st_uid);
            last.times = {time_of(original.st_atim.tv_sec), time_of(original.st_mtim.tv_sec)};
            if (last.times->atime != original.st_atim.tv_sec ||
                last.times->mtime != original.st_mtim.tv_sec)
                say_times_clamped(local.string());
        } else if (made && (original.st_mode & owner_bits) != owner_bits) {
            // As the server has made it, under its umask.
            const auto [e, found] = co_await sftp_.stat(remote, as_result);
            if (e) co_return failed_there("find", remote, e, sftp_.error_text());
            if (!found.permissions) co_return 0;
            last.permissions = *found.permissions & (original.st_mode | 0077) & 0777;
        }
        if (last.empty()) co_return 0;
        const auto [e] = co_await sftp_.set_stat(remote, last, as_result);
        co_return e ? failed_there("set the attributes of", remote, e, sftp_.error_text()) : 0;
    }

    sftp_client& sftp_;
    const file_arguments& arguments_;
    progress_line progress_;
    std::vector<std::pair<dev_t, ino_t>> above_;  // the directories that we are in
};

}  // namespace

int put_files(client_settings settings, const file_arguments& arguments) {
    const std::string& local = arguments.from;
    result<file_descriptor> stream(file_descriptor{});
    if (is_stream(local)) {
        stream = open_stream(local, false);
        if (!stream) return failed_here("open", local, stream.error());
    }
    const std::string name = local == "-" ? std::string() : last_name(local);
    return with_files(
        std::move(settings), arguments.verbose, [&](sftp_client& sftp) -> asio::awaitable<int> {
            putter p(sftp, arguments);
            std::string remote = co_await p.target(place_of(arguments.to)->path, name);
            if (!*stream) co_return co_await p.send(local, std::move(remote));
            if (remote.empty() || remote.back() == '/') {
                complain("- has no name: say which file of the server it is to be");
                co_return exit_failed;
            }
            co_return co_await p.send_stream(local, std::move(remote), stream->get());
        });
}

}  // namespace sluice
