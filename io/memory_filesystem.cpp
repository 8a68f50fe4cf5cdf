#include "sluice/io/memory_filesystem.hpp"

#include "sluice/sftp/path.hpp"
#include "sluice/sftp/requests.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <map>
#include <mutex>
#include <utility>

namespace sluice {
namespace {

constexpr std::size_t name_length_max = 255;  // bytes, as file systems have it
constexpr std::size_t target_length_max = 4095;
constexpr int links_max = 40;  // on one path, as the kernel
constexpr std::uint32_t mode_mask = 01777;
constexpr std::uint64_t block_size = 4096;

error_code failed(int number) { return {number, boost::system::generic_category()}; }

std::uint32_t now() {
    const auto since = std::chrono::system_clock::now().time_since_epoch();
    return static_cast<std::uint32_t>(
        std::chrono::duration_cast<std::chrono::seconds>(since).count());
}

}  // namespace

// What is in the tree. The lock is held for one operation at a time, and never while one completes.
class memory_tree::implementation {
public:
    struct node;
    using node_ptr = std::shared_ptr<node>;

    struct node {
        node(implementation& o, std::uint32_t t, std::uint32_t mode)
            : owner(o), type(t), permissions(mode & mode_mask) {
            times = {now(), now()};
            ++owner.nodes_used;
        }
        ~node() {
            --owner.nodes_used;
            owner.bytes_used -= content.size();
        }
        bool is(std::uint32_t t) const { return type == t; }

        implementation& owner;
        std::uint32_t type;
        std::uint32_t permissions;
        sftp::owner_ids ids;
        sftp::file_times times;
        std::uint64_t links = 1;
        bytes content;
        std::string target;  // of a symbolic link
        std::map<std::string, node_ptr, std::less<>> children;
    };

    // Where a path leads: the directories on the way, and what is there, if anything is.
    struct place {
        std::vector<std::pair<node_ptr, std::string>> way;  // from the root, each with its name
        std::string name;                                   // of `found`, in the last of the way
        node_ptr found;

        node& directory() const { return *way.back().first; }
        std::string text() const {
            std::string out;
            for (std::size_t i = 1; i < way.size(); ++i)
                out += "/" + way[i].second;
            if (!name.empty()) out += "/" + name;
            return out.empty() ? "/" : out;
        }
    };

    explicit implementation(const memory_options& o) : options(o) {
        root = std::make_shared<node>(*this, sftp::type_directory, 0755u);
    }

    // Not by recursion: clients choose how deep the tree is.
    ~implementation() {
        std::vector<node_ptr> left{std::move(root)};
        while (!left.empty()) {
            const node_ptr n = std::move(left.back());
            left.pop_back();
            for (auto& [name, child] : n->children)
                left.push_back(std::move(child));
            n->children.clear();
        }
    }

    result<node_ptr> make(std::uint32_t type, std::uint32_t mode) {
        if (nodes_used >= options.nodes_max) return failed(ENOSPC);
        return std::make_shared<node>(*this, type, mode);
    }

    result<> resize(node& n, std::uint64_t size) {
        const std::uint64_t others = bytes_used - n.content.size();
        if (size > options.bytes_max) return failed(EFBIG);
        if (size > options.bytes_max - std::min(others, options.bytes_max)) return failed(ENOSPC);
        n.content.resize(size);
        if (size < n.content.capacity() / 4) n.content.shrink_to_fit();
        bytes_used = others + size;
        return {};
    }

