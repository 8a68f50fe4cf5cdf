#include "sluice/io/posix_names.hpp"

#include "sluice/io/posix_calls.hpp"
#include "sluice/io/posix_root.hpp"
#include "sluice/wire/buffer.hpp"
#include "sluice/wire/bytes.hpp"
#include "sluice/wire/limits.hpp"

#include <ctime>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>

namespace sluice::posix {
namespace {

constexpr std::int64_t second_ns = 1'000'000'000;

std::int64_t nanoseconds(const timespec& t) { return t.tv_sec * second_ns + t.tv_nsec; }

// What is longer than it may be has no names.
id_table read_names(int fd) {
    wire::buffer text(limits::id_file_length_max + 1);
    if (!read_fully(fd, 0, limits::id_file_length_max + 1, text)) return {};
    if (text.size() > limits::id_file_length_max) return {};
    return parse_id_file(as_text(text.view()));
}

}  // namespace

id_name_cache::identity id_name_cache::identity_of(int fd) {
    struct stat s {};
    if (::fstat(fd, &s) != 0) return {};
    return {s.st_dev, s.st_ino, s.st_size, nanoseconds(s.st_mtim), nanoseconds(s.st_ctim)};
}

void id_name_cache::refresh() {
    if (below_ == nullptr) return;
    refresh(users_);
    refresh(groups_);
}

void id_name_cache::refresh(table& t) {
    const auto there = below_->open(t.path, O_PATH);
    const identity now = there ? identity_of(there->get()) : identity();
    {
        const std::lock_guard lock(mutex_);
        if (t.read_from == now) return;
    }
    id_table names;
    std::optional<identity> read_from;
    if (there) {
        const auto file = below_->open_file(t.path, O_RDONLY, 0);
        if (file) names = read_names(file->get());
        // What is being written, or was a moment ago, may change without a sign of it.
        timespec clock{};
        ::clock_gettime(CLOCK_REALTIME, &clock);
        const bool steady = now.changed_ns + second_ns < nanoseconds(clock);
        if (file && steady && identity_of(file->get()) == now) read_from = now;
    }
    const std::lock_guard lock(mutex_);
    t.names = std::move(names);
    t.read_from = read_from;
}

template <class Lookup>
std::string id_name_cache::find(table& t, std::uint32_t id, Lookup lookup) {
    {
        const std::lock_guard lock(mutex_);
        const auto found = t.names.find(id);
        if (found != t.names.end()) return found->second;
        if (below_ != nullptr) return {};
    }
    std::string name = lookup(id);  // may take long: not under the lock
    const std::lock_guard lock(mutex_);
    if (t.names.size() >= limits::id_file_names_max) t.names.clear();
    return t.names.insert_or_assign(id, std::move(name)).first->second;
}

std::string id_name_cache::user(uid_t uid) { return find(users_, uid, user_name); }

std::string id_name_cache::group(gid_t gid) { return find(groups_, gid, group_name); }

}  // namespace sluice::posix
