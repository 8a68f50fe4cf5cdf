#pragma once

#include "sluice/wire/bytes.hpp"
#include "sluice/wire/error.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace sluice {

struct memory_options {
    std::uint64_t bytes_max = 64 * 1024 * 1024;  // of all files together, with those unlinked
    std::size_t nodes_max = 100'000;             // files, directories and links
};

/// Files, directories and symbolic links in memory, to be served by any number of
/// memory_filesystems, on any threads.
///
/// Behaves as a POSIX file system of which the client is the superuser: modes and owners are kept
/// and not enforced; who asks for setuid and setgid is refused. There is no more of anything than
/// the options say (ENOSPC, EFBIG).
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

}  // namespace sluice
