#pragma once

#include "sluice/io/file_transfer.hpp"
#include "sluice/io/first_buffer.hpp"
#include "sluice/io/sftp_core.hpp"
#include "sluice/sftp/attributes.hpp"
#include "sluice/sftp/extensions.hpp"
#include "sluice/sftp/operations.hpp"
#include "sluice/sftp/requests.hpp"

#include <boost/asio/async_result.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace sluice {

/// One entry of a directory. `name` is never empty, has no slash in it, and at most
/// limits::sftp_name_length_max bytes; `longname` is the server's own line of text, as far as
/// limits::sftp_longname_length_max: escape both before they are shown.
struct directory_entry {
    std::string name;
    std::string longname;
    sftp::attributes attributes;
};

/// What a server answers when it is asked for more of a directory, without "." and "..". It may be
/// empty though there is more.
struct directory_batch {
    std::vector<directory_entry> entries;
    std::size_t names_left_out = 0;  // that are no names of entries
};

/// What `rename` does where the new name exists.
enum class rename_target {
    replace,  // atomically, where the server can (posix-rename@openssh.com); else as `keep`
    keep,     // fails
};

/// A file that the server holds open for us: an Asio AsyncRandomAccessReadDevice and
/// AsyncRandomAccessWriteDevice. Any number of reads and writes may be under way at once; they
/// complete in the order of the server's answers.
///
/// Destroying it closes the file, without waiting for what the server says of it: `close` tells
/// whether what was written has been kept. While one lives the session stays open.
class remote_file {
public:
    using executor_type = boost::asio::any_io_executor;

    /// Of no file: may be assigned to and destroyed.
    remote_file() = default;
    remote_file(std::shared_ptr<sftp_hold> session, sftp::remote_handle handle)
        : session_(std::move(session)), handle_(handle) {}
    remote_file(remote_file&&) = default;
    remote_file& operator=(remote_file&& other) noexcept;
    ~remote_file();

    explicit operator bool() const { return session_ != nullptr; }
    executor_type get_executor() const { return (*session_)->executor(); }

    /// Reads into the first of `buffers` that is not empty: some of what it has room for, or
    /// asio::error::eof.
    template <class MutableBuffers, class Token = boost::asio::use_awaitable_t<>>
    auto async_read_some_at(std::uint64_t offset, const MutableBuffers& buffers,
                            Token&& token = {}) {
        return boost::asio::async_initiate<Token, void(error_code, std::size_t)>(
            [](auto done, std::shared_ptr<sftp_hold> session, sftp::remote_handle handle,
               std::uint64_t at, boost::asio::mutable_buffer space) {
                start_read(**session, handle, at,
                           {static_cast<std::uint8_t*>(space.data()), space.size()},
                           std::move(done));
            },
            token, session_, handle_, offset, first_buffer<boost::asio::mutable_buffer>(buffers));
    }

    /// Writes some of the first of `buffers` that is not empty: as much as one request takes. The
    /// server has written it when this completes.
    template <class ConstBuffers, class Token = boost::asio::use_awaitable_t<>>
    auto async_write_some_at(std::uint64_t offset, const ConstBuffers& buffers,
                             Token&& token = {}) {
        return boost::asio::async_initiate<Token, void(error_code, std::size_t)>(
            [](auto done, std::shared_ptr<sftp_hold> session, sftp::remote_handle handle,
               std::uint64_t at, boost::asio::const_buffer data) {
                start_write(**session, handle, at,
                            {static_cast<const std::uint8_t*>(data.data()), data.size()},
                            std::move(done));
            },
            token, session_, handle_, offset, first_buffer<boost::asio::const_buffer>(buffers));
    }

    template <class Token = boost::asio::use_awaitable_t<>>
    auto stat(Token&& token = {}) {
        return ask<sftp::attributes>([h = handle_](sftp::client& c) { return c.fstat(h); },
                                     std::forward<Token>(token));
    }
    template <class Token = boost::asio::use_awaitable_t<>>
    auto set_stat(sftp::attributes attrs, Token&& token = {}) {
        return ask<>([h = handle_, attrs](sftp::client& c) { return c.fsetstat(h, attrs); },
                     std::forward<Token>(token));
    }
    /// Has the server bring what was written to the disk (fsync@openssh.com).
    template <class Token = boost::asio::use_awaitable_t<>>
    auto sync(Token&& token = {}) {
        return ask<>([h = handle_](sftp::client& c) { return c.fsync(h); },
                     std::forward<Token>(token));
    }
    template <class Token = boost::asio::use_awaitable_t<>>
    auto statvfs(Token&& token = {}) {
        return ask<sftp::statvfs_reply>([h = handle_](sftp::client& c) { return c.fstatvfs(h); },
                                        std::forward<Token>(token));
    }
    /// The handle is gone from here on, whatever the server says. Reads and writes that are under
    /// way are done before.
    template <class Token = boost::asio::use_awaitable_t<>>
    auto close(Token&& token = {}) {
        return ask<>([h = handle_](sftp::client& c) { return c.close(h); },
                     std::forward<Token>(token));
    }

private:
    template <class... Reply, class Make, class Token>
    auto ask(Make make, Token&& token) {
        return boost::asio::async_initiate<Token, void(error_code, Reply...)>(
            [](auto done, std::shared_ptr<sftp_hold> session, sftp_core::maker what) {
                (*session)->template async_request<Reply...>(sftp_core::admission::open_file,
                                                             std::move(what),
                                                             completion<Reply...>(std::move(done)));
            },
            token, session_, sftp_core::maker(std::move(make)));
    }
    static void start_read(sftp_core& core, sftp::remote_handle handle, std::uint64_t offset,
                           mutable_bytes_view space, completion<std::size_t> done);
    static void start_write(sftp_core& core, sftp::remote_handle handle, std::uint64_t offset,
                            bytes_view data, completion<std::size_t> done);

