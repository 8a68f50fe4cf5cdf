#pragma once

#include "sluice/crypto/random.hpp"
#include "sluice/sftp/filesystem.hpp"

#include <map>
#include <memory>
#include <string>
#include <string_view>

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
/// - Until then the name shows what was there, or nothing: a client that looks at the file by its
///   path while it writes it (sshfs) does not find it, or finds the old one.
/// - Opened twice, each upload is one of its own; the last one closed stays. With EXCL, a file that
///   came there meanwhile is not replaced: the CLOSE fails.
/// - In place, as without this: opening with APPEND, or without TRUNC what exists already. Then
///   there is no telling whether a change is whole.
/// - A file that is replaced must be writable, and its mode is kept, but for setuid and setgid; its
/// owner as far as the system
///   permits. Its other names (hard links) keep the old content; ACLs and the like are not kept.
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

    // As they are.
    void read(sftp::op::read o, sftp::completion<wire::buffer> done) override;
    void write(sftp::op::write o, sftp::completion<> done) override;
    void stat(sftp::op::stat o, sftp::completion<sftp::attributes> done) override;
    void fstat(sftp::op::fstat o, sftp::completion<sftp::attributes> done) override;
    void setstat(sftp::op::setstat o, sftp::completion<> done) override;
    void fsetstat(sftp::op::fsetstat o, sftp::completion<> done) override;
    void opendir(sftp::op::opendir o, sftp::completion<sftp::file_handle> done) override;
    void remove(sftp::op::remove o, sftp::completion<> done) override;
    void mkdir(sftp::op::mkdir o, sftp::completion<> done) override;
    void rmdir(sftp::op::rmdir o, sftp::completion<> done) override;
    void rename(sftp::op::rename o, sftp::completion<> done) override;
    void realpath(sftp::op::realpath o, sftp::completion<std::string> done) override;
    void expand_path(sftp::op::expand_path o, sftp::completion<std::string> done) override;
    void home_directory(sftp::op::home_directory o, sftp::completion<std::string> done) override;
    void readlink(sftp::op::readlink o, sftp::completion<std::string> done) override;
    void symlink(sftp::op::symlink o, sftp::completion<> done) override;
    void hardlink(sftp::op::hardlink o, sftp::completion<> done) override;
    void fsync(sftp::op::fsync o, sftp::completion<> done) override;
    void statvfs(sftp::op::statvfs o, sftp::completion<sftp::statvfs_reply> done) override;
    void fstatvfs(sftp::op::fstatvfs o, sftp::completion<sftp::statvfs_reply> done) override;
    void copy_data(sftp::op::copy_data o, sftp::completion<> done) override;
    void users_groups(sftp::op::users_groups o, sftp::completion<sftp::id_names> done) override;

private:
    // An upload that its client has open.
    struct upload {
        std::string directory;
        std::string target;
        std::string temporary;
        bool exclusive = false;
    };
    struct opening;
    struct closing;
    using opening_ptr = std::unique_ptr<opening>;
    using closing_ptr = std::unique_ptr<closing>;

    template <class T, class F>
    sftp::completion<T> then(F f);

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

    std::unique_ptr<sftp::filesystem> inner_;
    abandoned_policy abandoned_;
    crypto::random_source& random_;
    std::map<sftp::file_handle, upload> uploads_;
};

}  // namespace sluice