    // Finds what `path` names; a place without `found` where only the last component is missing.
    result<place> find(std::string_view path, bool follow) {
        std::vector<std::string> left;  // the next component last
        const auto push = [&left](std::string_view text) {
            while (!text.empty()) {
                const auto slash = text.rfind('/');
                const auto component =
                    slash == std::string_view::npos ? text : text.substr(slash + 1);
                text = slash == std::string_view::npos ? "" : text.substr(0, slash);
                if (!component.empty() && component != ".") left.emplace_back(component);
            }
        };
        push(path);
        const bool slash_behind = path.ends_with('/');
        follow = follow || slash_behind;
        place p;
        p.way.emplace_back(root, "");
        int links = 0;
        while (!left.empty()) {
            if (p.found) {  // of the component before
                if (!p.found->is(sftp::type_directory)) return failed(ENOTDIR);
                p.way.emplace_back(std::move(p.found), std::move(p.name));
                p.found = nullptr;
            }
            const std::string component = std::move(left.back());
            left.pop_back();
            p.name.clear();
            if (component == "..") {
                if (p.way.size() > 1) p.way.pop_back();
                continue;
            }
            if (component.size() > name_length_max) return failed(ENAMETOOLONG);
            p.name = component;
            const auto child = p.directory().children.find(component);
            if (child == p.directory().children.end()) {
                if (!left.empty()) return failed(ENOENT);
                return p;
            }
            if (child->second->is(sftp::type_symlink) && (follow || !left.empty())) {
                if (++links > links_max) return failed(ELOOP);
                if (child->second->target.starts_with('/')) p.way.resize(1);
                push(child->second->target);
                p.name.clear();
                continue;
            }
            p.found = child->second;
        }
        if (!p.found) {  // the path ended with "..", or is the root
            p.found = p.way.back().first;
            p.name = p.way.back().second;
            if (p.way.size() > 1) p.way.pop_back();
        }
        if (slash_behind && !p.found->is(sftp::type_directory)) return failed(ENOTDIR);
        return p;
    }
    result<node_ptr> existing(std::string_view path, bool follow) {
        auto p = find(path, follow);
        if (!p) return p.error();
        if (!p->found) return failed(ENOENT);
        return p->found;
    }
    // The same for the calls that name an entry, which is never "..", nor the root.
    result<place> entry(std::string_view path) {
        if (!sftp::split(path).has_name()) return failed(EBUSY);
        while (path.ends_with('/'))
            path.remove_suffix(1);
        return find(path, false);
    }
    result<place> missing(std::string_view path) {
        auto p = entry(path);
        if (p && p->found) return failed(EEXIST);
        return p;
    }

    static void unlink(place& p) {
        p.directory().children.erase(p.name);
        p.directory().times.mtime = now();
        --p.found->links;
    }
    static void link(place& p, node_ptr n) {
        p.directory().children[p.name] = std::move(n);
        p.directory().times.mtime = now();
    }

    sftp::statvfs_reply statvfs() const {
        sftp::statvfs_reply r;
        r.f_bsize = r.f_frsize = block_size;
        r.f_blocks = options.bytes_max / block_size;
        r.f_bfree = r.f_bavail = (options.bytes_max - bytes_used) / block_size;
        r.f_files = options.nodes_max;
        r.f_ffree = r.f_favail = options.nodes_max - std::min(nodes_used, options.nodes_max);
        r.f_flag = sftp::statvfs_no_setuid;
        r.f_namemax = name_length_max;
        return r;
    }

    // Tries all of it and tells the first error, as the posix one.
    result<> set(node& n, const sftp::attributes& attrs) {
        error_code error;
        if (attrs.size) {
            if (n.is(sftp::type_directory))
                error = failed(EISDIR);
            else if (n.is(sftp::type_symlink))
                error = errc::sftp_bad_message;
            else if (auto sized = resize(n, *attrs.size); !sized)
                error = sized.error();
            else
                n.times.mtime = now();
        }
        if (attrs.permissions && n.is(sftp::type_symlink) && !error) error = failed(EOPNOTSUPP);
        if (attrs.permissions && !n.is(sftp::type_symlink))
            n.permissions = *attrs.permissions & mode_mask;
        if (attrs.times) n.times = *attrs.times;
        if (attrs.owner) n.ids = *attrs.owner;
        if (error) return error;
        return {};
    }

    static sftp::attributes attributes_of(const node& n) {
        const std::uint64_t size = n.is(sftp::type_symlink) ? n.target.size() : n.content.size();
        return {size, n.ids, n.type | n.permissions, n.times};
    }