    std::shared_ptr<sftp_hold> session_;
    sftp::remote_handle handle_{};
};

/// A directory that the server holds open for us, to be read batch by batch: it may be larger than
/// memory, and a server may never end it. Destroying it closes it. While one lives the session
/// stays open.
class remote_directory {
public:
    using executor_type = boost::asio::any_io_executor;

    /// Of no directory: may be assigned to and destroyed.
    remote_directory() = default;
    remote_directory(std::shared_ptr<sftp_hold> session, sftp::remote_handle handle)
        : session_(std::move(session)), handle_(handle) {}
    remote_directory(remote_directory&&) = default;
    remote_directory& operator=(remote_directory&& other) noexcept;
    ~remote_directory();

    explicit operator bool() const { return session_ != nullptr; }
    executor_type get_executor() const { return (*session_)->executor(); }

    /// The next entries, in the server's order, or asio::error::eof behind the last. One at a time.
    template <class Token = boost::asio::use_awaitable_t<>>
    auto next(Token&& token = {}) {
        return boost::asio::async_initiate<Token, void(error_code, directory_batch)>(
            [](auto done, std::shared_ptr<sftp_hold> session, sftp::remote_handle handle) {
                start_next(**session, handle, std::move(done));
            },
            token, session_, handle_);
    }

private:
    static void start_next(sftp_core& core, sftp::remote_handle handle,
                           completion<directory_batch> done);

    std::shared_ptr<sftp_hold> session_;
    sftp::remote_handle handle_{};
};

/// An SFTP session, version 3 with OpenSSH's extensions.
///
/// All members may be called from any thread, an object from one at a time; any number of
/// operations may be under way at once. They complete with an error_code: an error of the server
/// (errc::sftp_...), what ended the session or connection, or errc::draining for what would begin
/// something new while the connection drains. Cancelling one, by any type, ends it and nothing
/// else: the server may still do what it was asked.
///
/// Paths are bytes as the server takes them, relative ones to where it has put us. What it cannot
/// do at all is sftp_unsupported.
///
/// Destroying the handle closes the session in order once every remote_file of it is gone and what
/// was begun is done.
class sftp_client {
public:
    using executor_type = boost::asio::any_io_executor;

    /// Of no session: may be assigned to and destroyed.
    sftp_client() = default;
    explicit sftp_client(std::shared_ptr<sftp_core> core)
        : session_(std::make_shared<sftp_hold>(std::move(core))) {}
    sftp_client(sftp_client&&) = default;
    sftp_client& operator=(sftp_client&&) = default;

    explicit operator bool() const { return session_ != nullptr; }
    executor_type get_executor() const { return (*session_)->executor(); }

    /// What the server said beside the latest error of this session, at most
    /// limits::sftp_error_text_max printable ASCII characters; empty where it said nothing, and
    /// from the begin of another operation on. For people, never to decide upon. Where several
    /// operations are under way it may be another one's; those of `get` and `put` are in their
    /// results.
    std::string error_text() const { return (*session_)->error_text(); }

    // --- whole files ---

    /// Reads a file of the server into a local one, many requests at a time. On error and when
    /// cancelled the file at the server is closed; see transfer_options for the local one. Errors:
    /// also those of the system.
    template <class Token = boost::asio::use_awaitable_t<>>
    auto get(std::string remote, std::string local,
             transfer_options options = transfer_options::usual(), Token&& token = {}) {
        return boost::asio::async_initiate<Token, void(error_code, transfer_result)>(
            [](auto done, std::shared_ptr<sftp_hold> session, std::string from, std::string to,
               transfer_options how) {
                start_get(**session, std::move(from), std::move(to), std::move(how),
                          std::move(done));
            },
            token, session_, std::move(remote), std::move(local), std::move(options));
    }

