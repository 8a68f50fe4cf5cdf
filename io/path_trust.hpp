#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace sluice {

/// Private to io/: whether a file is there, and only root, this process's user and `also` can
/// change it or put another in its place: it and all folders above it are theirs, and nobody else
/// may write to them (folders with the sticky bit apart, where what is ours stays ours). Links are
/// followed first. As StrictModes of sshd_config(5).
bool only_we_can_change(const std::string& path, std::optional<uid_t> also = std::nullopt);

}  // namespace sluice
