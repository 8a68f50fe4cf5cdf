#pragma once

#include "sluice/channel/events.hpp"
#include "sluice/tests/sim/scenario.hpp"
#include "sluice/wire/bytes.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sluice::sim {

/// The first property that was found broken. Later ones are mostly its consequences.
struct verdict {
    std::string broken;  // empty: all hold

    void fail(std::string what) {
        if (broken.empty()) broken = std::move(what);
    }
    bool check(bool holds, std::string_view what) {
        if (!holds) fail(std::string(what));
        return holds;
    }
};

/// The byte stream of that name: any part of it, made from its offset, so that nothing is stored.
void fill_stream(std::uint64_t name, std::uint64_t offset, mutable_bytes_view out);
bool is_stream(std::uint64_t name, std::uint64_t offset, bytes_view data);

/// One direction of one channel, of ordinary or of extended data: what its writer gave to the
/// library and what its reader was given by it.
struct flow {
    std::uint64_t name = 0;
    std::uint64_t written = 0;
    std::uint64_t read = 0;
};

/// What one side of a channel has done and seen.
struct channel_side {
    std::optional<channel_id> id;
    flow out[2];  // ordinary, extended

    // What it did.
    bool ended_output = false;  // send_eof, exit, close or cut: nothing is written behind
    bool closed = false;        // close or cut: what comes is not wanted any more
    bool cut = false;
    bool broken_off = false;                   // closed without an EOF
    std::optional<std::uint32_t> exit_status;  // as given to the library
    std::string exit_signal;

    // What it saw.
    bool opened = false;
    bool refused = false;
    bool eof_seen = false;
    std::optional<std::uint32_t> exit_status_seen;
    std::string exit_signal_seen;
    time_point ended_at = time_point::max();  // the last event of the channel, or the connection's
    bool ended_by_connection = false;
    std::optional<channel_report> report;  // of the channel's own end

    std::uint64_t written() const { return out[0].written + out[1].written; }
    std::uint64_t read_by_peer() const { return out[0].read + out[1].read; }
};

/// One file that an SFTP client writes, as the client knows it.
struct sftp_file {
    std::string path;
    std::uint64_t name = 0;   // of the stream that is in it
    std::uint64_t asked = 0;  // bytes in WRITEs that were sent
    std::uint64_t acknowledged = 0;
    bool opened = false;  // and told so
    bool close_asked = false;
    bool closed = false;  // and told so
};

/// What an SFTP client has done and been told.
struct sftp_record {
    std::vector<sftp_file> files;
    std::uint64_t requests = 0;
    std::uint64_t replies = 0;
    bool drained = false;  // the server was told to, by its policy
};

/// One channel of a scenario, seen from both sides.
struct conversation {
    std::size_t number = 0;
    channel_plan plan;
    channel_side sides[2];  // opener, acceptor
    sftp_record sftp;

    channel_side& of(side s) { return sides[s == plan.opener ? 0 : 1]; }
    const channel_side& of(side s) const { return sides[s == plan.opener ? 0 : 1]; }
    const side_plan& plan_of(side s) const {
        return s == plan.opener ? plan.by_opener : plan.by_acceptor;
    }
};

}  // namespace sluice::sim