    /// Writes a local file to one of the server, many requests at a time. It has succeeded when the
    /// server has acknowledged every write and the close. What was written of a file that could not
    /// be completed stays.
    template <class Token = boost::asio::use_awaitable_t<>>
    auto put(std::string local, std::string remote,
             transfer_options options = transfer_options::usual(), Token&& token = {}) {
        return boost::asio::async_initiate<Token, void(error_code, transfer_result)>(
            [](auto done, std::shared_ptr<sftp_hold> session, std::string from, std::string to,
               transfer_options how) {
                start_put(**session, std::move(from), std::move(to), std::move(how),
                          std::move(done));
            },
            token, session_, std::move(local), std::move(remote), std::move(options));
    }

    // --- files and directories ---

    /// `pflags` are fxf_ bits of sftp/requests.hpp; `attrs` are for a file that is created.
    template <class Token = boost::asio::use_awaitable_t<>>
    auto open(std::string path, std::uint32_t pflags = sftp::fxf_read,
              sftp::attributes attrs = sftp::attributes(), Token&& token = {}) {
        return boost::asio::async_initiate<Token, void(error_code, remote_file)>(
            [](auto done, std::shared_ptr<sftp_hold> session, std::string what, std::uint32_t how,
               sftp::attributes with) {
                start_open(std::move(session), std::move(what), how, with, std::move(done));
            },
            token, session_, std::move(path), pflags, attrs);
    }

    template <class Token = boost::asio::use_awaitable_t<>>
    auto open_directory(std::string path, Token&& token = {}) {
        return boost::asio::async_initiate<Token, void(error_code, remote_directory)>(
            [](auto done, std::shared_ptr<sftp_hold> session, std::string what) {
                start_open_directory(std::move(session), std::move(what), std::move(done));
            },
            token, session_, std::move(path));
    }

    /// Everything in a directory but "." and "..", in the server's order; what is no name of an
    /// entry is left out. Errors: too_long for more than limits::sftp_list_max entries, or
    /// sftp_list_bytes_max of them.
    template <class Token = boost::asio::use_awaitable_t<>>
    auto list(std::string path, Token&& token = {}) {
        return boost::asio::async_initiate<Token, void(error_code, std::vector<directory_entry>)>(
            [](auto done, std::shared_ptr<sftp_hold> session, std::string what) {
                start_list(**session, std::move(what), std::move(done));
            },
            token, session_, std::move(path));
    }

