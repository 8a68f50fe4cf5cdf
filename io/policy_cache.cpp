#include "sluice/io/policy_cache.hpp"

#include "sluice/io/file_descriptor.hpp"
#include "sluice/wire/limits.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

namespace sluice {
namespace {

// A file system's clock ticks so slowly that a file may change twice within one time.
constexpr std::chrono::seconds tick{2};

std::int64_t nanoseconds(const timespec& t) {
    return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

}  // namespace

result<std::shared_ptr<const std::string>> policy_cache::text(const std::string& path,
                                                              std::size_t size_max) {
    return get<std::string>(
        path, size_max, [](std::string_view all) { return result<std::string>(std::string(all)); });
}

std::size_t policy_cache::reads() const {
    const std::lock_guard lock(mutex_);
    return reads_;
}

result<policy_cache::identity> policy_cache::identity_of(int fd, bool& regular) {
    struct stat status {};
    if (::fstat(fd, &status) != 0) return last_system_error();
    regular = S_ISREG(status.st_mode);
    return identity{.device = status.st_dev,
                    .inode = status.st_ino,
                    .size = static_cast<std::uint64_t>(status.st_size),
                    .modified_ns = nanoseconds(status.st_mtim),
                    .changed_ns = nanoseconds(status.st_ctim)};
}

result<policy_cache::found_file> policy_cache::look(const std::string& path, std::type_index type,
                                                    std::size_t size_max) {
    const file_descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!file) return last_system_error();
    bool regular = false;
    const auto before = identity_of(file.get(), regular);
    if (!before) return before.error();
    found_file found{.id = *before};
    {
        const std::lock_guard lock(mutex_);
        const auto kept = std::ranges::find_if(
            entries_, [&](const entry& e) { return e.path == path && e.type == type; });
        if (regular && kept != entries_.end() && kept->id == found.id) {
            entries_.splice(entries_.begin(), entries_, kept);
            found.parsed = kept->parsed;
            return found;
        }
        if (kept != entries_.end()) entries_.erase(kept);
        ++reads_;
    }
    auto text = read_text(file.get(), size_max);
    if (!text) return text.error();
    found.text = std::move(*text);
    const auto after = identity_of(file.get(), regular);
    const auto latest =
        std::chrono::duration_cast<std::chrono::nanoseconds>((clock_() - tick).time_since_epoch())
            .count();
    found.steady = regular && after && *after == found.id && found.text.size() == found.id.size &&
                   found.id.modified_ns < latest && found.id.changed_ns < latest;
    return found;
}

void policy_cache::keep(const std::string& path, std::type_index type, const found_file& file,
                        std::shared_ptr<const void> parsed) {
    if (!file.steady || file.id.size > limits::policy_bytes_kept_max) return;
    const std::lock_guard lock(mutex_);
    std::erase_if(entries_, [&](const entry& e) { return e.path == path && e.type == type; });
    entries_.push_front({path, type, file.id, std::move(parsed)});
    std::uint64_t kept_bytes = 0;
    for (const entry& e : entries_)
        kept_bytes += e.id.size;
    while (entries_.size() > limits::policy_files_kept_max ||
           kept_bytes > limits::policy_bytes_kept_max) {
        kept_bytes -= entries_.back().id.size;
        entries_.pop_back();
    }
}

}  // namespace sluice
