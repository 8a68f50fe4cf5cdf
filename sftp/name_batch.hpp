#pragma once

#include "sluice/sftp/attributes.hpp"
#include "sluice/wire/buffer.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::sftp {

/// Bytes of a NAME reply of ours, its length included: draft-02 §3 asks for 34,000 at least, and
/// older versions of node's ssh2 take no more from a server that they do not know as OpenSSH.
inline constexpr std::size_t names_length_max = 34'000;

/// Entries of a directory, encoded as they are added: the batch is the NAME reply itself.
class name_batch {
public:
    name_batch();

    /// No further entry is welcome; ask before each `add`.
    bool full() const;

    /// Adds one entry. Its longname is `long_prefix` followed by the name (see `long_name_prefix`).
    /// Returns false, and adds nothing, for a name above limits::sftp_name_length_max bytes or a
    /// prefix above 256: no such entry can be listed. The batch must not be full.
    bool add(std::string_view name, std::string_view long_prefix, const attributes& attrs);

    /// Takes out the entries whose name `predicate` is true for.
    void erase_if(bool (*predicate)(std::string_view name));

    std::uint32_t count() const { return count_; }
    bool empty() const { return count_ == 0; }

    /// The whole packet, length in front, as the answer to request `id`. Ends the batch.
    wire::buffer to_packet(std::uint32_t id) &&;

private:
    wire::buffer packet_;
    std::uint32_t count_ = 0;
};

/// What a file's longname shows besides its attributes.
struct long_name_details {
    std::uint64_t links = 1;
    std::string_view user;        // empty: the number is shown
    std::string_view group;       // empty: the number is shown
    std::int64_t now = 0;         // seconds since 1970; older than half a year shows the year
    std::int64_t utc_offset = 0;  // seconds that the shown times are ahead of UTC
};

/// The line of `ls -l` up to the name: "-rw-r--r--    1 user     group        1234 Mar 25 14:29 "
/// (draft-02 §7).
std::string long_name_prefix(const attributes& attrs, const long_name_details& details);

}  // namespace sluice::sftp
