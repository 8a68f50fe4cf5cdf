#pragma once

#include "sluice/sftp/filesystem.hpp"
#include "sluice/wire/bytes.hpp"
#include "sluice/wire/error.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

struct memory_options {
    std::uint64_t bytes_max = 64 * 1024 * 1024;  // of all files together, with those unlinked
    std::size_t nodes_max = 100'000;             // files, directories and links
};

/// Files, directories and symbolic links in memory, to be served by any number of
/// memory_filesystems, on any threads.
///
/// Behaves as a POSIX file system of which the client is the superuser: modes and owners are kept
/// and not enforced; setuid and setgid bits are dropped. There is no more of anything than the
/// options say (ENOSPC, EFBIG).
class memory_tree {
public:
    explicit memory_tree(const memory_options& options = {});
    ~memory_tree();
    memory_tree(const memory_tree&) = delete;
    memory_tree& operator=(const memory_tree&) = delete;

    /// Makes a file, or replaces what is in it, with the directories that lead there. Errors: an
    /// errno.
    result<> put(std::string_view path, bytes_view content);

    /// What is in a file. Errors: an errno.
    result<bytes> get(std::string_view path) const;

    /// Bytes in files.
    std::uint64_t bytes_used() const;

    class implementation;  // of no use to others

private:
    friend class memory_filesystem;
    std::unique_ptr<implementation> implementation_;
};

/// Serves a memory_tree to one session. Every operation completes at once.
class memory_filesystem final : public sftp::filesystem {
public:
    explicit memory_filesystem(std::shared_ptr<memory_tree> tree);
    ~memory_filesystem() override;

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
    void readlink(sftp::op::readlink o, sftp::completion<std::string> done) override;
    void symlink(sftp::op::symlink o, sftp::completion<> done) override;
    void hardlink(sftp::op::hardlink o, sftp::completion<> done) override;
    void fsync(sftp::op::fsync o, sftp::completion<> done) override;
    void statvfs(sftp::op::statvfs o, sftp::completion<sftp::statvfs_reply> done) override;
    void fstatvfs(sftp::op::fstatvfs o, sftp::completion<sftp::statvfs_reply> done) override;
    void copy_data(sftp::op::copy_data o, sftp::completion<> done) override;

private:
    struct open_node;

    open_node& at(sftp::file_handle handle);
    sftp::file_handle add(std::unique_ptr<open_node> n);
    memory_tree::implementation& tree() { return *tree_->implementation_; }
    template <class T, class Work>
    void answer(sftp::completion<T> done, Work work);

    std::shared_ptr<memory_tree> tree_;
    std::vector<std::unique_ptr<open_node>> open_;
    std::vector<std::uint64_t> free_;
};

}  // namespace sluice
