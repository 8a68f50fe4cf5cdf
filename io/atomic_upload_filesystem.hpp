#pragma once

#include "sluice/crypto/random.hpp"
#include "sluice/sftp/filesystem.hpp"
#include "sluice/sftp/path.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace sluice {

/// What happens to an upload that was not committed.
enum class abandoned_policy {
    remove,
    keep,  // under its temporary name, for whoever looks after the directory
};

/// Shows an upload under its name only when it is whole: another filesystem, of which files that
/// are replaced or created are written beside their place and moved there when the client closes
/// them.
///
/// An OPEN for writing that truncates, or that creates a file which is not there, is an upload: its
/// data goes to `.<name>.<16 hex digits>.part` in the same directory. A CLOSE by the client commits
/// it: fsync of the file, close, rename over the target, fsync of the directory, and only then the
/// answer. If one of these fails, or a WRITE had failed before, the CLOSE fails, and the target is
/// as it was (or, when only the last step failed, may be so again after a power loss). A session
/// that is lost before the CLOSE leaves the target as it was.
///
/// - Until then the name shows others what was there, or nothing. In its own session the path means
///   the open upload, as it does for clients that look at a file by its path while they write it
///   (sshfs): STAT and SETSTAT are of that; RENAME moves where it will go, and what was there with
///   it; REMOVE gives it up, and its CLOSE succeeds. A second OPEN that truncates is an upload of
///   its own, the path means the latest, and the last one closed stays; any other second OPEN is of
///   the file that is being written. No other name can be made for it (hardlink: EBUSY).
/// - With EXCL, a file that came there meanwhile is not replaced: the CLOSE fails.
/// - In place, as without this: opening with APPEND, or without TRUNC what exists already. Then
///   there is no telling whether a change is whole.
/// - A file that is replaced must be writable, and its mode is kept, but for setuid and setgid; its
///   owner as far as the system permits. Its other names (hard links) keep the old content; ACLs
///   and the like are not kept.
///   Through a symbolic link, what it leads to is replaced.
/// - Listings leave out such temporary names, also those of others and of servers that were killed.
///   A directory may be not empty because of them.
class atomic_upload_filesystem final : public sftp::filesystem, private sftp::completion_context {
public:
    explicit atomic_upload_filesystem(std::unique_ptr<sftp::filesystem> inner,
                                      abandoned_policy abandoned = abandoned_policy::remove,
                                      crypto::random_source& random = crypto::system_random());
    ~atomic_upload_filesystem() override;

    /// Whether a file name is one that uploads get.
    static bool is_temporary(std::string_view name);

    void open(sftp::op::open o, sftp::completion<sftp::file_handle> done) override;
    void close(sftp::op::close o, sftp::completion<> done) override;
    void readdir(sftp::op::readdir o, sftp::completion<sftp::name_batch> done) override;

    // By a path that may be an upload's.
    void stat(sftp::op::stat o, sftp::completion<sftp::attributes> done) override;
    void setstat(sftp::op::setstat o, sftp::completion<> done) override;
    void statvfs(sftp::op::statvfs o, sftp::completion<sftp::statvfs_reply> done) override;
    void remove(sftp::op::remove o, sftp::completion<> done) override;
    void rename(sftp::op::rename o, sftp::completion<> done) override;
    void mkdir(sftp::op::mkdir o, sftp::completion<> done) override;
    void symlink(sftp::op::symlink o, sftp::completion<> done) override;
    void hardlink(sftp::op::hardlink o, sftp::completion<> done) override;

