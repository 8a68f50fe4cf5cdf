#pragma once

#include "sluice/channel/events.hpp"
#include "sluice/wire/clock.hpp"
#include "sluice/wire/error.hpp"

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice {

/// How a connection ended.
enum class close_outcome {
    drained,      // everything that was admitted was finished, then we left
    deadline,     // a drain, and what was left at its deadline was cut
    cut,          // we ended it at once: asked to, or for an error
    peer_closed,  // the peer said DISCONNECT, or ended the stream when no channel was open
    lost,         // the stream broke, or ended under open channels
};

/// Who ended it.
enum class close_side { us, peer, network };

/// What showed last that the peer has taken what we sent.
enum class close_receipt {
    none,
    channel_close,  // its CLOSE for a channel, behind ours
    pong,           // of ping@openssh.com
    reply,          // to a global request
};

/// What became of one channel.
struct channel_close_report {
    enum class outcome {
        closed,   // CLOSE went both ways
        refused,  // never confirmed
        open,     // it was open, or half closed, when the connection ended
    };

    channel_id id = 0;
    outcome how = outcome::open;
    channel_report numbers;
};

/// What became of one SFTP session. Of one that we were the client of, the server alone knows what
/// it committed, abandoned and refused: these are 0.
struct sftp_close_report {
    channel_id channel = 0;
    std::uint64_t handles_left_open = 0;  // when the session ended
    std::uint64_t files_committed = 0;    // opened for writing and closed by the client
    std::uint64_t files_abandoned = 0;    // opened for writing and not closed by the client
    std::uint64_t requests_answered = 0;
    std::uint64_t requests_refused = 0;  // answered with an error without being tried
    std::uint64_t requests_unanswered = 0;
    std::uint64_t bytes_read = 0;     // of files, sent to the client
    std::uint64_t bytes_written = 0;  // to files
};

/// What became of a connection: what `drain`, `close` and `closed` give. It adds up: `total` counts
/// every channel that ever was, the lists hold those that are of interest, up to a cap.
struct close_report {
    close_outcome outcome = close_outcome::lost;
    close_side ended_by = close_side::network;
    std::uint32_t reason_code = 0;  // of DISCONNECT, in either direction; 0: there was none
    std::string text;               // of DISCONNECT; the peer's own words where it ended it
    error_code error;               // why, where there is an error to tell

    struct totals {
        std::uint64_t channels = 0;
        std::uint64_t acknowledged = 0;          // channels whose CLOSE was answered
        std::uint64_t open = 0;                  // when the connection ended
        std::uint64_t bytes_sent = 0;            // data on channels
        std::uint64_t bytes_unacknowledged = 0;  // of these, on channels not acknowledged
        std::uint64_t bytes_undelivered = 0;     // written by us and never sent
        std::uint64_t bytes_received = 0;
        std::uint64_t bytes_discarded = 0;      // of these, while we closed or behind an EOF
        std::uint64_t requests_unanswered = 0;  // of channels, not of SFTP

        std::uint64_t sftp_sessions = 0;
        std::uint64_t files_committed = 0;
        std::uint64_t files_abandoned = 0;
        std::uint64_t sftp_requests_unanswered = 0;

        totals& operator+=(const totals& more);
    };
    totals total;

    /// At most limits::report_channels_max: those that lost something, then the latest.
    std::vector<channel_close_report> channels;
    /// Likewise: those that lost something, then the latest.
    std::vector<sftp_close_report> sftp_sessions;

    close_receipt receipt = close_receipt::none;
    std::uint64_t tasks_cancelled = 0;     // handlers that were asked to end at once
    std::uint64_t tasks_not_returned = 0;  // of these, within the grace time
    duration elapsed{};                    // from the start of the drain, or of the end, to closed
    duration lifetime{};                   // from the first byte to closed

    /// Adds a session that was served, with what it counted.
    void add(const sftp_close_report& session);

    /// Nothing that was written or admitted was lost.
    bool complete() const;
};

std::string_view to_string(close_outcome outcome);
std::string_view to_string(close_side side);
std::string_view to_string(close_receipt receipt);
std::string_view to_string(channel_close_report::outcome outcome);

/// One line for people: what ended, how, and what was lost. Text of the peer is escaped.
std::string to_text(const close_report& report);

/// One JSON object on one line, with members of the caller's in front: name, text. Text is escaped;
/// what is not UTF-8 is replaced.
std::string to_json(
    const close_report& report,
    std::initializer_list<std::pair<std::string_view, std::string_view>> in_front = {});

}  // namespace sluice
