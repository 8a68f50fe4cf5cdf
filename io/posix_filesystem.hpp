#pragma once

#include "sluice/io/descriptor_budget.hpp"
#include "sluice/io/fair_pool.hpp"
#include "sluice/io/pending_tasks.hpp"
#include "sluice/io/posix_root.hpp"
#include "sluice/sftp/filesystem.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/thread_pool.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace sluice {

namespace posix {
class id_name_cache;
enum class set_id;
}  // namespace posix

struct posix_options {
    /// The directory that is served as "/".
    std::string root{};

    /// Where paths begin that have no leading slash, as an absolute path below the root: realpath
    /// of "." gives it. Empty: the root.
    std::string start_directory{};

    /// Whether clients may set the setuid and setgid bits of a mode. What asks for them otherwise
    /// fails with set_id_not_permitted.
    bool allow_set_id = false;

    /// What new files and directories never have of these bits, beside the process's umask.
    mode_t denied_modes = 0;

    /// The mode of every new file, whatever its client asks for, under the process's umask.
    std::optional<mode_t> file_mode{};

    /// Whether character devices are opened, as /dev/null and /dev/zero. They are read and written
    /// on the pool only.
    bool devices = false;

    /// Whether what is mounted below the root is left out: EACCES.
    bool stay_on_filesystem = false;

    /// Of which each open file and directory takes one, and the root; beyond, EMFILE. Empty: the
    /// system's own limit.
    std::shared_ptr<descriptor_account> descriptors{};

    /// In whose turn blocking calls are made, on the same pool. Empty: whoever comes first.
    std::shared_ptr<fair_pool::session> turns{};
};

/// A directory of the operating system, served as "/" (see posix_root).
///
/// Whatever could wait for a disk runs on the thread pool and completes on the executor; what the
/// page and name caches answer, or a file system in RAM, runs at once. Files are regular files:
/// FIFOs, devices (unless permitted) and sockets are refused, and so is whatever is on a file
/// system of the kernel (procfs, sysfs; see speaks_for_the_kernel). New files get the mode the
/// client asked for (0666, 0777 for a directory), under the process's umask. Names of owners are
/// the system's where the root is "/", else those of etc/passwd and etc/group below the root, if
/// any.
///
/// The pool is not stopped before every operation has completed, and the object outlives its
/// operations; sftp_service sees to the latter. Once it is destroyed, no thread of the pool touches
/// the executor, whose context may go then.
class posix_filesystem final : public sftp::filesystem {
public:
    /// Errors: those of opening the root directory and the start directory; EMFILE beyond
    /// `options.descriptors`.
    static result<std::unique_ptr<posix_filesystem>> open(const posix_options& options,
                                                          boost::asio::any_io_executor executor,
                                                          boost::asio::thread_pool& pool);
    ~posix_filesystem() override;

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
    void users_groups(sftp::op::users_groups o, sftp::completion<sftp::id_names> done) override;

private:
    struct open_file;
    struct copy;
    template <class Work, class Finish>
    struct task;
    enum class attempt;

    posix_filesystem(posix_root root, descriptor_share of_root, const posix_options& options,
                     boost::asio::any_io_executor executor, boost::asio::thread_pool& pool);

    open_file& file(sftp::file_handle handle);
    sftp::file_handle add(std::unique_ptr<open_file> f);
    attempt for_changes() const;
    attempt for_looks() const;

    template <class Work>
    void post(Work work);
    template <class Work, class Finish>
    void run(attempt first, Work work, Finish finish);
    template <class Work>
    void open_with(attempt first, sftp::completion<sftp::file_handle> done, Work work);
    template <class T, class Work>
    void answer(attempt first, sftp::completion<T> done, Work work);
    void copy_step(std::unique_ptr<copy> job);
    std::shared_ptr<posix::id_name_cache> names();

    posix_root root_;
    descriptor_share of_root_;
    std::shared_ptr<descriptor_account> descriptors_;
    posix::set_id set_id_;
    mode_t denied_modes_;
    std::optional<mode_t> file_mode_;
    boost::asio::any_io_executor executor_;
    boost::asio::thread_pool& pool_;
    std::shared_ptr<fair_pool::session> turns_;
    std::shared_ptr<posix::id_name_cache> names_;  // null before names()
    std::vector<std::unique_ptr<open_file>> files_;
    std::vector<std::uint64_t> free_;
    pending_tasks pending_;  // last: it waits before anything else goes
};

}  // namespace sluice
