#include "sluice/io/memory_filesystem.hpp"

#include "sluice/io/memory_nodes.hpp"
#include "sluice/sftp/requests.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace sluice {

using tree_type = memory_tree::implementation;
using tree_node = tree_type::node;

namespace {

constexpr std::size_t target_length_max = 4095;  // of a symbolic link, as the kernel

error_code failed(int number) { return {number, boost::system::generic_category()}; }

}  // namespace

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

void memory_filesystem::open(sftp::op::open o, sftp::completion<sftp::file_handle> done) {
    answer(std::move(done), [&](auto& tree) -> result<sftp::file_handle> {
        const bool creates = (o.pflags & sftp::fxf_creat) != 0;
        const bool exclusive = creates && (o.pflags & sftp::fxf_excl) != 0;
        auto p = tree.find(o.path, !exclusive);
        if (!p) return p.error();
        if (!p->found) {
            if (!creates) return failed(ENOENT);
            if (o.path.ends_with('/')) return failed(EISDIR);
            if (sftp::sets_id(o.attrs)) return errc::set_id_not_permitted;
            auto made = tree.make(sftp::type_regular, o.attrs.permissions.value_or(0666));
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
        if (auto room = tree.grow(n, offset, data.size()); !room) return room;
        std::memcpy(n.content.data() + offset, data.data(), data.size());
        n.touch();
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
        if (auto room = tree.grow(to, offset, n); !room) return room;
        std::memmove(to.content.data() + offset, from.content.data() + o.from_offset, n);
        to.touch();
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
        details.now = memory_now();
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
        if (sftp::sets_id(o.attrs)) return errc::set_id_not_permitted;
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
        if (to->leads_through(from->found.get())) return failed(EINVAL);  // into itself
        if (to->found) {
            if (from->leads_through(to->found.get())) return failed(ENOTEMPTY);
            if (to->found == from->found) return {};
            const bool directory = from->found->is(sftp::type_directory);
            if (directory && !to->found->is(sftp::type_directory)) return failed(ENOTDIR);
            if (!directory && to->found->is(sftp::type_directory)) return failed(EISDIR);
            if (!to->found->children.empty()) return failed(ENOTEMPTY);
            tree_type::unlink(*to);
        }
        const auto moved = from->found;
        from->directory().children.erase(from->name);
        from->directory().touch();
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
