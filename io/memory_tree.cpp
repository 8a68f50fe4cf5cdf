#include "sluice/io/memory_tree.hpp"

#include "sluice/io/memory_nodes.hpp"
#include "sluice/sftp/path.hpp"
#include "sluice/wire/error.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>

namespace sluice {

using tree = memory_tree::implementation;
using place_type = tree::place;

namespace {

constexpr std::size_t name_length_max = 255;  // bytes, as file systems have it
constexpr int links_max = 40;                 // on one path, as the kernel
constexpr std::uint32_t mode_mask = 01777;
constexpr std::uint64_t block_size = 4096;

error_code failed(int number) { return {number, boost::system::generic_category()}; }

}  // namespace

std::uint32_t memory_now() {
    const auto since = std::chrono::system_clock::now().time_since_epoch();
    return static_cast<std::uint32_t>(
        std::chrono::duration_cast<std::chrono::seconds>(since).count());
}

// --- nodes and places -------------------------------------------------------------------------

tree::node::node(implementation& o, std::uint32_t t, std::uint32_t mode)
    : owner(o), type(t), permissions(mode & mode_mask), times{memory_now(), memory_now()} {
    ++owner.nodes_used;
}

tree::node::~node() {
    --owner.nodes_used;
    owner.bytes_used -= content.size();
}

void tree::node::touch() { times.mtime = memory_now(); }

bool tree::place::leads_through(const node* n) const {
    return std::ranges::any_of(way, [n](const auto& d) { return d.first.get() == n; });
}

std::string tree::place::text() const {
    std::string out;
    for (std::size_t i = 1; i < way.size(); ++i)
        out += "/" + way[i].second;
    if (!name.empty()) out += "/" + name;
    return out.empty() ? "/" : out;
}

// --- the tree ---------------------------------------------------------------------------------

tree::implementation(const memory_options& o) : options(o) {
    root = std::make_shared<node>(*this, sftp::type_directory, 0755u);
}

// Not by recursion: clients choose how deep the tree is.
tree::~implementation() {
    std::vector<node_ptr> left{std::move(root)};
    while (!left.empty()) {
        const node_ptr n = std::move(left.back());
        left.pop_back();
        for (auto& [name, child] : n->children)
            left.push_back(std::move(child));
        n->children.clear();
    }
}

result<tree::node_ptr> tree::make(std::uint32_t type, std::uint32_t mode) {
    if (nodes_used >= options.nodes_max) return failed(ENOSPC);
    return std::make_shared<node>(*this, type, mode);
}

result<place_type> tree::find(std::string_view path, bool follow) {
    std::vector<std::string> left;  // the next component last
    const auto push = [&left](std::string_view text) {
        while (!text.empty()) {
            const auto slash = text.rfind('/');
            const auto component = slash == std::string_view::npos ? text : text.substr(slash + 1);
            text = slash == std::string_view::npos ? "" : text.substr(0, slash);
            if (!component.empty() && component != ".") left.emplace_back(component);
        }
    };
    push(path);
    const bool slash_behind = path.ends_with('/');
    follow = follow || slash_behind;
    place_type p;
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

result<tree::node_ptr> tree::existing(std::string_view path, bool follow) {
    auto p = find(path, follow);
    if (!p) return p.error();
    if (!p->found) return failed(ENOENT);
    return p->found;
}

result<place_type> tree::entry(std::string_view path) {
    if (!sftp::split(path).has_name()) return failed(EBUSY);
    while (path.ends_with('/'))
        path.remove_suffix(1);
    return find(path, false);
}

result<place_type> tree::missing(std::string_view path) {
    auto p = entry(path);
    if (p && p->found) return failed(EEXIST);
    return p;
}

void tree::link(place& p, node_ptr n) {
    p.directory().children[p.name] = std::move(n);
    p.directory().touch();
}

void tree::unlink(place& p) {
    p.directory().children.erase(p.name);
    p.directory().touch();
    --p.found->links;
}

result<> tree::resize(node& n, std::uint64_t size) {
    const std::uint64_t others = bytes_used - n.content.size();
    if (size > options.bytes_max) return failed(EFBIG);
    if (size > options.bytes_max - std::min(others, options.bytes_max)) return failed(ENOSPC);
    n.content.resize(size);
    if (size < n.content.capacity() / 4) n.content.shrink_to_fit();
    bytes_used = others + size;
    return {};
}

result<> tree::grow(node& n, std::uint64_t offset, std::uint64_t length) {
    if (offset > options.bytes_max) return failed(EFBIG);
    if (offset + length <= n.content.size()) return {};
    return resize(n, offset + length);
}

result<> tree::set(node& n, const sftp::attributes& attrs) {
    if (sftp::sets_id(attrs)) return errc::set_id_not_permitted;
    error_code error;
    if (attrs.size) {
        if (n.is(sftp::type_directory))
            error = failed(EISDIR);
        else if (n.is(sftp::type_symlink))
            error = errc::sftp_bad_message;
        else if (auto sized = resize(n, *attrs.size); !sized)
            error = sized.error();
        else
            n.touch();
    }
    if (attrs.permissions && n.is(sftp::type_symlink) && !error) error = failed(EOPNOTSUPP);
    if (attrs.permissions && !n.is(sftp::type_symlink))
        n.permissions = *attrs.permissions & mode_mask;
    if (attrs.times) n.times = *attrs.times;
    if (attrs.owner) n.ids = *attrs.owner;
    if (error) return error;
    return {};
}

sftp::statvfs_reply tree::statvfs() const {
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

sftp::attributes tree::attributes_of(const node& n) {
    const std::uint64_t size = n.is(sftp::type_symlink) ? n.target.size() : n.content.size();
    return {size, n.ids, n.type | n.permissions, n.times};
}

// --- what others see of it --------------------------------------------------------------------

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
        tree::link(*p, std::move(*made));
    }
    auto p = t.find(whole, true);
    if (!p) return p.error();
    if (!p->found) {
        auto made = t.make(sftp::type_regular, 0644);
        if (!made) return made.error();
        p->found = *made;
        tree::link(*p, std::move(*made));
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

}  // namespace sluice
