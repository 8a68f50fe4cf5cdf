#pragma once

#include "sluice/wire/byte_queue.hpp"
#include "sluice/wire/error.hpp"

#include <cstddef>
#include <optional>
#include <string>

namespace sluice {

/// Which end of a connection we are.
enum class role { client, server };

/// What we call ourselves: the line of RFC 4253 §4.2 without CR LF.
inline constexpr std::string_view own_identification = "SSH-2.0-sluice_0.1.0";

/// Waits for the peer's identification line (RFC 4253 §4.2).
class identification_reader {
public:
    explicit identification_reader(role own) : own_(own) {}

    /// The peer's line without CR LF, once it is there; nothing while more bytes are needed.
    /// Consumes what it has read, and no byte behind the line.
    ///
    /// Only a server may send other lines first, so a server that waits takes none. A line may end
    /// in LF alone; 1.99 counts as 2.0 (§5.1). Errors: bad_identification, unsupported_version.
    result<std::optional<std::string>> next(wire::byte_queue& input);

private:
    role own_;
    std::size_t banner_lines_ = 0;
    std::size_t searched_ = 0;  // bytes at the front known to hold no LF
};

}  // namespace sluice
