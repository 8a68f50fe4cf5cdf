#pragma once

#include "sluice/sftp/filesystem.hpp"
#include "sluice/sftp/path.hpp"
#include "sluice/sftp/requests.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace sluice::test {

/// A file system in memory that can be told to complete later and in any order: with `defer`, an
/// operation takes effect when `run` is called on it. For tests of order only; what programs serve
/// is sluice::memory_filesystem.
class memory_filesystem final : public sftp::filesystem {
public:
    struct node {
        bool directory = false;
        bytes content;
        std::string link;
        std::uint32_t permissions = 0644;
        sftp::file_times times{1, 2};
    };
    struct handle {
        std::shared_ptr<node> what;
        std::uint32_t pflags = 0;
        std::string path;
        std::string next;  // readdir: names after this one
        bool listed = false;
    };

    memory_filesystem() { nodes_["/"] = directory(); }
    ~memory_filesystem() override { expects(pending_.empty()); }

    bool defer = false;
    error_code write_error;        // what every write fails with, if anything
    std::vector<std::string> log;  // what took effect, in order
    std::vector<std::pair<std::string, sftp::ending>> endings;  // by path, in order

    std::size_t pending() const { return pending_.size(); }
    const std::string& pending_name(std::size_t i) const { return pending_[i]->name; }
    std::size_t handles_open() const { return handles_.size(); }

