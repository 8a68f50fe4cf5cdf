#include "sluice/io/path_trust.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>

namespace sluice {
namespace {

bool is_ours(const std::string& path, std::optional<uid_t> also) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0) return false;
    if (status.st_uid != 0 && status.st_uid != ::geteuid() && status.st_uid != also) return false;
    const bool sticky = S_ISDIR(status.st_mode) && (status.st_mode & S_ISVTX) != 0;
    return sticky || (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

}  // namespace

bool only_we_can_change(const std::string& path, std::optional<uid_t> also) {
    const std::unique_ptr<char, void (*)(void*)> real(::realpath(path.c_str(), nullptr),
                                                      [](void* text) { std::free(text); });
    if (!real) return false;
    for (std::string at = real.get(); !at.empty(); at.resize(at.rfind('/')))
        if (!is_ours(at, also)) return false;
    return is_ours("/", also);
}

}  // namespace sluice