    // As they are.
    void read(sftp::op::read o, sftp::completion<wire::buffer> done) override;
    void write(sftp::op::write o, sftp::completion<> done) override;
    void fstat(sftp::op::fstat o, sftp::completion<sftp::attributes> done) override;
    void fsetstat(sftp::op::fsetstat o, sftp::completion<> done) override;
    void opendir(sftp::op::opendir o, sftp::completion<sftp::file_handle> done) override;
    void rmdir(sftp::op::rmdir o, sftp::completion<> done) override;
    void realpath(sftp::op::realpath o, sftp::completion<std::string> done) override;
    void expand_path(sftp::op::expand_path o, sftp::completion<std::string> done) override;
    void home_directory(sftp::op::home_directory o, sftp::completion<std::string> done) override;
    void readlink(sftp::op::readlink o, sftp::completion<std::string> done) override;
    void fsync(sftp::op::fsync o, sftp::completion<> done) override;
    void fstatvfs(sftp::op::fstatvfs o, sftp::completion<sftp::statvfs_reply> done) override;
    void copy_data(sftp::op::copy_data o, sftp::completion<> done) override;
    void users_groups(sftp::op::users_groups o, sftp::completion<sftp::id_names> done) override;

private:
    // An upload that its client has open.
    struct upload {
        std::string directory;
        std::string target;
        std::string temporary;
        std::uint64_t number = 0;  // of all that were opened
        bool exclusive = false;
        bool given_up = false;  // it has no name any more
    };
    using uploads = std::map<sftp::file_handle, upload>;
    struct opening;
    struct closing;
    struct renaming;
    using opening_ptr = std::unique_ptr<opening>;
    using closing_ptr = std::unique_ptr<closing>;
    using renaming_ptr = std::unique_ptr<renaming>;

    template <class T, class F>
    sftp::completion<T> then(F f);

    template <class F>
    void locate(std::string_view path, bool follow, F f);
    template <class F>
    void with_upload(std::string_view path, bool follow, F f);
    uploads::value_type* latest(std::string_view target);
    std::string temporary_for(std::string_view target);

    void open_path(sftp::op::open o, sftp::completion<sftp::file_handle> done);
    void open_upload(const std::string& temporary, const sftp::op::open& o,
                     sftp::completion<sftp::file_handle> done);
    void open_in_place(opening_ptr job);
    void probe(opening_ptr job);
    void resolve(opening_ptr job);
    void open_temporary(opening_ptr job);
    void keep_owner(opening_ptr job);
    void keep_mode(opening_ptr job);
    void give_up(opening_ptr job, error_code error);

    void sync_file(closing_ptr job);
    void close_file(closing_ptr job);
    void move_into_place(closing_ptr job);
    void sync_directory(closing_ptr job);
    void discard(closing_ptr job);

    void rename_located(renaming_ptr job);
    void rename_other(renaming_ptr job);
    void move_temporary(renaming_ptr job);
    void move_replaced(renaming_ptr job);
    void move_target(renaming_ptr job, bool exclusive);
    void give_up_target(std::string_view target);

    std::unique_ptr<sftp::filesystem> inner_;
    abandoned_policy abandoned_;
    crypto::random_source& random_;
    uploads uploads_;
    std::uint64_t opened_ = 0;
};

// A completion that goes on with `f`. What `f` owns lives until then.
template <class T, class F>
sftp::completion<T> atomic_upload_filesystem::then(F f) {
    auto* const next = new F(std::move(f));
    return {
        *this, reinterpret_cast<std::uintptr_t>(next),
        [](completion_context&, std::uint64_t id, result<T> outcome) {
            const std::unique_ptr<F> owned(reinterpret_cast<F*>(static_cast<std::uintptr_t>(id)));
            (*owned)(std::move(outcome));
        }};
}

// Where a path leads: without links but, unless `follow`, one at its end; "" where that is nowhere.
template <class F>
void atomic_upload_filesystem::locate(std::string_view path, bool follow, F f) {
    const auto parts = sftp::split(path);
    const bool whole = follow || !parts.has_name();
    std::string name(whole ? std::string_view() : parts.name);
    if (!whole) path = parts.directory.empty() ? "/" : parts.directory;
    const sftp::op::realpath what{path};
    inner_->realpath(what, then<std::string>([f = std::move(f), name = std::move(name)](
                                                 result<std::string> found) mutable {
                         if (!found) return f(std::string());
                         if (name.empty()) return f(std::move(*found));
                         f((*found == "/" ? "" : *found) + "/" + name);
                     }));
}

// The upload that a path means in this session, or null.
template <class F>
void atomic_upload_filesystem::with_upload(std::string_view path, bool follow, F f) {
    if (uploads_.empty() || path.ends_with('/')) return f(latest({}));
    locate(path, follow,
           [this, f = std::move(f)](const std::string& at) mutable { f(latest(at)); });
}

}  // namespace sluice
