#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace sluice::sftp {

/// What a request touches, as far as order matters (draft-02 §6.1: the answers must be those of one
/// request at a time).
struct footprint {
    static constexpr std::uint32_t no_handle = ~std::uint32_t{0};
    static constexpr std::uint64_t to_the_end = std::numeric_limits<std::uint64_t>::max();

    enum class access : std::uint8_t {
        read,     // sees [begin, end)
        write,    // changes [begin, end)
        barrier,  // waits for everything earlier on the handle, and everything later for it
    };
    struct part {
        std::uint32_t handle = no_handle;
        access how = access::read;
        std::uint64_t begin = 0;
        std::uint64_t end = 0;
        std::uint64_t path_key = 0;  // of the path the handle was opened by

        bool used() const { return handle != no_handle; }
    };
    enum class path_use : std::uint8_t {
        none,
        look,    // in parallel with other looks
        change,  // alone among what uses paths
    };

    std::array<part, 2> parts;
    path_use path = path_use::none;

    /// Not 0: what the path names is itself seen (look) or changed (change), so that the request is
    /// ordered against reads and writes on handles opened by the same path. Names that reach one
    /// file by different ways are not recognised.
    std::uint64_t path_key = 0;
};

/// Whether two requests must not run at the same time.
bool conflict(const footprint& a, const footprint& b);

/// Keeps the requests in flight in order: one waits until every earlier one it conflicts with is
/// done. Requests are numbered by small slots. Entering or leaving costs at most one comparison a
/// request in flight (limits::sftp_requests_max), and none for the usual sequential transfer.
class request_order {
public:
    /// Enters a request; tells whether it may run now.
    bool enter(std::uint32_t slot, const footprint& f);

    /// The request is done. Appends to `ready` the slots that may run now, in order of arrival.
    void leave(std::uint32_t slot, std::vector<std::uint32_t>& ready);

    /// Comparisons made so far, for tests of the cost.
    std::uint64_t comparisons() const { return comparisons_; }

private:
    struct entry {
        footprint what;
        std::uint64_t sequence = 0;  // 0: not in flight
        std::uint32_t blockers = 0;  // earlier requests in flight that conflict
    };
    struct load {  // what is in flight on one handle
        std::uint32_t reads = 0;
        std::uint32_t writes = 0;
        std::uint32_t barriers = 0;
        std::uint64_t read_end = 0;   // no read in flight reaches beyond
        std::uint64_t write_end = 0;  // no write in flight reaches beyond
    };

    bool may_conflict(const footprint& f) const;
    void count(const footprint& f, bool entering);

    std::vector<entry> entries_;  // by slot
    std::vector<load> loads_;     // by handle
    std::uint64_t sequence_ = 0;
    std::uint32_t in_flight_ = 0;
    std::uint32_t blocked_ = 0;
    std::uint32_t looks_ = 0;    // in flight
    std::uint32_t changes_ = 0;  // in flight
    std::uint32_t handle_reads_ = 0;
    std::uint32_t handle_writes_ = 0;  // with barriers
    std::uint64_t comparisons_ = 0;
};

}  // namespace sluice::sftp