    /// Lets the i-th pending operation take effect and complete.
    void run(std::size_t i) {
        const auto t = std::move(pending_[i]);
        pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(i));
        log.push_back(t->name);
        t->run();
    }
    /// Drops the i-th pending operation uncalled.
    void drop(std::size_t i) {
        const auto t = std::move(pending_[i]);
        pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(i));
    }

    void add_file(const std::string& path, bytes content) {
        auto n = std::make_shared<node>();
        n->content = std::move(content);
        nodes_[path] = n;
    }
    void add_directory(const std::string& path) { nodes_[path] = directory(); }
    bool exists(const std::string& path) const { return nodes_.contains(path); }
    bytes content(const std::string& path) const { return nodes_.at(path)->content; }

    // --- the seam -----------------------------------------------------------------------------

    void open(sftp::op::open o, sftp::completion<sftp::file_handle> done) override {
        act("open " + std::string(o.path), std::move(done),
            [this, o]() -> result<sftp::file_handle> {
                const std::string path = resolved(o.path);
                auto found = nodes_.find(path);
                if (found == nodes_.end()) {
                    if ((o.pflags & sftp::fxf_creat) == 0) return errc::sftp_no_such_file;
                    if (!parent_exists(path)) return errc::sftp_no_such_file;
                    auto n = std::make_shared<node>();
                    if (o.attrs.permissions) n->permissions = *o.attrs.permissions & 0777;
                    found = nodes_.emplace(path, n).first;
                } else if ((o.pflags & sftp::fxf_excl) != 0 || found->second->directory) {
                    return errc::sftp_failure;
                }
                if ((o.pflags & sftp::fxf_trunc) != 0) found->second->content.clear();
                return add_handle({found->second, o.pflags, path, {}, false});
            });
    }
    void close(sftp::op::close o, sftp::completion<> done) override {
        act("close " + number(o.file), std::move(done), [this, o]() -> result<> {
            endings.emplace_back(handles_.at(o.file).path, o.end);
            handles_.erase(o.file);
            return {};
        });
    }
    void read(sftp::op::read o, sftp::completion<wire::buffer> done) override {
        act("read " + number(o.file) + " " + std::to_string(o.offset) + "+" +
                std::to_string(o.length),
            std::move(done), [this, o = std::move(o)]() mutable -> result<wire::buffer> {
                const bytes& c = handles_.at(o.file).what->content;
                if (o.offset >= c.size()) return errc::sftp_eof;
                const std::size_t n = std::min<std::size_t>(o.length, c.size() - o.offset);
                std::memcpy(o.into.space().data(), c.data() + o.offset, n);
                o.into.commit(n);
                return std::move(o.into);
            });
    }
    void write(sftp::op::write o, sftp::completion<> done) override {
        act("write " + number(o.file) + " " + std::to_string(o.offset) + "+" +
                std::to_string(o.data.size()),
            std::move(done), [this, o = std::move(o)]() -> result<> {
                if (write_error) return write_error;
                handle& h = handles_.at(o.file);
                bytes& c = h.what->content;
                const bytes_view data = o.data.view();
                const std::uint64_t at = (h.pflags & sftp::fxf_append) != 0 ? c.size() : o.offset;
                if (at > (1u << 24) || data.size() > (1u << 24)) return errc::sftp_failure;
                if (c.size() < at + data.size()) c.resize(at + data.size());
                std::copy(data.begin(), data.end(), c.begin() + static_cast<std::ptrdiff_t>(at));
                return {};
            });
    }
    void stat(sftp::op::stat o, sftp::completion<sftp::attributes> done) override {
        act("stat " + std::string(o.path), std::move(done),
            [this, o]() -> result<sftp::attributes> {
                const auto found =
                    nodes_.find(o.follow ? resolved(o.path) : sftp::canonical_path(o.path));
                if (found == nodes_.end()) return errc::sftp_no_such_file;
                return attributes_of(*found->second);
            });
    }
    void fstat(sftp::op::fstat o, sftp::completion<sftp::attributes> done) override {
        act("fstat " + number(o.file), std::move(done), [this, o]() -> result<sftp::attributes> {
            return attributes_of(*handles_.at(o.file).what);
        });
    }
    void setstat(sftp::op::setstat o, sftp::completion<> done) override {
        act("setstat " + std::string(o.path), std::move(done), [this, o]() -> result<> {
            const auto found = nodes_.find(resolved(o.path));
            if (found == nodes_.end()) return errc::sftp_no_such_file;
            return change(*found->second, o.attrs);
        });
    }
    void fsetstat(sftp::op::fsetstat o, sftp::completion<> done) override {
        act("fsetstat " + number(o.file), std::move(done),
            [this, o]() -> result<> { return change(*handles_.at(o.file).what, o.attrs); });
    }
    void opendir(sftp::op::opendir o, sftp::completion<sftp::file_handle> done) override {
        act("opendir " + std::string(o.path), std::move(done),
            [this, o]() -> result<sftp::file_handle> {
                const std::string path = resolved(o.path);
                const auto found = nodes_.find(path);
                if (found == nodes_.end() || !found->second->directory)
                    return errc::sftp_no_such_file;
                return add_handle({found->second, 0, path, {}, false});
            });
    }
    void readdir(sftp::op::readdir o, sftp::completion<sftp::name_batch> done) override {
        act("readdir " + number(o.directory), std::move(done),
            [this, o]() -> result<sftp::name_batch> {
                handle& h = handles_.at(o.directory);
                sftp::name_batch batch;
                const std::string prefix = h.path == "/" ? "/" : h.path + "/";
                for (auto it = nodes_.upper_bound(h.listed ? h.next : prefix);
                     it != nodes_.end() && it->first.starts_with(prefix) && !batch.full(); ++it) {
                    h.next = it->first;
                    h.listed = true;
                    const std::string name = it->first.substr(prefix.size());
                    if (name.find('/') != std::string::npos) continue;
                    const auto attrs = attributes_of(*it->second);
                    batch.add(name, sftp::long_name_prefix(attrs, {}), attrs);
                }
                return batch;
            });
    }
    void remove(sftp::op::remove o, sftp::completion<> done) override {
        act("remove " + std::string(o.path), std::move(done), [this, o]() -> result<> {
            const auto found = nodes_.find(sftp::canonical_path(o.path));
            if (found == nodes_.end()) return errc::sftp_no_such_file;
            if (found->second->directory) return errc::sftp_failure;
            nodes_.erase(found);
            return {};
        });
    }
    void mkdir(sftp::op::mkdir o, sftp::completion<> done) override {
        act("mkdir " + std::string(o.path), std::move(done), [this, o]() -> result<> {
            const std::string path = sftp::canonical_path(o.path);
            if (nodes_.contains(path)) return errc::sftp_failure;
            if (!parent_exists(path)) return errc::sftp_no_such_file;
            nodes_[path] = directory();
            return {};
        });
    }
    void rmdir(sftp::op::rmdir o, sftp::completion<> done) override {
        act("rmdir " + std::string(o.path), std::move(done), [this, o]() -> result<> {
            const std::string path = sftp::canonical_path(o.path);
            const auto found = nodes_.find(path);
            if (found == nodes_.end() || !found->second->directory) return errc::sftp_no_such_file;
            const auto below = nodes_.upper_bound(path + "/");
            if (path == "/" || (below != nodes_.end() && below->first.starts_with(path + "/")))
                return errc::sftp_failure;
            nodes_.erase(found);
            return {};
        });
    }
    void rename(sftp::op::rename o, sftp::completion<> done) override {
        act("rename " + std::string(o.oldpath), std::move(done), [this, o]() -> result<> {
            const std::string from = sftp::canonical_path(o.oldpath);
            const std::string to = sftp::canonical_path(o.newpath);
            const auto found = nodes_.find(from);
            if (found == nodes_.end() || found->second->directory) return errc::sftp_no_such_file;
            if (!o.replace && nodes_.contains(to)) return errc::sftp_failure;
            if (to == "/") return errc::sftp_failure;
            const auto what = found->second;
            nodes_.erase(found);
            nodes_[to] = what;
            return {};
        });
    }
    void readlink(sftp::op::readlink o, sftp::completion<std::string> done) override {
        act("readlink " + std::string(o.path), std::move(done), [this, o]() -> result<std::string> {
            const auto found = nodes_.find(sftp::canonical_path(o.path));
            if (found == nodes_.end() || found->second->link.empty())
                return errc::sftp_no_such_file;
            return found->second->link;
        });
    }
    void symlink(sftp::op::symlink o, sftp::completion<> done) override {
        act("symlink " + std::string(o.linkpath), std::move(done), [this, o]() -> result<> {
            const std::string path = sftp::canonical_path(o.linkpath);
            if (nodes_.contains(path)) return errc::sftp_failure;
            auto n = std::make_shared<node>();
            n->link = o.targetpath;
            nodes_[path] = n;
            return {};
        });
    }
    void fsync(sftp::op::fsync o, sftp::completion<> done) override {
        act("fsync " + number(o.file), std::move(done), []() -> result<> { return {}; });
    }
    void statvfs(sftp::op::statvfs o, sftp::completion<sftp::statvfs_reply> done) override {
        act("statvfs " + std::string(o.path), std::move(done), []() -> result<sftp::statvfs_reply> {
            return sftp::statvfs_reply{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
        });
    }
    void copy_data(sftp::op::copy_data o, sftp::completion<> done) override {
        act("copy " + number(o.from) + " " + number(o.to), std::move(done),
            [this, o]() -> result<> {
                const bytes from = handles_.at(o.from).what->content;
                bytes& to = handles_.at(o.to).what->content;
                if (o.from_offset > from.size() || o.to_offset > (1u << 24)) return {};
                std::size_t n = from.size() - o.from_offset;
                if (o.length != 0) n = std::min<std::size_t>(n, o.length);
                to.resize(std::max<std::size_t>(to.size(), o.to_offset + n));
                std::copy_n(from.begin() + static_cast<std::ptrdiff_t>(o.from_offset), n,
                            to.begin() + static_cast<std::ptrdiff_t>(o.to_offset));
                return {};
            });
    }
    void users_groups(sftp::op::users_groups o, sftp::completion<sftp::id_names> done) override {
        act("users_groups", std::move(done), [o = std::move(o)]() -> result<sftp::id_names> {
            sftp::id_names names;
            for (const auto id : o.uids)
                names.users.push_back(id == 0 ? "root" : "");
            for (const auto id : o.gids)
                names.groups.push_back(id == 0 ? "wheel" : "");
            return names;
        });
    }

private:
    struct task {
        explicit task(std::string n) : name(std::move(n)) {}
        virtual ~task() = default;
        virtual void run() = 0;
        std::string name;
    };
    template <class T, class F>
    struct task_of final : task {
        task_of(std::string n, sftp::completion<T> d, F f)
            : task(std::move(n)), done(std::move(d)), work(std::move(f)) {}
        void run() override { done(work()); }
        sftp::completion<T> done;
        F work;
    };

    template <class T, class F>
    void act(std::string name, sftp::completion<T> done, F work) {
        if (defer) {
            pending_.push_back(
                std::make_unique<task_of<T, F>>(std::move(name), std::move(done), std::move(work)));
            return;
        }
        log.push_back(std::move(name));
        done(work());
    }

    static std::shared_ptr<node> directory() {
        auto n = std::make_shared<node>();
        n->directory = true;
        n->permissions = 0755;
        return n;
    }
    static std::string number(sftp::file_handle h) {
        return std::to_string(static_cast<std::uint64_t>(h));
    }
    static sftp::attributes attributes_of(const node& n) {
        const std::uint32_t type = n.directory       ? sftp::type_directory
                                   : !n.link.empty() ? sftp::type_symlink
                                                     : sftp::type_regular;
        return {n.content.size(), sftp::owner_ids{0, 0}, type | n.permissions, n.times};
    }
    static result<> change(node& n, const sftp::attributes& attrs) {
        if (attrs.size) {
            if (*attrs.size > (1u << 24)) return errc::sftp_failure;
            n.content.resize(*attrs.size);
        }
        if (attrs.permissions) n.permissions = *attrs.permissions & 07777;
        if (attrs.times) n.times = *attrs.times;
        return {};
    }
    bool parent_exists(const std::string& path) const {
        const auto slash = path.rfind('/');
        const auto found = nodes_.find(slash == 0 ? "/" : path.substr(0, slash));
        return path != "/" && found != nodes_.end() && found->second->directory;
    }
    std::string resolved(std::string_view path) const {
        std::string p = sftp::canonical_path(path);
        for (int i = 0; i < 8; ++i) {
            const auto found = nodes_.find(p);
            if (found == nodes_.end() || found->second->link.empty()) break;
            p = sftp::canonical_path(found->second->link);
        }
        return p;
    }
    sftp::file_handle add_handle(handle h) {
        const auto id = static_cast<sftp::file_handle>(next_handle_++);
        handles_.emplace(id, std::move(h));
        return id;
    }

    std::map<std::string, std::shared_ptr<node>> nodes_;
    std::map<sftp::file_handle, handle> handles_;
    std::uint64_t next_handle_ = 1;
    std::vector<std::unique_ptr<task>> pending_;
};

}  // namespace sluice::test
