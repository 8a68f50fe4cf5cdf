#pragma once

#include "sluice/io/file_descriptor.hpp"
#include "sluice/io/posix_names.hpp"
#include "sluice/sftp/name_batch.hpp"
#include "sluice/wire/error.hpp"

#include <memory>

#include <dirent.h>
#include <sys/types.h>

struct stat;

namespace sluice::posix {

/// Reads the entries of one directory, a batch at a time, by one thread at a time.
class directory_reader {
public:
    /// With `one_mount`, of what is mounted in it no more is told than that it is there.
    static result<std::unique_ptr<directory_reader>> open(file_descriptor fd, bool one_mount);

    /// The next entries with their attributes; empty at the end. "." and ".." are among them, both
    /// with the attributes of the directory itself: what lies above it may be outside the root.
    result<sftp::name_batch> next(id_name_cache& names);

    int fd() const { return ::dirfd(stream_.get()); }

private:
    struct closer {
        void operator()(DIR* stream) const { ::closedir(stream); }
    };
    directory_reader(DIR* stream, dev_t device, bool one_mount)
        : stream_(stream), device_(device), one_mount_(one_mount) {}
    bool hides(const char* name, const struct stat& status) const;

    std::unique_ptr<DIR, closer> stream_;
    dev_t device_;
    bool one_mount_;
};

}  // namespace sluice::posix