    const memory_options options;
    mutable std::mutex mutex;
    std::uint64_t bytes_used = 0;
    std::size_t nodes_used = 0;
    node_ptr root;
};

using tree_node = memory_tree::implementation::node;
using tree_place = memory_tree::implementation::place;

// --- memory_tree ------------------------------------------------------------------------------

memory_tree::memory_tree(const memory_options& options)
    : implementation_(std::make_unique<implementation>(options)) {}

memory_tree::~memory_tree() = default;

result<> memory_tree::put(std::string_view path, bytes_view content) {
    implementation& t = *implementation_;
    const std::lock_guard lock(t.mutex);
    const std::string whole = sftp::canonical_path(path);
    for (auto slash = whole.find('/', 1); slash != std::string::npos;
         slash = whole.find('/', slash + 1)) {
        auto p = t.find(std::string_view(whole).substr(0, slash), true);
        if (!p) return p.error();
        if (p->found) continue;
        auto made = t.make(sftp::type_directory, 0755);
        if (!made) return made.error();
        implementation::link(*p, std::move(*made));
    }
    auto p = t.find(whole, true);
    if (!p) return p.error();
    if (!p->found) {
        auto made = t.make(sftp::type_regular, 0644);
        if (!made) return made.error();
        p->found = *made;
        implementation::link(*p, std::move(*made));
    }
    if (!p->found->is(sftp::type_regular)) return failed(EISDIR);
    if (auto sized = t.resize(*p->found, content.size()); !sized) return sized;
    std::ranges::copy(content, p->found->content.begin());
    return {};
}

result<bytes> memory_tree::get(std::string_view path) const {
    const std::lock_guard lock(implementation_->mutex);
    const auto n = implementation_->existing(path, true);
    if (!n) return n.error();
    if (!(*n)->is(sftp::type_regular)) return failed(EISDIR);
    return (*n)->content;
}

std::uint64_t memory_tree::bytes_used() const {
    const std::lock_guard lock(implementation_->mutex);
    return implementation_->bytes_used;
}

// --- memory_filesystem ------------------------------------------------------------------------

struct memory_filesystem::open_node {
    std::shared_ptr<tree_node> node;
    bool append = false;
    std::string listed_to = {};  // of a directory: entries after this one are next
    bool listing_begun = false;
};

memory_filesystem::memory_filesystem(std::shared_ptr<memory_tree> tree) : tree_(std::move(tree)) {}

// The nodes' counts are the tree's.
memory_filesystem::~memory_filesystem() {
    const std::lock_guard lock(tree().mutex);
    open_.clear();
}

memory_filesystem::open_node& memory_filesystem::at(sftp::file_handle handle) {
    const auto index = static_cast<std::uint64_t>(handle);
    expects(index < open_.size() && open_[index] != nullptr);
    return *open_[index];
}

sftp::file_handle memory_filesystem::add(std::unique_ptr<open_node> n) {
    if (free_.empty()) {
        open_.push_back(std::move(n));
        return static_cast<sftp::file_handle>(open_.size() - 1);
    }
    const std::uint64_t index = free_.back();
    free_.pop_back();
    open_[index] = std::move(n);
    return static_cast<sftp::file_handle>(index);
}

template <class T, class Work>
void memory_filesystem::answer(sftp::completion<T> done, Work work) {
    auto outcome = [&] {
        const std::lock_guard lock(tree().mutex);
        return work(tree());
    }();
    done(std::move(outcome));
}

using tree_type = memory_tree::implementation;

void memory_filesystem::open(sftp::op::open o, sftp::completion<sftp::file_handle> done) {
    answer(std::move(done), [&](auto& tree) -> result<sftp::file_handle> {
        const bool creates = (o.pflags & sftp::fxf_creat) != 0;
        const bool exclusive = creates && (o.pflags & sftp::fxf_excl) != 0;
        auto p = tree.find(o.path, !exclusive);
        if (!p) return p.error();
        if (!p->found) {
            if (!creates) return failed(ENOENT);
            if (o.path.ends_with('/')) return failed(EISDIR);
            auto made = tree.make(sftp::type_regular, o.attrs.permissions.value_or(0666) & 0777);
            if (!made) return made.error();
            p->found = *made;
            tree_type::link(*p, std::move(*made));
        } else if (exclusive) {
            return failed(EEXIST);
        }
        tree_node& n = *p->found;
        if (n.is(sftp::type_directory)) return failed(EISDIR);
        if ((o.pflags & sftp::fxf_trunc) != 0) static_cast<void>(tree.resize(n, 0));
        return add(
            std::make_unique<open_node>(open_node{p->found, (o.pflags & sftp::fxf_append) != 0}));
    });
}

void memory_filesystem::close(sftp::op::close o, sftp::completion<> done) {
    answer(std::move(done), [&](auto&) -> result<> {
        const auto index = static_cast<std::uint64_t>(o.file);
        at(o.file);
        open_[index].reset();
        free_.push_back(index);
        return {};
    });
}

void memory_filesystem::read(sftp::op::read o, sftp::completion<wire::buffer> done) {
    answer(std::move(done), [&](auto&) -> result<wire::buffer> {
        const bytes& content = at(o.file).node->content;
        if (o.offset < content.size()) {
            const std::size_t n = std::min<std::uint64_t>(o.length, content.size() - o.offset);
            std::memcpy(o.into.space().data(), content.data() + o.offset, n);
            o.into.commit(n);
        }
        return std::move(o.into);
    });
}

void memory_filesystem::write(sftp::op::write o, sftp::completion<> done) {
    answer(std::move(done), [&](auto& tree) -> result<> {
        open_node& h = at(o.file);
        tree_node& n = *h.node;
        const bytes_view data = o.data.view();
        if (data.empty()) return {};
        const std::uint64_t offset = h.append ? n.content.size() : o.offset;
        if (offset > tree.options.bytes_max) return failed(EFBIG);
        if (offset + data.size() > n.content.size()) {
            if (auto sized = tree.resize(n, offset + data.size()); !sized) return sized;
        }
        std::memcpy(n.content.data() + offset, data.data(), data.size());
        n.times.mtime = now();
        return {};
    });
}

void memory_filesystem::stat(sftp::op::stat o, sftp::completion<sftp::attributes> done) {
    answer(std::move(done), [&](auto& tree) -> result<sftp::attributes> {
        const auto n = tree.existing(o.path, o.follow);
        if (!n) return n.error();
        return tree_type::attributes_of(**n);
    });
}

void memory_filesystem::fstat(sftp::op::fstat o, sftp::completion<sftp::attributes> done) {
    answer(std::move(done), [&](auto&) -> result<sftp::attributes> {
        return tree_type::attributes_of(*at(o.file).node);
    });
}

void memory_filesystem::setstat(sftp::op::setstat o, sftp::completion<> done) {
    answer(std::move(done), [&](auto& tree) -> result<> {
        const auto n = tree.existing(o.path, o.follow);
        if (!n) return n.error();
        return tree.set(**n, o.attrs);
    });
}

void memory_filesystem::fsetstat(sftp::op::fsetstat o, sftp::completion<> done) {
    answer(std::move(done), [&](auto& tree) { return tree.set(*at(o.file).node, o.attrs); });
}

void memory_filesystem::fsync(sftp::op::fsync, sftp::completion<> done) { done(result<>()); }

void memory_filesystem::copy_data(sftp::op::copy_data o, sftp::completion<> done) {
    answer(std::move(done), [&](auto& tree) -> result<> {
        const tree_node& from = *at(o.from).node;
        open_node& h = at(o.to);
        tree_node& to = *h.node;
        if (o.from_offset >= from.content.size()) return {};
        std::uint64_t n = from.content.size() - o.from_offset;
        if (o.length != 0) n = std::min(n, o.length);
        const std::uint64_t offset = h.append ? to.content.size() : o.to_offset;
        if (offset > tree.options.bytes_max) return failed(EFBIG);
        if (offset + n > to.content.size()) {
            if (auto sized = tree.resize(to, offset + n); !sized) return sized;
        }
        std::memmove(to.content.data() + offset, from.content.data() + o.from_offset, n);
        to.times.mtime = now();
        return {};
    });
}

// --- directories ------------------------------------------------------------------------------

void memory_filesystem::opendir(sftp::op::opendir o, sftp::completion<sftp::file_handle> done) {
    answer(std::move(done), [&](auto& tree) -> result<sftp::file_handle> {
        const auto n = tree.existing(o.path, true);
        if (!n) return n.error();
        if (!(*n)->is(sftp::type_directory)) return failed(ENOTDIR);
        return add(std::make_unique<open_node>(open_node{*n}));
    });
}

void memory_filesystem::readdir(sftp::op::readdir o, sftp::completion<sftp::name_batch> done) {
    answer(std::move(done), [&](auto&) -> result<sftp::name_batch> {
        open_node& h = at(o.directory);
        sftp::name_batch batch;
        sftp::long_name_details details;
        details.now = now();
        const auto add_entry = [&](std::string_view name, const tree_node& n) {
            const auto attrs = tree_type::attributes_of(n);
            details.links = n.links;
            batch.add(name, sftp::long_name_prefix(attrs, details), attrs);
        };
        if (!h.listing_begun) {
            add_entry(".", *h.node);
            add_entry("..", *h.node);  // as the posix one: what is above may be nobody's business
        }
        h.listing_begun = true;
        const auto& children = h.node->children;
        for (auto it = children.upper_bound(h.listed_to); it != children.end() && !batch.full();
             ++it) {
            add_entry(it->first, *it->second);
            h.listed_to = it->first;
        }
        return batch;
    });
}

void memory_filesystem::mkdir(sftp::op::mkdir o, sftp::completion<> done) {
    answer(std::move(done), [&](auto& tree) -> result<> {
        auto p = tree.missing(o.path);
        if (!p) return p.error();
        auto made = tree.make(sftp::type_directory, o.attrs.permissions.value_or(0777));
        if (!made) return made.error();
        tree_type::link(*p, std::move(*made));
        return {};
    });
}

void memory_filesystem::rmdir(sftp::op::rmdir o, sftp::completion<> done) {
    answer(std::move(done), [&](auto& tree) -> result<> {
        auto p = tree.entry(o.path);
        if (!p) return p.error();
        if (!p->found) return failed(ENOENT);
        if (!p->found->is(sftp::type_directory)) return failed(ENOTDIR);
        if (!p->found->children.empty()) return failed(ENOTEMPTY);
        tree_type::unlink(*p);
        return {};
    });
}

void memory_filesystem::remove(sftp::op::remove o, sftp::completion<> done) {
    answer(std::move(done), [&](auto& tree) -> result<> {
        auto p = tree.entry(o.path);
        if (!p) return p.error();
        if (!p->found) return failed(ENOENT);
        if (p->found->is(sftp::type_directory)) return failed(EISDIR);
        tree_type::unlink(*p);
        return {};
    });
}

// In the kernel's order of checks.
void memory_filesystem::rename(sftp::op::rename o, sftp::completion<> done) {
    answer(std::move(done), [&](auto& tree) -> result<> {
        auto from = tree.entry(o.oldpath);
        if (!from) return from.error();
        auto to = tree.entry(o.newpath);
        if (!to) return to.error();
        if (!from->found) return failed(ENOENT);
        if (to->found && !o.replace) return failed(EEXIST);
        const auto holds = [](const tree_place& p, const tree_node* n) {
            return std::ranges::any_of(p.way, [n](const auto& d) { return d.first.get() == n; });
        };
        if (holds(*to, from->found.get())) return failed(EINVAL);  // into itself
        if (to->found) {
            if (holds(*from, to->found.get())) return failed(ENOTEMPTY);
            if (to->found == from->found) return {};
            const bool directory = from->found->is(sftp::type_directory);
            if (directory && !to->found->is(sftp::type_directory)) return failed(ENOTDIR);
            if (!directory && to->found->is(sftp::type_directory)) return failed(EISDIR);
            if (!to->found->children.empty()) return failed(ENOTEMPTY);
            tree_type::unlink(*to);
        }
        const auto moved = from->found;
        from->directory().children.erase(from->name);
        from->directory().times.mtime = now();
        tree_type::link(*to, moved);
        return {};
    });
}

// --- links and names --------------------------------------------------------------------------

void memory_filesystem::realpath(sftp::op::realpath o, sftp::completion<std::string> done) {
    answer(std::move(done), [&](auto& tree) -> result<std::string> {
        const auto p = tree.find(o.path, true);
        if (!p) return p.error();
        return p->text();
    });
}

void memory_filesystem::readlink(sftp::op::readlink o, sftp::completion<std::string> done) {
    answer(std::move(done), [&](auto& tree) -> result<std::string> {
        const auto n = tree.existing(o.path, false);
        if (!n) return n.error();
        if (!(*n)->is(sftp::type_symlink)) return failed(EINVAL);
        return (*n)->target;
    });
}

void memory_filesystem::symlink(sftp::op::symlink o, sftp::completion<> done) {
    answer(std::move(done), [&](auto& tree) -> result<> {
        if (o.targetpath.empty()) return failed(ENOENT);
        if (o.targetpath.size() > target_length_max) return failed(ENAMETOOLONG);
        auto p = tree.missing(o.linkpath);
        if (!p) return p.error();
        auto made = tree.make(sftp::type_symlink, 0777);
        if (!made) return made.error();
        (*made)->target = o.targetpath;
        tree_type::link(*p, std::move(*made));
        return {};
    });
}

void memory_filesystem::hardlink(sftp::op::hardlink o, sftp::completion<> done) {
    answer(std::move(done), [&](auto& tree) -> result<> {
        const auto from = tree.entry(o.oldpath);
        if (!from) return from.error();
        auto to = tree.entry(o.newpath);
        if (!to) return to.error();
        if (!from->found) return failed(ENOENT);
        if (to->found) return failed(EEXIST);
        if (from->found->is(sftp::type_directory)) return failed(EPERM);
        ++from->found->links;
        tree_type::link(*to, from->found);
        return {};
    });
}

void memory_filesystem::statvfs(sftp::op::statvfs o, sftp::completion<sftp::statvfs_reply> done) {
    answer(std::move(done), [&](auto& tree) -> result<sftp::statvfs_reply> {
        const auto n = tree.existing(o.path, true);
        if (!n) return n.error();
        return tree.statvfs();
    });
}

void memory_filesystem::fstatvfs(sftp::op::fstatvfs, sftp::completion<sftp::statvfs_reply> done) {
    answer(std::move(done),
           [&](auto& tree) -> result<sftp::statvfs_reply> { return tree.statvfs(); });
}

}  // namespace sluice
