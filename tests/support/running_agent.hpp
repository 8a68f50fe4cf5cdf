#pragma once

#include "sluice/crypto/key_file.hpp"
#include "sluice/tests/support/temp_dir.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

namespace sluice::test {

/// ssh-agent, in the foreground as a child of ours, for one test.
class running_agent {
public:
    running_agent() {
        int output[2];
        if (::pipe(output) != 0) return;
        process_ = ::fork();
        if (process_ == 0) {
            ::dup2(output[1], STDOUT_FILENO);
            ::close(output[0]);
            ::close(output[1]);
            ::execlp("ssh-agent", "ssh-agent", "-D", "-a", socket_.c_str(), nullptr);
            ::_exit(127);
        }
        ::close(output[1]);
        // It says where it listens as soon as it does; nothing if it could not begin.
        char byte = 0;
        listening_ = ::read(output[0], &byte, 1) == 1;
        output_ = output[0];
    }
    running_agent(const running_agent&) = delete;
    running_agent& operator=(const running_agent&) = delete;
    ~running_agent() {
        if (process_ > 0) {
            ::kill(process_, SIGTERM);
            ::waitpid(process_, nullptr, 0);
        }
        if (output_ >= 0) ::close(output_);
    }

    bool listening() const { return listening_; }
    const std::string& path() const { return socket_; }

    bool add(const crypto::private_key& key, const std::string& comment) {
        const std::string file = folder_ / comment;
        const auto text =
            crypto::write_private_key(key, {.comment = comment}, crypto::system_random());
        std::ofstream(file) << text.value();
        std::filesystem::permissions(file, std::filesystem::perms::owner_read);
        const std::string command =
            "SSH_AUTH_SOCK='" + socket_ + "' ssh-add -q '" + file + "' 2>/dev/null";
        return std::system(command.c_str()) == 0;
    }

    int connect() const {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strncpy(address.sun_path, socket_.c_str(), sizeof address.sun_path - 1);
        const int s = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (::connect(s, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
            return s;
        ::close(s);
        return -1;
    }

private:
    temp_dir folder_;
    std::string socket_ = folder_ / "socket";
    pid_t process_ = -1;
    int output_ = -1;
    bool listening_ = false;
};

}  // namespace sluice::test
