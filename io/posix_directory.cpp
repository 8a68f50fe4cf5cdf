#include "sluice/io/posix_directory.hpp"

#include "sluice/io/posix_calls.hpp"
#include "sluice/io/posix_root.hpp"

#include <cstring>
#include <ctime>
#include <string_view>

#include <fcntl.h>
#include <sys/stat.h>

namespace sluice::posix {

result<std::unique_ptr<directory_reader>> directory_reader::open(file_descriptor fd,
                                                                 bool one_mount) {
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0) return last_system_error();
    DIR* const stream = ::fdopendir(fd.get());
    if (stream == nullptr) return last_system_error();
    static_cast<void>(fd.release());  // the stream's now
    return std::unique_ptr<directory_reader>(
        new directory_reader(stream, status.st_dev, one_mount));
}

// What lies behind a mount point of the kernel's own is not shown: only that there is something.
bool directory_reader::hides(const char* name, const struct stat& status) const {
    if (one_mount_ && is_mount_point(fd(), name)) return true;  // also of the same file system
    if (status.st_dev == device_) return false;
    const file_descriptor there(::openat(fd(), name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
    return !there || speaks_for_the_kernel(there.get());
}

result<sftp::name_batch> directory_reader::next(id_name_cache& names) {
    names.refresh();
    sftp::name_batch batch;
    sftp::long_name_details details;
    details.now = ::time(nullptr);
    std::string user;
    std::string group;
    struct stat previous {};  // neighbours mostly have one owner
    bool first = true;
    while (!batch.full()) {
        errno = 0;
        const dirent* const entry = ::readdir(stream_.get());
        if (entry == nullptr) {
            if (errno != 0 && batch.empty()) return last_system_error();
            break;
        }
        const std::string_view name = entry->d_name;
        const bool itself = name == "." || name == "..";
        struct stat status {};
        // What has vanished since is left out.
        if (itself ? ::fstat(fd(), &status) != 0
                   : ::fstatat(fd(), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        if (!itself && hides(entry->d_name, status)) {
            struct stat hidden {};
            hidden.st_mode = status.st_mode & S_IFMT;
            status = hidden;
        }
        if (first || status.st_uid != previous.st_uid || status.st_gid != previous.st_gid) {
            user = names.user(status.st_uid);
            group = names.group(status.st_gid);
            first = false;
        }
        previous = status;
        details.links = status.st_nlink;
        details.user = user;
        details.group = group;
        struct tm local {};
        details.utc_offset = ::localtime_r(&status.st_mtime, &local) ? local.tm_gmtoff : 0;
        const sftp::attributes attrs = attributes_of(status);
        batch.add(name, sftp::long_name_prefix(attrs, details), attrs);
    }
    return batch;
}

}  // namespace sluice::posix