    template <class Token = boost::asio::use_awaitable_t<>>
    auto stat(std::string path, Token&& token = {}) {
        return ask<sftp::attributes>(
            [path = std::move(path)](sftp::client& c) { return c.stat(path); },
            std::forward<Token>(token));
    }
    /// Of a symbolic link itself.
    template <class Token = boost::asio::use_awaitable_t<>>
    auto lstat(std::string path, Token&& token = {}) {
        return ask<sftp::attributes>(
            [path = std::move(path)](sftp::client& c) { return c.lstat(path); },
            std::forward<Token>(token));
    }
    template <class Token = boost::asio::use_awaitable_t<>>
    auto set_stat(std::string path, sftp::attributes attrs, Token&& token = {}) {
        return ask<>(
            [path = std::move(path), attrs](sftp::client& c) { return c.setstat(path, attrs); },
            std::forward<Token>(token));
    }
    /// Of a symbolic link itself (lsetstat@openssh.com).
    template <class Token = boost::asio::use_awaitable_t<>>
    auto set_lstat(std::string path, sftp::attributes attrs, Token&& token = {}) {
        return ask<>(
            [path = std::move(path), attrs](sftp::client& c) { return c.lsetstat(path, attrs); },
            std::forward<Token>(token));
    }
    template <class Token = boost::asio::use_awaitable_t<>>
    auto mkdir(std::string path, sftp::attributes attrs = sftp::attributes(), Token&& token = {}) {
        return ask<>(
            [path = std::move(path), attrs](sftp::client& c) { return c.mkdir(path, attrs); },
            std::forward<Token>(token));
    }
    template <class Token = boost::asio::use_awaitable_t<>>
    auto rmdir(std::string path, Token&& token = {}) {
        return ask<>([path = std::move(path)](sftp::client& c) { return c.rmdir(path); },
                     std::forward<Token>(token));
    }
    template <class Token = boost::asio::use_awaitable_t<>>
    auto remove(std::string path, Token&& token = {}) {
        return ask<>([path = std::move(path)](sftp::client& c) { return c.remove(path); },
                     std::forward<Token>(token));
    }
    template <class Token = boost::asio::use_awaitable_t<>>
    auto rename(std::string oldpath, std::string newpath,
                rename_target existing = rename_target::replace, Token&& token = {}) {
        return ask<>(
            [from = std::move(oldpath), to = std::move(newpath), existing](sftp::client& c) {
                return existing == rename_target::replace && c.supports<sftp::ext_posix_rename>()
                           ? c.posix_rename(from, to)
                           : c.rename(from, to);
            },
            std::forward<Token>(token));
    }
    /// The whole path, without links.
    template <class Token = boost::asio::use_awaitable_t<>>
    auto realpath(std::string path, Token&& token = {}) {
        return ask<std::string>(
            [path = std::move(path)](sftp::client& c) { return c.realpath(path); },
            std::forward<Token>(token));
    }
    /// The same of a path that may begin with "~" (expand-path@openssh.com).
    template <class Token = boost::asio::use_awaitable_t<>>
    auto expand_path(std::string path, Token&& token = {}) {
        return ask<std::string>(
            [path = std::move(path)](sftp::client& c) { return c.expand_path(path); },
            std::forward<Token>(token));
    }
    template <class Token = boost::asio::use_awaitable_t<>>
    auto readlink(std::string path, Token&& token = {}) {
        return ask<std::string>(
            [path = std::move(path)](sftp::client& c) { return c.readlink(path); },
            std::forward<Token>(token));
    }
    template <class Token = boost::asio::use_awaitable_t<>>
    auto symlink(std::string target, std::string link, Token&& token = {}) {
        return ask<>([target = std::move(target),
                      link = std::move(link)](sftp::client& c) { return c.symlink(target, link); },
                     std::forward<Token>(token));
    }
    template <class Token = boost::asio::use_awaitable_t<>>
    auto hardlink(std::string oldpath, std::string newpath, Token&& token = {}) {
        return ask<>([from = std::move(oldpath),
                      to = std::move(newpath)](sftp::client& c) { return c.hardlink(from, to); },
                     std::forward<Token>(token));
    }
    template <class Token = boost::asio::use_awaitable_t<>>
    auto statvfs(std::string path, Token&& token = {}) {
        return ask<sftp::statvfs_reply>(
            [path = std::move(path)](sftp::client& c) { return c.statvfs(path); },
            std::forward<Token>(token));
    }
    /// Names for ids, empty where there is none (users-groups-by-id@openssh.com).
    template <class Token = boost::asio::use_awaitable_t<>>
    auto users_groups(std::vector<std::uint32_t> uids, std::vector<std::uint32_t> gids,
                      Token&& token = {}) {
        return ask<sftp::id_names>([uids = std::move(uids), gids = std::move(gids)](
                                       sftp::client& c) { return c.users_groups(uids, gids); },
                                   std::forward<Token>(token));
    }

    /// What one request carries, as far as the server has told by now.
    template <class Token = boost::asio::use_awaitable_t<>>
    auto limits(Token&& token = {}) {
        return boost::asio::async_initiate<Token, void(error_code, sftp_limits)>(
            [](auto done, std::shared_ptr<sftp_hold> session) {
                start_limits(**session, std::move(done));
            },
            token, session_);
    }

    // --- the end ---

    /// Takes no new operations, waits for those that were begun, then ends the session in protocol
    /// order, and tells what became of it. Files that are still open are closed by the server.
    /// Several may wait; cancelling a wait cancels only the wait.
    template <class Token = boost::asio::use_awaitable_t<>>
    auto close(Token&& token = {}) {
        return boost::asio::async_initiate<Token, void(error_code, sftp_session_report)>(
            [](auto done, std::shared_ptr<sftp_hold> session) {
                (*session)->async_close(std::move(done));
            },
            token, session_);
    }

private:
    template <class... Reply, class Make, class Token>
    auto ask(Make make, Token&& token) {
        return boost::asio::async_initiate<Token, void(error_code, Reply...)>(
            [](auto done, std::shared_ptr<sftp_hold> session, sftp_core::maker what) {
                (*session)->template async_request<Reply...>(sftp_core::admission::new_work,
                                                             std::move(what),
                                                             completion<Reply...>(std::move(done)));
            },
            token, session_, sftp_core::maker(std::move(make)));
    }
    static void start_get(sftp_core& core, std::string remote, std::string local,
                          transfer_options options, completion<transfer_result> done);
    static void start_put(sftp_core& core, std::string local, std::string remote,
                          transfer_options options, completion<transfer_result> done);
    static void start_open(std::shared_ptr<sftp_hold> session, std::string path,
                           std::uint32_t pflags, const sftp::attributes& attrs,
                           completion<remote_file> done);
    static void start_open_directory(std::shared_ptr<sftp_hold> session, std::string path,
                                     completion<remote_directory> done);
    static void start_list(sftp_core& core, std::string path,
                           completion<std::vector<directory_entry>> done);
    static void start_limits(sftp_core& core, completion<sftp_limits> done);

    std::shared_ptr<sftp_hold> session_;
};

}  // namespace sluice
