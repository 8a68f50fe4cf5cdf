#pragma once

#include "sluice/io/log.hpp"
#include "sluice/sftp/filesystem.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice {

/// Another filesystem, of whose operations each is told when it has come to its end, as sftp-server
/// logs them at INFO: what opens, closes, changes or lists something. Reads, writes and looks are
/// not; what they have moved is told at the close.
///
/// Events: open, close, opendir, closedir, remove, mkdir, rmdir, rename, posix-rename, symlink,
/// hardlink, set, statvfs, copy-data. Fields: path (or old and new), then what is of the kind, and
/// error where it failed. Paths are the client's, to be escaped by whoever prints them.
class logged_filesystem final : public sftp::filesystem, private sftp::completion_context {
public:
    using fields = std::vector<std::pair<std::string_view, std::string>>;
    using function = std::function<void(std::string_view event, fields)>;

    logged_filesystem(std::unique_ptr<sftp::filesystem> inner, function tell)
        : inner_(std::move(inner)), tell_(std::move(tell)) {}

    void open(sftp::op::open o, sftp::completion<sftp::file_handle> done) override;
    void close(sftp::op::close o, sftp::completion<> done) override;
    void read(sftp::op::read o, sftp::completion<wire::buffer> done) override;
    void write(sftp::op::write o, sftp::completion<> done) override;
    void stat(sftp::op::stat o, sftp::completion<sftp::attributes> done) override;
    void fstat(sftp::op::fstat o, sftp::completion<sftp::attributes> done) override;
    void setstat(sftp::op::setstat o, sftp::completion<> done) override;
    void fsetstat(sftp::op::fsetstat o, sftp::completion<> done) override;
    void opendir(sftp::op::opendir o, sftp::completion<sftp::file_handle> done) override;
    void readdir(sftp::op::readdir o, sftp::completion<sftp::name_batch> done) override;
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
    // What is open: as much as the session may have.
    struct opened {
        std::string path;
        bool directory = false;
        std::uint64_t read = 0;  // bytes
        std::uint64_t written = 0;
    };

    template <class T, class F>
    sftp::completion<T> then(sftp::completion<T> done, F f);
    template <class T>
    sftp::completion<T> telling(std::string_view event, fields what, sftp::completion<T> done);
    void tell(std::string_view event, fields what, error_code error) const;
    const std::string& path_of(sftp::file_handle file) const;

    std::unique_ptr<sftp::filesystem> inner_;
    const function tell_;
    std::map<sftp::file_handle, opened> files_;
    bool has_stop_ = false;
};

}  // namespace sluice
