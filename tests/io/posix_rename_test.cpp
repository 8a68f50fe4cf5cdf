// RENAME on file systems and kernels without RENAME_NOREPLACE, which answer EINVAL or ENOSYS: a
// thread of its own gets these answers by a filter of its system calls.

#include "sluice/io/posix_calls.hpp"
#include "sluice/tests/support/temp_dir.hpp"

#include <gtest/gtest.h>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>
#include <vector>

namespace sluice {
namespace {

namespace fs = std::filesystem;

error_code system_error(int number) { return {number, boost::system::system_category()}; }

struct answer {
    long call;
    int error;
};

// From now on this thread's calls of those numbers fail so. False where the kernel has no filters.
bool answer_calls(const std::vector<answer>& answers) {
    std::vector<sock_filter> program{
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
    for (const auto& [call, error] : answers) {
        program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(call), 0, 1));
        program.push_back(
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(error)));
    }
    program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    const sock_fprog all{static_cast<unsigned short>(program.size()), program.data()};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &all) == 0;
}

// Runs `use` where calls are answered so; false where they cannot be.
bool with_answers(const std::vector<answer>& answers, const std::function<void()>& use) {
    bool able = false;
    std::thread([&] {
        able = answer_calls(answers);
        if (able) use();
    }).join();
    return able;
}

void put(const fs::path& path, std::string_view text) { std::ofstream(path) << text; }

std::string get(const fs::path& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
}

// What a rename must do and must not, whichever way it is done.
void expect_renames_without_replacing() {
    const test::temp_dir dir;
    const auto root = posix_root::open(dir.path().string());
    ASSERT_TRUE(root);
    const auto rename = [&](std::string_view from, std::string_view to, bool replace = false) {
        const auto done = posix::rename(*root, {from, to, replace}, posix_root::reach::all);
        return done ? error_code() : done.error();
    };

    put(dir / "a", "a");
    put(dir / "b", "b");
    EXPECT_EQ(rename("a", "b"), system_error(EEXIST));
    EXPECT_EQ(get(dir / "b"), "b");
    EXPECT_EQ(get(dir / "a"), "a");
    EXPECT_EQ(rename("a", "c"), error_code());
    EXPECT_EQ(get(dir / "c"), "a");
    EXPECT_FALSE(fs::exists(dir / "a")) << "under one name only";
    EXPECT_EQ(rename("none", "x"), system_error(ENOENT));
    EXPECT_FALSE(fs::exists(dir / "x"));

    fs::create_directory(dir / "d");
    fs::create_directory(dir / "empty");
    put(dir / "d/inside", "i");
    EXPECT_EQ(rename("d", "empty"), system_error(EEXIST)) << "rename(2) alone would replace it";
    EXPECT_EQ(rename("d", "b"), system_error(EEXIST));
    EXPECT_EQ(rename("c", "empty"), system_error(EEXIST));
    EXPECT_EQ(rename("d", "e"), error_code());
    EXPECT_EQ(get(dir / "e/inside"), "i");
    EXPECT_FALSE(fs::exists(dir / "d"));

    // A link is an entry itself, at both ends, also one that leads nowhere.
    fs::create_symlink("b", dir / "l");
    fs::create_symlink("nowhere", dir / "loose");
    EXPECT_EQ(rename("l", "loose"), system_error(EEXIST));
    EXPECT_EQ(rename("c", "loose"), system_error(EEXIST));
    EXPECT_EQ(rename("e", "loose"), system_error(EEXIST));
    EXPECT_EQ(rename("l", "m"), error_code());
    EXPECT_EQ(fs::read_symlink(dir / "m"), "b");
    EXPECT_FALSE(fs::is_symlink(dir / "l"));

    EXPECT_EQ(rename("c", "b", true), error_code()) << "who asks for it gets it";
    EXPECT_EQ(get(dir / "b"), "a");
}

TEST(PosixRename, DoesNotReplaceWithTheKernelsHelp) { expect_renames_without_replacing(); }

TEST(PosixRename, DoesNotReplaceWithoutIt) {
    for (const int error : {EINVAL, ENOSYS}) {
        SCOPED_TRACE(error);
        if (!with_answers({{SYS_renameat2, error}}, expect_renames_without_replacing))
            GTEST_SKIP() << "no filters of system calls here";
    }
}

// Nor where there are no hard links: then by a look, as for directories.
TEST(PosixRename, DoesNotReplaceWithoutHardLinksEither) {
    for (const int error : {EPERM, EOPNOTSUPP, ENOSYS}) {
        SCOPED_TRACE(error);
        if (!with_answers({{SYS_renameat2, EINVAL}, {SYS_linkat, error}},
                          expect_renames_without_replacing))
            GTEST_SKIP() << "no filters of system calls here";
    }
}

TEST(PosixRename, OtherErrorsAreTheAnswer) {
    const test::temp_dir dir;
    put(dir / "a", "a");
    const auto root = posix_root::open(dir.path().string());
    ASSERT_TRUE(root);
    const struct {
        std::vector<answer> answers;
        int want;
    } cases[] = {{{{SYS_renameat2, EXDEV}}, EXDEV},
                 {{{SYS_renameat2, EROFS}}, EROFS},
                 {{{SYS_renameat2, EINVAL}, {SYS_linkat, EMLINK}}, EMLINK},
                 {{{SYS_renameat2, EINVAL}, {SYS_unlinkat, EACCES}}, EACCES}};
    for (const auto& c : cases) {
        SCOPED_TRACE(c.want);
        const bool able = with_answers(c.answers, [&] {
            const auto done = posix::rename(*root, {"a", "b", false}, posix_root::reach::all);
            EXPECT_EQ(done ? error_code() : done.error(), system_error(c.want));
        });
        if (!able) GTEST_SKIP() << "no filters of system calls here";
        EXPECT_EQ(get(dir / "a"), "a");
        fs::remove(dir / "b");
    }
}

}  // namespace
}  // namespace sluice
