#pragma once

#include "sluice/io/sftp_core.hpp"

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace sluice {

/// How far a file has come.
struct transfer_progress {
    std::uint64_t bytes = 0;             // of this transfer: written here, or acknowledged there
    std::optional<std::uint64_t> total;  // what they will come to, where that is known
};

/// How a file is carried from one side to the other.
struct transfer_options {
    /// Where to begin, in both files. What stands before is left alone, and nothing is truncated.
    std::uint64_t offset = 0;
    std::uint64_t length_max = std::numeric_limits<std::uint64_t>::max();  // bytes

    /// Gives the copy the mode and the times of the original. The mode bits of a new file are those
    /// of the original in any case, under the umask. Setuid, setgid and sticky are left out.
    bool preserve = false;

    /// With `preserve`: also setuid, setgid and sticky, where the owner of the original, as its
    /// side tells, is the user that this process runs as. Whoever has the other side then decides
    /// what runs here with our rights: only for one that is trusted as much as we are.
    bool preserve_special = false;

    /// A local file that `get` could not complete stays. One that was there before, and is resumed
    /// by `offset`, always does.
    bool keep_partial = false;

    /// Called on the connection's strand as the transfer goes on; it must neither wait nor throw.
    std::function<void(const transfer_progress&)> on_progress = {};

    static transfer_options usual() { return {}; }
};

/// Where a transfer failed, and at what.
struct transfer_fault {
    enum class side { here, there };

    side where = side::here;
    std::string path;            // on that side
    std::string_view operation;  // "open", "read", "write", "set the attributes of", "close"
    std::string text;            // what the server said, where it did: printable ASCII
};

/// What came of it, also where it failed.
struct transfer_result {
    std::uint64_t bytes = 0;         // in the copy, from `offset` on without a gap
    std::uint64_t error_offset = 0;  // in the file, where it failed
    std::optional<transfer_fault> fault = {};
    /// With `preserve`: a time of the original is one that SFTP cannot tell, which has the seconds
    /// from 1970 to 2106. The copy has the nearest that it can.
    bool times_clamped = false;
};

/// Private to io/: the operations behind sftp_client::get and put. Local files are read and written
/// on the strand.
std::shared_ptr<sftp_operation> make_get(operation_number number, std::string remote,
                                         std::string local, transfer_options options,
                                         pending_operation<transfer_result> done);
std::shared_ptr<sftp_operation> make_put(operation_number number, std::string local,
                                         std::string remote, transfer_options options,
                                         pending_operation<transfer_result> done);

}  // namespace sluice
