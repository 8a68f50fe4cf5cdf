#include "sluice/io/policy_cache.hpp"

#include "sluice/tests/support/key_folder.hpp"
#include "sluice/wire/limits.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

namespace sluice {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most = 1024 * 1024;

// Files that were just written are old to it.
class later {
public:
    std::chrono::system_clock::time_point operator()() const {
        return std::chrono::system_clock::now() + std::chrono::hours(1);
    }
};

std::string text_of(policy_cache& cache, const std::string& path) {
    const auto text = cache.text(path, most);
    return text ? **text : "error: " + text.error().message();
}

TEST(PolicyCache, AFileIsReadOnceUntilItChanges) {
    const test::key_folder dir;
    const std::string path = dir.write("list", "one");
    policy_cache cache{later()};
    for (int i = 0; i < 10; ++i)
        EXPECT_EQ(text_of(cache, path), "one");
    EXPECT_EQ(cache.reads(), 1u);
    dir.write("list", "three");
    EXPECT_EQ(text_of(cache, path), "three") << "another size";
    EXPECT_EQ(cache.reads(), 2u);

    const auto time = fs::last_write_time(path);
    dir.write("list.new", "THREE");
    fs::last_write_time(dir.path("list.new"), time);
    fs::rename(dir.path("list.new"), path);
    EXPECT_EQ(text_of(cache, path), "THREE") << "another inode, of the same size and time";
    fs::last_write_time(path, time - std::chrono::hours(1));
    EXPECT_EQ(text_of(cache, path), "THREE");
    EXPECT_EQ(cache.reads(), 4u) << "another time";
    fs::remove(path);
    EXPECT_FALSE(cache.text(path, most)) << "what is gone counts no more";
    fs::create_directory(path);
    EXPECT_FALSE(cache.text(path, most));
}

// It might change again before its time does.
TEST(PolicyCache, AFileOfRightNowIsNotKept) {
    const test::key_folder dir;
    const std::string path = dir.write("list", "one");
    policy_cache cache;
    EXPECT_EQ(text_of(cache, path), "one");
    EXPECT_EQ(text_of(cache, path), "one");
    EXPECT_EQ(cache.reads(), 2u);
}

TEST(PolicyCache, ParsesOnceAndKeepsNoErrors) {
    const test::key_folder dir;
    const std::string path = dir.write("list", "12345");
    policy_cache cache{later()};
    int parses = 0;
    const auto parse = [&](std::string_view text) -> result<std::size_t> {
        if (++parses == 1) return errc::bad_config;
        return text.size();
    };
    EXPECT_EQ(cache.get<std::size_t>(path, most, parse).error(), errc::bad_config);
    for (int i = 0; i < 5; ++i) {
        const auto size = cache.get<std::size_t>(path, most, parse);
        ASSERT_TRUE(size);
        EXPECT_EQ(**size, 5u);
    }
    EXPECT_EQ(parses, 2);
    EXPECT_EQ(text_of(cache, path), "12345") << "of another type it is another thing";
    EXPECT_EQ(cache.text(dir.write("long", "12345"), 4).error(), errc::too_long);
}

TEST(PolicyCache, IsBounded) {
    const test::key_folder dir;
    policy_cache cache{later()};
    std::vector<std::string> paths;
    for (std::size_t i = 0; i <= limits::policy_files_kept_max; ++i)
        paths.push_back(dir.write("f" + std::to_string(i), "x"));
    for (const auto& path : paths)
        text_of(cache, path);
    const std::size_t all = cache.reads();
    text_of(cache, paths.back());
    EXPECT_EQ(cache.reads(), all);
    text_of(cache, paths.front());
    EXPECT_EQ(cache.reads(), all + 1) << "the oldest went";

    const std::size_t size = limits::policy_bytes_kept_max / 2 + 1;
    const std::string one = dir.write("one", std::string(size, '1'));
    const std::string two = dir.write("two", std::string(size, '2'));
    const auto read = [&](const std::string& path) {
        const auto before = cache.reads();
        EXPECT_TRUE(cache.text(path, size));
        return cache.reads() != before;
    };
    EXPECT_TRUE(read(one));
    EXPECT_FALSE(read(one));
    EXPECT_TRUE(read(two));
    EXPECT_TRUE(read(one)) << "two of them are too much";
}

// Whoever replaces a file by another one never sees a mixture served.
TEST(PolicyCache, IsSafeWhileFilesAreReplaced) {
    const test::key_folder dir;
    const std::string path = dir.write("list", std::string(1000, 'a'));
    policy_cache cache{later()};
    std::atomic<bool> done = false;
    std::vector<std::thread> readers;
    for (int i = 0; i < 2; ++i)
        readers.emplace_back([&] {
            while (!done) {
                const auto text = cache.text(path, most);
                ASSERT_TRUE(text);
                ASSERT_EQ((*text)->find_first_not_of((*text)->front()), std::string::npos);
            }
        });
    for (int i = 0; i < 100; ++i) {
        const std::string made =
            dir.write("new", std::string(1000, static_cast<char>('a' + i % 26)));
        fs::rename(made, path);
    }
    done = true;
    for (auto& reader : readers)
        reader.join();
    EXPECT_EQ(text_of(cache, path).front(), static_cast<char>('a' + 99 % 26));
}

}  // namespace
}  // namespace sluice
