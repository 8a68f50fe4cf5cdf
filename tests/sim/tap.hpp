#pragma once

#include "sluice/tests/sim/model.hpp"
#include "sluice/transport/packet_observer.hpp"

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

namespace sluice::sim {

/// The last packets of a run, of both ends: what is shown of a failure.
class ladder {
public:
    struct rung {
        time_point when{};
        side where = client;
        packet_direction direction = packet_direction::sent;
        std::uint8_t number = 0;
        std::uint32_t channel = 0;    // recipient, of those that have one
        std::uint64_t value = 0;      // length, bytes to add, reason, sender's number
        std::uint32_t times = 1;      // in a row
        std::array<char, 20> text{};  // of a request, its name

        bool operator==(const rung&) const = default;
    };

    void add(const rung& r);
    std::string text() const;

private:
    std::array<rung, 256> rungs_;
    std::size_t count_ = 0;
};

/// What one end knows of a channel from the wire alone.
struct wire_channel {
    std::uint32_t own = 0;
    std::uint32_t peer = 0;
    bool ours = false;
    bool confirmed = false;
    bool refused = false;

    std::uint64_t data_sent = 0;
    std::uint64_t data_received = 0;
    bool eof_sent = false;
    bool eof_received = false;
    bool exit_sent = false;
    bool exit_received = false;
    bool close_sent = false;
    bool close_received = false;
    bool answered_close = false;  // the peer's CLOSE came behind ours

    std::uint64_t window = 0;        // what we may still send
    std::uint64_t window_given = 0;  // what the peer may still send
    std::uint64_t window_size = 0;   // as we announced it
    std::uint32_t packet_max = 0;    // the peer's
    std::uint32_t own_packet_max = 0;
    std::uint32_t replies_owed = 0;  // to requests of the peer
    std::uint32_t replies_due = 0;   // to ours

    bool live() const { return !refused && !(close_sent && close_received); }
};

/// Watches one end's wire and holds it against the rules (RFC 4254 §5; one channel, one
/// connection). It shares no code with the machines that it watches but the codec.
class tap final : public packet_observer {
public:
    tap(side own, verdict& told, ladder& shown, const time_point& now)
        : own_(own), told_(told), shown_(shown), now_(now) {}

    /// What arrives here must be what that end has sent, in its order.
    void connect(tap& peer) { peer_ = &peer; }

    void on_packet(packet_direction direction, std::uint32_t sequence_number, bytes_view head,
                   bytes_view bulk) override;

    /// Every channel that ever was, by our number; refused opens of the peer's have none.
    const std::vector<wire_channel>& channels() const { return channels_; }
    const wire_channel* find(channel_id own) const;

    /// The peer's number of the channel in the OPEN that came last.
    std::uint32_t last_opener() const { return last_opener_; }

    /// What is sent from here on was handed over by the machine's upper layers just now.
    void settled() { flushing_ = false; }

    bool exchanging_keys() const { return kexinit_sent_ && !newkeys_sent_; }
    bool disconnect_sent() const { return disconnect_sent_; }
    bool disconnect_received() const { return disconnect_received_; }
    std::uint64_t pongs_due() const { return pongs_due_; }
    bool all_arrived() const { return in_flight_.empty(); }
    std::uint64_t exchanges() const { return exchanges_; }
    std::uint64_t packets_sent() const { return packets_sent_; }

private:
    void sent(bytes_view payload);
    void received(bytes_view payload);
    void sent_on(wire_channel& c, bytes_view payload);
    void received_on(wire_channel& c, bytes_view payload);
    void record(packet_direction direction, bytes_view payload);
    wire_channel* live_by_own(std::uint32_t number);
    wire_channel* live_by_peer(std::uint32_t number);
    void fail(std::string_view what, std::uint32_t channel);

    side own_;
    verdict& told_;
    ladder& shown_;
    const time_point& now_;
    tap* peer_ = nullptr;

    std::vector<wire_channel> channels_;
    struct asked {
        std::uint32_t peer;
        std::uint32_t window;
        std::uint32_t packet_max;
    };
    std::vector<asked> opens_;             // of the peer's, not answered
    std::deque<std::uint64_t> in_flight_;  // hashes of packets sent and not yet received
    bytes scratch_;
    std::uint32_t last_opener_ = 0;
    bool kexinit_sent_ = false;
    bool newkeys_sent_ = true;
    bool flushing_ = false;  // what follows NEWKEYS was handed over before, see settled
    bool disconnect_sent_ = false;
    bool disconnect_received_ = false;
    std::uint64_t exchanges_ = 0;
    std::uint64_t packets_sent_ = 0;
    std::uint64_t pongs_due_ = 0;
    std::uint64_t global_replies_owed_ = 0;
    std::uint64_t global_replies_due_ = 0;
};

}  // namespace sluice::sim
