#pragma once

#include "sluice/io/memory_tree.hpp"
#include "sluice/sftp/attributes.hpp"
#include "sluice/sftp/extensions.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// What a memory_tree is made of, for memory_tree.cpp and memory_filesystem.cpp.
namespace sluice {

/// All members but `mutex` are used under it. It is held for one operation at a time, and never
/// while one completes.
class memory_tree::implementation {
public:
    struct node;
    using node_ptr = std::shared_ptr<node>;

    struct node {
        node(implementation& o, std::uint32_t t, std::uint32_t mode);
        ~node();
        bool is(std::uint32_t t) const { return type == t; }
        void touch();  // it was changed now

        implementation& owner;
        std::uint32_t type;  // type_ bits of attributes.hpp
        std::uint32_t permissions;
        sftp::owner_ids ids;
        sftp::file_times times;
        std::uint64_t links = 1;
        bytes content;
        std::string target;  // of a symbolic link
        std::map<std::string, node_ptr, std::less<>> children;
    };

    /// Where a path leads: the directories on the way, and what is there, if anything is.
    struct place {
        std::vector<std::pair<node_ptr, std::string>> way;  // from the root, each with its name
        std::string name;                                   // of `found`, in the last of the way
        node_ptr found;

        node& directory() const { return *way.back().first; }
        bool leads_through(const node* n) const;
        std::string text() const;  // the path without links
    };

    explicit implementation(const memory_options& o);
    ~implementation();

    /// A node that is nowhere yet. Errors: ENOSPC.
    result<node_ptr> make(std::uint32_t type, std::uint32_t mode);

    /// What `path` names; a place without `found` where only the last component is missing.
    result<place> find(std::string_view path, bool follow);
    /// The same, of something that is there.
    result<node_ptr> existing(std::string_view path, bool follow);
    /// For the calls that name an entry, which is never "..", nor the root: EBUSY.
    result<place> entry(std::string_view path);
    /// An entry that is not there: EEXIST.
    result<place> missing(std::string_view path);

    static void link(place& p, node_ptr n);
    static void unlink(place& p);

    /// Errors: EFBIG, ENOSPC.
    result<> resize(node& n, std::uint64_t size);
    /// Makes room up to `end`, for a write.
    result<> grow(node& n, std::uint64_t offset, std::uint64_t length);
    /// Tries all of it and tells the first error, as posix_filesystem.
    result<> set(node& n, const sftp::attributes& attrs);

    sftp::statvfs_reply statvfs() const;
    static sftp::attributes attributes_of(const node& n);

    const memory_options options;
    mutable std::mutex mutex;
    std::uint64_t bytes_used = 0;
    std::size_t nodes_used = 0;
    node_ptr root;
};

/// Seconds since 1970.
std::uint32_t memory_now();

}  // namespace sluice
