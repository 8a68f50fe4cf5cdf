#include "sluice/tools/sluiced_process.hpp"

#include "sluice/tests/support/temp_dir.hpp"
#include "sluice/tools/sluiced_landlock.hpp"
#include "sluice/tools/sluiced_seccomp.hpp"

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <functional>
#include <source_location>
#include <string>
#include <thread>

namespace sluice {
namespace {

// Runs a function in a process of its own, as what it restricts stays restricted; the wait status.
int in_child(const std::function<int()>& function) {
    const pid_t pid = ::fork();
    if (pid == 0) ::_exit(function());
    int status = -1;
    EXPECT_EQ(::waitpid(pid, &status, 0), pid);
    return status;
}

// The function gives 0, or the number of what did not hold.
void expect_holds(const std::function<int()>& function,
                  std::source_location where = std::source_location::current()) {
    const int status = in_child(function);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
    ADD_FAILURE_AT(where.file_name(), static_cast<int>(where.line()))
        << (WIFEXITED(status) ? "check " : "signal ")
        << (WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

std::string field_of_status(const std::string& name) {
    std::ifstream in("/proc/self/status");
    for (std::string line; std::getline(in, line);)
        if (line.starts_with(name + ":\t")) return line.substr(name.size() + 2);
    return {};
}

TEST(PrepareProcess, ClosedStandardDescriptorsLeadNowhere) {
    expect_holds([] {
        ::close_range(0, ~0u, 0);  // whoever runs the tests may have left us more
        if (prepare_process()) return 1;
        const int next = ::open("/dev/null", O_RDONLY);
        if (next != 3) return 2;
        char byte = 0;
        if (::read(0, &byte, 1) != 0) return 3;
        if (::write(2, &byte, 1) != 1) return 4;
        return 0;
    });
}

TEST(PrepareProcess, SignalsAndUmaskAreAsAServerNeedsThem) {
    expect_holds([] {
        ::signal(SIGCHLD, SIG_IGN);
        sigset_t all;
        ::sigfillset(&all);
        ::sigprocmask(SIG_SETMASK, &all, nullptr);
        ::umask(0);
        if (prepare_process() || prepare_server_process()) return 1;
        struct sigaction now {};
        ::sigaction(SIGCHLD, nullptr, &now);
        if (now.sa_handler != SIG_DFL) return 2;
        ::sigaction(SIGPIPE, nullptr, &now);
        if (now.sa_handler != SIG_IGN) return 3;
        sigset_t blocked;
        ::sigprocmask(SIG_SETMASK, nullptr, &blocked);
        if (::sigismember(&blocked, SIGCHLD) != 0 || ::sigismember(&blocked, SIGTERM) != 0)
            return 4;
        return ::umask(0) == 022 ? 0 : 5;
    });
    expect_holds([] {
        ::umask(077);
        if (prepare_server_process()) return 1;
        return ::umask(0) == 077 ? 0 : 2;  // a stricter one stays
    });
}

TEST(CloseInherited, LeavesOnlyWhatIsNamed) {
    expect_holds([] {
        const int kept = ::fcntl(0, F_DUPFD, 40);
        const int gone = ::fcntl(0, F_DUPFD, 41);
        const int low = ::fcntl(0, F_DUPFD, 20);
        const int named[] = {kept};
        close_inherited(named);
        if (::fcntl(kept, F_GETFD) < 0) return 1;
        if (::fcntl(gone, F_GETFD) >= 0 || ::fcntl(low, F_GETFD) >= 0) return 2;
        return ::fcntl(2, F_GETFD) >= 0 ? 0 : 3;
    });
}

TEST(ForbidInspection, NoCoreAndNoDebugger) {
    expect_holds([] {
        if (forbid_inspection()) return 1;
        rlimit core{};
        ::getrlimit(RLIMIT_CORE, &core);
        if (core.rlim_max != 0) return 2;
        return ::prctl(PR_GET_DUMPABLE) == 0 ? 0 : 3;
    });
    expect_holds([] {
        rlimit before{};
        ::getrlimit(RLIMIT_CORE, &before);
        if (forbid_inspection(child_core_files::where_raised)) return 1;
        rlimit core{};
        ::getrlimit(RLIMIT_CORE, &core);
        if (core.rlim_cur != 0 || core.rlim_max != before.rlim_max) return 2;
        return ::prctl(PR_GET_DUMPABLE) == 0 ? 0 : 3;
    });
}

TEST(DropCapabilities, LeavesNoneOrThoseThatAreKept) {
    expect_holds([] {
        if (drop_capabilities(0)) return 1;
        if (std::stoull(field_of_status("CapEff"), nullptr, 16) != 0) return 2;
        if (std::stoull(field_of_status("CapPrm"), nullptr, 16) != 0) return 3;
        return field_of_status("NoNewPrivs") == "1" ? 0 : 4;
    });
    if (::geteuid() == 0)
        expect_holds([] {
            if (drop_capabilities(file_capabilities())) return 1;
            for (const char* name : {"CapEff", "CapPrm", "CapBnd"})
                if (std::stoull(field_of_status(name), nullptr, 16) != file_capabilities())
                    return 2;
            return 0;
        });
}

TEST(FindAccount, WhatIsWrongIsSaid) {
    EXPECT_FALSE(find_account("", "").account);
    EXPECT_EQ(find_account("", "").error, "");
    EXPECT_EQ(find_account("", "users").error, "Group: give User beside it");
    EXPECT_EQ(find_account("nobody-of-that-name", "").error,
              "User: there is no user nobody-of-that-name");
    if (::geteuid() == 0) {
        const auto found = find_account("nobody", "");
        ASSERT_TRUE(found.account);
        EXPECT_EQ(found.account->name, "nobody");
        EXPECT_NE(found.account->uid, 0u);
        EXPECT_EQ(find_account("nobody", "no-group-of-that-name").error,
                  "Group: there is no group no-group-of-that-name");
        EXPECT_FALSE(find_account("root", "").account) << "that is who we are";
    } else {
        EXPECT_EQ(find_account("root", "").error, "User: only root can become root");
    }
}

TEST(StaysRoot, GoesByTheNumberNotTheName) {
    const bool root = ::geteuid() == 0;
    EXPECT_EQ(stays_root({}), root);
    EXPECT_EQ(stays_root(process_account{"toor", 0, 0}), root);
    EXPECT_FALSE(stays_root(process_account{"root", 1000, 1000}));
}

TEST(Become, IsForGood) {
    if (::geteuid() != 0) {
        EXPECT_TRUE(become({"root", 0, 0})) << "only root can become another";
        return;
    }
    const auto nobody = find_account("nobody", "").account;
    ASSERT_TRUE(nobody);
    expect_holds([&] {
        if (become(*nobody)) return 1;
        if (::getuid() != nobody->uid || ::getegid() != nobody->gid) return 2;
        if (std::stoull(field_of_status("CapEff"), nullptr, 16) != 0) return 3;
        return ::setuid(0) != 0 ? 0 : 4;
    });
}

// --- Landlock
// ---------------------------------------------------------------------------------------

TEST(Landlock, WhatNoRuleNamesIsNotSeen) {
    const test::temp_dir folder;
    for (const char* name : {"served", "policy", "other"})
        std::filesystem::create_directory(folder / name);
    const auto path = [&](std::string_view name) { return (folder / name).string(); };
    std::ofstream(path("served/file")) << "s";
    std::ofstream(path("policy/file")) << "p";
    std::ofstream(path("other/file")) << "o";
    expect_holds([&] {
        if (drop_capabilities(::geteuid() == 0 ? file_capabilities() : 0)) return 1;
        landlock_rules rules;
        rules.change = {path("served")};
        rules.read = {path("policy"), path("is-not-there")};
        rules.connect = false;
        const auto on = restrict_by_landlock(rules, false);
        if (!on) return 2;
        if (*on != enforced::yes) return 3;
        const auto opens = [&](std::string_view name, int flags) {
            const int fd = ::open(path(name).c_str(), flags, 0600);
            if (fd < 0) return errno;
            ::close(fd);
            return 0;
        };
        if (opens("served/file", O_RDWR | O_TRUNC) != 0) return 4;
        if (opens("served/new", O_WRONLY | O_CREAT) != 0) return 5;
        if (::rename(path("served/new").c_str(), path("served/newer").c_str()) != 0) return 6;
        if (::unlink(path("served/newer").c_str()) != 0) return 7;
        if (opens("policy/file", O_RDONLY) != 0) return 8;
        if (opens("policy/file", O_WRONLY) != EACCES) return 9;
        if (opens("policy/new", O_WRONLY | O_CREAT) != EACCES) return 10;
        if (opens("other/file", O_RDONLY) != EACCES) return 11;
        if (::open("/proc/self/mem", O_RDONLY) >= 0) return 12;
        // On a thread that is started later too.
        int seen = -1;
        std::thread([&] { seen = opens("other/file", O_RDONLY); }).join();
        return seen == EACCES ? 0 : 13;
    });
}

TEST(Landlock, RulesHoldForTheFolderOfAPolicyFile) {
    EXPECT_EQ(folder_for_rule("/etc/sluice/keys"), "/etc/sluice");
    EXPECT_EQ(folder_for_rule("/keys/%u/authorized_keys"), "/keys");
    EXPECT_EQ(folder_for_rule("/keys/of-%u"), "/keys");
    EXPECT_EQ(folder_for_rule("/keys"), "/");
    EXPECT_EQ(folder_for_rule("keys"), ".");
    EXPECT_EQ(folder_for_rule("below/keys"), "below");
}

// --- seccomp
// ----------------------------------------------------------------------------------------

TEST(Seccomp, NothingIsExecutedOrForkedAndThreadsStart) {
    expect_holds([] {
        const auto on = restrict_system_calls(false);
        if (!on || *on != enforced::yes) return 1;
        if (field_of_status("Seccomp") != "2" || field_of_status("NoNewPrivs") != "1") return 2;
        bool ran = false;
        std::thread([&] { ran = true; }).join();
        if (!ran) return 3;
        if (::fork() >= 0 || errno != EPERM) return 4;
        char* const arguments[] = {nullptr};
        if (::execve("/bin/true", arguments, arguments) == 0 || errno != EPERM) return 5;
        if (::kill(::getppid(), 0) == 0 || errno != EPERM) return 6;
        return 0;
    });
}

TEST(Seccomp, WhatNoServerNeedsIsTheEnd) {
    struct {
        const char* name;
        std::function<void()> call;
    } const cases[] = {
        {"ptrace", [] { ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr); }},
        {"mount", [] { ::mount("none", "/nowhere", "tmpfs", 0, nullptr); }},
        {"bpf", [] { ::syscall(SYS_bpf, 0, nullptr, 0); }},
        {"keyctl", [] { ::syscall(SYS_keyctl, 0, 0, 0, 0, 0); }},
        {"init_module", [] { ::syscall(SYS_init_module, nullptr, 0, ""); }},
        {"kexec_load", [] { ::syscall(SYS_kexec_load, 0, 0, nullptr, 0); }},
        {"userfaultfd", [] { ::syscall(SYS_userfaultfd, 0); }},
        {"process_vm_readv",
         [] { ::syscall(SYS_process_vm_readv, ::getppid(), nullptr, 0, nullptr, 0, 0); }},
        {"unshare", [] { ::syscall(SYS_unshare, 0); }},
    };
    for (const bool libpam : {false, true})
        for (const auto& c : cases) {
            SCOPED_TRACE(c.name);
            const int status = in_child([&] {
                rlimit none{0, 0};
                ::setrlimit(RLIMIT_CORE, &none);
                if (!restrict_system_calls(libpam)) return 1;
                c.call();
                return 0;
            });
            EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) << status;
        }
}

TEST(Seccomp, ModulesOfLibpamMayRunPrograms) {
    expect_holds([] {
        if (!restrict_system_calls(true)) return 1;
        const pid_t pid = ::fork();
        if (pid == 0) {
            ::execl("/bin/true", "true", nullptr);
            ::_exit(9);
        }
        int status = -1;
        if (::waitpid(pid, &status, 0) != pid || status != 0) return 2;
        // But not on a thread of the network.
        int refused = 0;
        std::thread([&] {
            if (restrict_network_thread()) return;
            if (::fork() < 0 && errno == EPERM) refused = 1;
        }).join();
        return refused == 1 ? 0 : 3;
    });
}

TEST(Seccomp, AFileThreadHasNoNetwork) {
    expect_holds([] {
        if (!restrict_system_calls(false)) return 1;
        int found = 0;
        std::thread([&] {
            if (restrict_file_thread()) return;
            if (::socket(AF_INET, SOCK_STREAM, 0) >= 0 || errno != EPERM) return;
            if (::socket(AF_UNIX, SOCK_STREAM, 0) < 0) return;  // a name service's
            found = 1;
        }).join();
        if (found != 1) return 2;
        return ::socket(AF_INET, SOCK_STREAM, 0) >= 0 ? 0 : 3;  // others have
    });
}

}  // namespace
}  // namespace sluice
