#include "sluice/tools/sluiced_seccomp.hpp"

#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <initializer_list>
#include <memory>
#include <span>
#include <type_traits>

namespace sluice {
namespace {

constexpr int fchmodat2_number = 452;  // the same on every architecture; not in libseccomp 2.5

// What the server, libc, OpenSSL and Asio were seen to use, and their relatives that another libc
// or kernel would use instead.
constexpr std::array allowed{
    // files
    SCMP_SYS(access),
    SCMP_SYS(close),
    SCMP_SYS(close_range),
    SCMP_SYS(copy_file_range),
    SCMP_SYS(dup),
    SCMP_SYS(dup2),
    SCMP_SYS(dup3),
    SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2),
    SCMP_SYS(fadvise64),
    SCMP_SYS(fallocate),
    SCMP_SYS(fchdir),
    SCMP_SYS(fchmod),
    SCMP_SYS(fchmodat),
    SCMP_SYS(chmod),
    SCMP_SYS(fchown),
    SCMP_SYS(fchownat),
    SCMP_SYS(fcntl),
    SCMP_SYS(fdatasync),
    SCMP_SYS(flock),
    SCMP_SYS(fstat),
    SCMP_SYS(fstatfs),
    SCMP_SYS(fsync),
    SCMP_SYS(ftruncate),
    SCMP_SYS(getcwd),
    SCMP_SYS(getdents64),
    SCMP_SYS(linkat),
    SCMP_SYS(lseek),
    SCMP_SYS(lstat),
    SCMP_SYS(mkdirat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(open),
    SCMP_SYS(openat),
    SCMP_SYS(openat2),
    SCMP_SYS(pread64),
    SCMP_SYS(preadv),
    SCMP_SYS(preadv2),
    SCMP_SYS(pwrite64),
    SCMP_SYS(pwritev),
    SCMP_SYS(pwritev2),
    SCMP_SYS(read),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
    SCMP_SYS(readv),
    SCMP_SYS(renameat),
    SCMP_SYS(renameat2),
    SCMP_SYS(sendfile),
    SCMP_SYS(stat),
    SCMP_SYS(statfs),
    SCMP_SYS(statx),
    SCMP_SYS(symlinkat),
    SCMP_SYS(sync_file_range),
    SCMP_SYS(umask),
    SCMP_SYS(unlinkat),
    SCMP_SYS(utimensat),
    SCMP_SYS(write),
    SCMP_SYS(writev),
    // sockets and waiting
    SCMP_SYS(accept),
    SCMP_SYS(accept4),
    SCMP_SYS(bind),
    SCMP_SYS(connect),
    SCMP_SYS(epoll_create1),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_pwait2),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(eventfd2),
    SCMP_SYS(getpeername),
    SCMP_SYS(getsockname),
    SCMP_SYS(getsockopt),
    SCMP_SYS(ioctl),
    SCMP_SYS(pipe),
    SCMP_SYS(pipe2),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(pselect6),
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmmsg),
    SCMP_SYS(recvmsg),
    SCMP_SYS(select),
    SCMP_SYS(sendmmsg),
    SCMP_SYS(sendmsg),
    SCMP_SYS(sendto),
    SCMP_SYS(setsockopt),
    SCMP_SYS(shutdown),
    SCMP_SYS(socket),
    SCMP_SYS(socketpair),
    SCMP_SYS(timerfd_create),
    SCMP_SYS(timerfd_gettime),
    SCMP_SYS(timerfd_settime),
    // memory
    SCMP_SYS(brk),
    SCMP_SYS(madvise),
    SCMP_SYS(membarrier),
    SCMP_SYS(mlock),
    SCMP_SYS(mlock2),
    SCMP_SYS(mmap),
    SCMP_SYS(mprotect),
    SCMP_SYS(mremap),
    SCMP_SYS(munlock),
    SCMP_SYS(munmap),
    // threads, signals, time, who and where we are
    SCMP_SYS(clock_getres),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(futex),
    SCMP_SYS(get_robust_list),
    SCMP_SYS(getcpu),
    SCMP_SYS(getegid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getgroups),
    SCMP_SYS(getpgrp),
    SCMP_SYS(getpid),
    SCMP_SYS(getppid),
    SCMP_SYS(getrandom),
    SCMP_SYS(getresgid),
    SCMP_SYS(getresuid),
    SCMP_SYS(getrlimit),
    SCMP_SYS(getrusage),
    SCMP_SYS(gettid),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(getuid),
    SCMP_SYS(nanosleep),
    SCMP_SYS(prctl),
    SCMP_SYS(prlimit64),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(rseq),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigpending),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigtimedwait),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sched_getparam),
    SCMP_SYS(sched_getscheduler),
    SCMP_SYS(sched_yield),
    SCMP_SYS(seccomp),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(set_tid_address),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(sysinfo),
    SCMP_SYS(tgkill),
    SCMP_SYS(time),
    SCMP_SYS(uname),
};

