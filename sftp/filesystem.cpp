#include "sluice/sftp/filesystem.hpp"

#include "sluice/sftp/path.hpp"

namespace sluice::sftp {

void filesystem::realpath(op::realpath request, completion<std::string> done) {
    done(canonical_path(request.path));
}

void filesystem::expand_path(op::expand_path request, completion<std::string> done) {
    std::string_view path = request.path;
    if (path.starts_with('~')) {
        path.remove_prefix(1);
        if (!path.empty() && path.front() != '/') return done(errc::sftp_failure);
    }
    realpath({path}, std::move(done));
}

void filesystem::home_directory(op::home_directory request, completion<std::string> done) {
    if (!request.username.empty()) return done(errc::sftp_failure);
    done(std::string("/"));
}

void filesystem::readlink(op::readlink, completion<std::string> done) {
    done(errc::sftp_unsupported);
}

void filesystem::symlink(op::symlink, completion<> done) { done(errc::sftp_unsupported); }

void filesystem::hardlink(op::hardlink, completion<> done) { done(errc::sftp_unsupported); }

void filesystem::fsync(op::fsync, completion<> done) { done(errc::sftp_unsupported); }

void filesystem::statvfs(op::statvfs, completion<statvfs_reply> done) {
    done(errc::sftp_unsupported);
}

void filesystem::fstatvfs(op::fstatvfs, completion<statvfs_reply> done) {
    done(errc::sftp_unsupported);
}

void filesystem::copy_data(op::copy_data, completion<> done) { done(errc::sftp_unsupported); }

void filesystem::users_groups(op::users_groups, completion<id_names> done) {
    done(errc::sftp_unsupported);
}

}  // namespace sluice::sftp
