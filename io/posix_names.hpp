#pragma once

#include "sluice/io/id_file.hpp"

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

#include <sys/types.h>

namespace sluice {
class posix_root;
}

namespace sluice::posix {

/// Names of users and groups, kept for a session. Any thread.
///
/// The system's own, or below a root those of etc/passwd and etc/group in it, where there are such:
/// what accounts the machine has is not for somebody who is confined to a directory.
class id_name_cache {
public:
    /// `below` is null for the system's names. It outlives this.
    explicit id_name_cache(const posix_root* below) : below_(below) {}

    /// Reads what has changed since, by size, times and inode. Before names are asked for.
    void refresh();

    /// Empty: there is none.
    std::string user(uid_t uid);
    std::string group(gid_t gid);

private:
    struct identity {
        dev_t device = 0;
        ino_t inode = 0;
        off_t size = 0;
        std::int64_t modified_ns = 0;
        std::int64_t changed_ns = 0;

        bool operator==(const identity&) const = default;
    };
    struct table {
        const char* path;
        id_table names;
        std::optional<identity> read_from;  // nothing: not read, or there is no file
    };

    static identity identity_of(int fd);
    void refresh(table& t);
    template <class Lookup>
    std::string find(table& t, std::uint32_t id, Lookup lookup);

    const posix_root* const below_;
    std::mutex mutex_;
    table users_{"/etc/passwd", {}, {}};
    table groups_{"/etc/group", {}, {}};
};

}  // namespace sluice::posix
