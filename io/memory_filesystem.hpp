#pragma once

#include "sluice/io/memory_tree.hpp"
#include "sluice/sftp/filesystem.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace sluice {

/// Serves a memory_tree to one session. Every operation completes at once.
class memory_filesystem : public sftp::filesystem {
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