// Modules of libpam may run programs (unix_chkpwd, pam_exec), lock files, ask the audit system.
constexpr std::array allowed_for_libpam{
    SCMP_SYS(alarm),     SCMP_SYS(arch_prctl), SCMP_SYS(capget),    SCMP_SYS(capset),
    SCMP_SYS(chdir),     SCMP_SYS(chown),      SCMP_SYS(execve),    SCMP_SYS(execveat),
    SCMP_SYS(fgetxattr), SCMP_SYS(fork),       SCMP_SYS(getpgid),   SCMP_SYS(getpriority),
    SCMP_SYS(getsid),    SCMP_SYS(getxattr),   SCMP_SYS(kill),      SCMP_SYS(link),
    SCMP_SYS(mkdir),     SCMP_SYS(rename),     SCMP_SYS(rmdir),     SCMP_SYS(setfsgid),
    SCMP_SYS(setfsuid),  SCMP_SYS(setgid),     SCMP_SYS(setgroups), SCMP_SYS(setitimer),
    SCMP_SYS(setregid),  SCMP_SYS(setresgid),  SCMP_SYS(setresuid), SCMP_SYS(setreuid),
    SCMP_SYS(setsid),    SCMP_SYS(setuid),     SCMP_SYS(unlink),    SCMP_SYS(vfork),
    SCMP_SYS(wait4),     SCMP_SYS(waitid),
};

constexpr std::array fatal{
    SCMP_SYS(acct),
    SCMP_SYS(add_key),
    SCMP_SYS(bpf),
    SCMP_SYS(delete_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(fsconfig),
    SCMP_SYS(fsmount),
    SCMP_SYS(fsopen),
    SCMP_SYS(init_module),
    SCMP_SYS(ioperm),
    SCMP_SYS(iopl),
    SCMP_SYS(kexec_file_load),
    SCMP_SYS(kexec_load),
    SCMP_SYS(keyctl),
    SCMP_SYS(mount),
    SCMP_SYS(move_mount),
    SCMP_SYS(open_by_handle_at),
    SCMP_SYS(open_tree),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(pivot_root),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(ptrace),
    SCMP_SYS(reboot),
    SCMP_SYS(request_key),
    SCMP_SYS(setns),
    SCMP_SYS(swapon),
    SCMP_SYS(umount2),
    SCMP_SYS(unshare),
    SCMP_SYS(userfaultfd),
};

constexpr std::array executes{SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(fork),
                              SCMP_SYS(vfork)};
constexpr std::array networks{SCMP_SYS(accept), SCMP_SYS(accept4), SCMP_SYS(listen)};

class filter {
public:
    explicit filter(std::uint32_t otherwise) : context_(::seccomp_init(otherwise)) {
        if (context_ == nullptr) failed_ = ENOMEM;
        note(::seccomp_attr_set(context_.get(), SCMP_FLTATR_CTL_NNP, 1));
    }

    void add(std::uint32_t action, std::span<const int> calls) {
        for (const int call : calls)
            add(action, call, {});
    }
    void add(std::uint32_t action, int call, std::initializer_list<scmp_arg_cmp> arguments) {
        // Negative: this architecture has no such call.
        if (call < 0) return;
        note(::seccomp_rule_add_array(context_.get(), action, call,
                                      static_cast<unsigned>(arguments.size()), arguments.begin()));
    }

    error_code load() {
        if (failed_ == 0) note(::seccomp_load(context_.get()));
        return {failed_, boost::system::system_category()};
    }

private:
    void note(int returned) {
        if (returned != 0 && failed_ == 0) failed_ = -returned;
    }
    struct release {
        void operator()(scmp_filter_ctx context) const { ::seccomp_release(context); }
    };
    std::unique_ptr<std::remove_pointer_t<scmp_filter_ctx>, release> context_;
    int failed_ = 0;
};

constexpr std::uint32_t denied = SCMP_ACT_ERRNO(EPERM);

// The first argument of a call. (libseccomp's own macros are of C.)
constexpr scmp_arg_cmp first_argument_has(scmp_datum_t mask, scmp_datum_t bits) {
    return {0, SCMP_CMP_MASKED_EQ, mask, bits};
}
constexpr scmp_arg_cmp first_argument_is_not(scmp_datum_t value) {
    return {0, SCMP_CMP_NE, value, 0};
}

void deny_programs(filter& f) {
    f.add(denied, executes);
    f.add(denied, SCMP_SYS(clone), {first_argument_has(CLONE_THREAD, 0)});
}

}  // namespace

result<enforced> restrict_system_calls(bool libpam) {
    if (::prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0) {
        if (errno == EINVAL) return enforced::not_in_this_kernel;
        return last_system_error();
    }
    filter f(denied);
    f.add(SCMP_ACT_ALLOW, allowed);
    f.add(SCMP_ACT_ALLOW, fchmodat2_number, {});
    f.add(SCMP_ACT_KILL_PROCESS, fatal);
    // A filter cannot see what clone3 is for: libc goes back to clone.
    f.add(SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), {});
    if (libpam) {
        f.add(SCMP_ACT_ALLOW, allowed_for_libpam);
        f.add(SCMP_ACT_ALLOW, SCMP_SYS(clone), {});
    } else {
        f.add(SCMP_ACT_ALLOW, SCMP_SYS(clone), {first_argument_has(CLONE_THREAD, CLONE_THREAD)});
    }
    if (const auto e = f.load()) return e;
    return enforced::yes;
}

error_code restrict_file_thread() {
    filter f(SCMP_ACT_ALLOW);
    deny_programs(f);
    f.add(denied, networks);
    f.add(denied, SCMP_SYS(socket), {first_argument_is_not(AF_UNIX)});
    return f.load();
}

error_code restrict_network_thread() {
    filter f(SCMP_ACT_ALLOW);
    deny_programs(f);
    return f.load();
}

}  // namespace sluice
