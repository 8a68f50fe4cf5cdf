#pragma once

#include "sluice/io/text_file.hpp"
#include "sluice/wire/error.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <typeindex>
#include <utility>

namespace sluice {

/// Policy files as they were parsed, kept until their size, time, inode or device changes. Safe
/// from several threads at once, and while files are replaced: what is kept is what the very file
/// said that was looked at. At most limits::policy_files_kept_max of them, and
/// limits::policy_bytes_kept_max of text; the one that was not asked for longest goes first.
class policy_cache {
public:
    using system_clock = std::function<std::chrono::system_clock::time_point()>;

    explicit policy_cache(system_clock clock = std::chrono::system_clock::now)
        : clock_(std::move(clock)) {}

    /// What `parse` makes of the file's text, a `result<Parsed>`; always the same parser for a
    /// type. Errors are not kept: those of the system, too_long above `size_max`, and of `parse`.
    template <class Parsed, class Parse>
    result<std::shared_ptr<const Parsed>> get(const std::string& path, std::size_t size_max,
                                              Parse parse) {
        const std::type_index type = typeid(Parsed);
        auto found = look(path, type, size_max);
        if (!found) return found.error();
        if (found->parsed) return std::static_pointer_cast<const Parsed>(std::move(found->parsed));
        auto parsed = parse(std::string_view(found->text));
        if (!parsed) return parsed.error();
        auto kept = std::make_shared<const Parsed>(std::move(*parsed));
        keep(path, type, *found, kept);
        return std::shared_ptr<const Parsed>(std::move(kept));
    }

    /// The text alone.
    result<std::shared_ptr<const std::string>> text(const std::string& path, std::size_t size_max);

    /// How many files were read so far.
    std::size_t reads() const;

private:
    struct identity {
        std::uint64_t device = 0;
        std::uint64_t inode = 0;
        std::uint64_t size = 0;
        std::int64_t modified_ns = 0;
        std::int64_t changed_ns = 0;  // of the inode: no program can set it back

        bool operator==(const identity&) const = default;
    };

    struct found_file {
        std::shared_ptr<const void> parsed{};  // if it is kept
        std::string text{};                    // if it is not
        identity id{};
        bool steady = false;  // the same file before it was read and after, and not of right now
    };

    struct entry {
        std::string path;
        std::type_index type;
        identity id;
        std::shared_ptr<const void> parsed;
    };

    static result<identity> identity_of(int fd, bool& regular);
    result<found_file> look(const std::string& path, std::type_index type, std::size_t size_max);
    void keep(const std::string& path, std::type_index type, const found_file& file,
              std::shared_ptr<const void> parsed);

    const system_clock clock_;
    mutable std::mutex mutex_;
    std::list<entry> entries_;  // what was asked for latest is first
    std::size_t reads_ = 0;
};

}  // namespace sluice
