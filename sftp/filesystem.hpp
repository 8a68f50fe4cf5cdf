#pragma once

#include "sluice/sftp/completion.hpp"
#include "sluice/sftp/operations.hpp"

#include <string>

namespace sluice::sftp {

/// What a server serves: implement it to serve your own storage.
///
/// One object a session, used on that session's strand only. Every operation answers through its
/// completion, at once or later; several run at a time. The server keeps them in order where order
/// can be seen: on one handle, overlapping reads and writes, and close, fsync and fsetstat against
/// everything; among paths, whatever changes something against everything else. A handle is closed
/// exactly once, after everything else on it, also when the session was lost: `ending` says whether
/// what was written is committed or abandoned. The object is destroyed when no operation runs any
/// more.
///
/// Errors are an errc (sftp_no_such_file, sftp_permission_denied, ...) or an errno in the generic
/// or system category; status.hpp says what the client is told.
class filesystem {
public:
    virtual ~filesystem() = default;

    virtual void open(op::open request, completion<file_handle> done) = 0;
    virtual void close(op::close request, completion<> done) = 0;
    virtual void read(op::read request, completion<wire::buffer> done) = 0;
    virtual void write(op::write request, completion<> done) = 0;
    virtual void stat(op::stat request, completion<attributes> done) = 0;
    virtual void fstat(op::fstat request, completion<attributes> done) = 0;
    virtual void setstat(op::setstat request, completion<> done) = 0;
    virtual void fsetstat(op::fsetstat request, completion<> done) = 0;
    virtual void opendir(op::opendir request, completion<file_handle> done) = 0;
    virtual void readdir(op::readdir request, completion<name_batch> done) = 0;
    virtual void remove(op::remove request, completion<> done) = 0;
    virtual void mkdir(op::mkdir request, completion<> done) = 0;
    virtual void rmdir(op::rmdir request, completion<> done) = 0;
    virtual void rename(op::rename request, completion<> done) = 0;

    /// Default: the canonical path as text, which is right where there are no symbolic links.
    virtual void realpath(op::realpath request, completion<std::string> done);

    /// Default: "~" and "~/…" are below "/", "~user" fails, anything else is `realpath`.
    virtual void expand_path(op::expand_path request, completion<std::string> done);

    /// Default: "/" for the current user, sftp_failure for others.
    virtual void home_directory(op::home_directory request, completion<std::string> done);

    // Default: sftp_unsupported.
    virtual void readlink(op::readlink request, completion<std::string> done);
    virtual void symlink(op::symlink request, completion<> done);
    virtual void hardlink(op::hardlink request, completion<> done);
    virtual void fsync(op::fsync request, completion<> done);
    virtual void statvfs(op::statvfs request, completion<statvfs_reply> done);
    virtual void fstatvfs(op::fstatvfs request, completion<statvfs_reply> done);
    virtual void copy_data(op::copy_data request, completion<> done);
    virtual void users_groups(op::users_groups request, completion<id_names> done);
};

}  // namespace sluice::sftp
