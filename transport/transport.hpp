#pragma once

#include "sluice/transport/compression.hpp"
#include "sluice/transport/config.hpp"
#include "sluice/transport/extensions.hpp"
#include "sluice/transport/identification.hpp"
#include "sluice/transport/key_exchange_run.hpp"
#include "sluice/transport/packet.hpp"
#include "sluice/transport/peer_habits.hpp"
#include "sluice/transport/rekey_policy.hpp"
#include "sluice/wire/byte_queue.hpp"
#include "sluice/wire/clock.hpp"
#include "sluice/wire/error.hpp"
#include "sluice/wire/limits.hpp"
#include "sluice/wire/payload_sink.hpp"

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace sluice {

/// A payload for the layers above: SERVICE_REQUEST and SERVICE_ACCEPT, and 50 to 127.
struct transport_payload {
    bytes_view payload;  // until the next call of poll() or prepare_input()
};

/// Client: the host key whose signature has been checked. `accept_host_key()` goes on.
struct transport_host_key {
    bytes blob;
    std::string algorithm;
};

/// A key exchange is finished in both directions.
struct transport_keys_changed {
    bool first = false;
};

/// The peer sent DISCONNECT; the text is the peer's and may hold anything.
struct transport_disconnected {
    std::uint32_t reason_code = 0;
    std::string description;
};

/// The peer's answer to our ping: all that was sent before the ping has been taken.
struct transport_pong {
    bytes data;
};

/// The peer did not understand the packet of ours with that sequence number.
struct transport_unimplemented {
    std::uint32_t sequence_number = 0;
};

using transport_event =
    std::variant<transport_payload, transport_host_key, transport_keys_changed,
                 transport_disconnected, transport_pong, transport_unimplemented>;

/// The transport layer of one end of a connection (RFC 4253): bytes in, payloads out, and back.
///
/// Input goes into memory the transport owns and is opened there; output waits in memory the
/// transport owns until it is taken. After an error or a DISCONNECT it is finished: what is queued
/// may still be taken, nothing else happens.
class transport final : public wire::payload_sink {
public:
    /// `config` outlives the transport. Queues our identification line and KEXINIT.
    transport(const transport_config& config, role own, time_point now);

    // --- bytes in ---

    /// Space for at least `n` bytes to be received; `commit_input` says how many came.
    mutable_bytes_view prepare_input(std::size_t n) { return input_.prepare(n); }
    /// When finished, what comes is dropped.
    void commit_input(std::size_t n) {
        input_.commit(n);
        if (finished_) input_.consume(input_.size());
    }

    /// Goes through what was received until there is an event, an error or nothing more to do.
    ///
    /// On an error, which every later call repeats, DISCONNECT with the reason for it is queued.
    result<std::optional<transport_event>> poll(time_point now);

    // --- bytes out ---

    /// What waits to be sent. The view stays where it is, whatever else is called, until
    /// `consume_output` has taken all of it.
    bytes_view output();
    void consume_output(std::size_t n) {
        front_.consume(n);
        consumed_ += n;
    }
    std::size_t output_size() const { return front_.size() + back_.size(); }

    /// Whether the peer is read from: not while it leaves unread what it is answered. Before the
    /// login it may leave less.
    bool takes_input() const {
        return output_size() <
               (authenticated_ ? limits::input_stops_at_output : limits::unauthenticated_bytes_max);
    }

    void send(bytes_view head, bytes_view bulk = {}) override;
    std::size_t room() const override;
    std::uint64_t mark() const override { return mark_; }
    bool has_left(std::uint64_t mark) const override;

    /// Queues DISCONNECT, the last packet of ours.
    void disconnect(disconnect_reason reason, std::string_view description);

    /// The stream is gone: nothing is sent any more.
    void stream_ended() { finished_ = true; }

    /// Overwrites the payload that `poll` gave last: it held a secret, and the memory is used
    /// again.
    void wipe_payload();

    /// Answers the packet whose payload `poll` gave last with UNIMPLEMENTED (RFC 4253 §11.4).
    void send_unimplemented();

    /// Sends ping@openssh.com; false when the peer did not announce it.
    bool send_ping(bytes_view data);

    // --- everything else ---

    /// Client: trusts the host key of `transport_host_key`.
    void accept_host_key(time_point now);

    /// Begins a key exchange unless one is under way or the login is not finished.
    void rekey(time_point now);

    /// When `poll` is to be called even if nothing was received.
    time_point next_deadline() const;

    /// Authentication has succeeded, and the message that says so was sent or received: larger
    /// packets, delayed compression, and key exchanges of our own are allowed from here on.
    void set_authenticated();

    /// Gives back buffers in which nothing waits.
    void release_idle_memory();

    const bytes& session_id() const { return session_id_; }
    /// The host key's, over the session identifier. A client's only.
    const bytes& session_signature() const { return session_signature_; }
    const bytes& host_key_blob() const { return host_key_blob_; }
    const std::string& peer_identification() const { return peer_identification_; }
    const peer_habits& habits() const { return habits_; }
    const peer_extensions& extensions() const { return extensions_; }
    const negotiated& algorithms() const { return algorithms_; }
    bool keys_in_use() const { return !session_id_.empty(); }
    bool exchanging_keys() const { return exchange_ != nullptr || !first_exchange_done_; }
    bool finished() const { return finished_; }
    std::size_t memory_in_use() const {
        return input_.capacity() + front_.capacity() + back_.capacity();
    }

private:
    using maybe_event = std::optional<transport_event>;

    result<maybe_event> poll_open(time_point now);
    result<maybe_event> on_payload(bytes_view payload, time_point now);
    result<> check_order(std::uint8_t number) const;
    result<> check_order_in_exchange(std::uint8_t number) const;
    result<> check_peers_exchange(time_point now);
    result<> on_ext_info(bytes_view payload);
    result<> on_kexinit(bytes_view payload, time_point now);
    result<maybe_event> on_kex_message(bytes_view payload, time_point now);
    result<maybe_event> on_newkeys(bytes_view payload, time_point now);
    result<> check_deadlines(time_point now);
    bool awaiting_trust() const;
    std::size_t held_bytes_max() const {
        return authenticated_ ? limits::held_payload_bytes_max : limits::unauthenticated_bytes_max;
    }

    void begin_key_exchange(time_point now);
    bool holds_payloads() const;
    void rekey_if_due(time_point now);
    void send_newkeys();
    void send_now(bytes_view head, bytes_view bulk = {});
    void send_all(const std::vector<bytes>& payloads);
    const negotiated::direction& direction(bool outbound) const;

    const transport_config& config_;
    role own_;
    identification_reader identification_;
    std::string peer_identification_;
    peer_habits habits_;

    wire::byte_queue input_;
    wire::byte_queue front_;  // being sent
    wire::byte_queue back_;   // being added to
    packet_opener opener_;
    packet_sealer sealer_;
    std::unique_ptr<compressor> compressor_;
    std::unique_ptr<decompressor> decompressor_;
    mutable_bytes_view last_payload_;  // valid only right after poll gave it
    bytes compressed_;
    bytes inflated_;

    // The exchange under way. What we send waits from our KEXINIT to our NEWKEYS; what we receive
    // is restricted from the peer's KEXINIT to its NEWKEYS.
    std::unique_ptr<key_exchange_run> exchange_;
    bool newkeys_sent_ = false;
    time_point exchange_deadline_ = time_point::max();
    std::vector<bytes> held_;
    std::size_t held_bytes_ = 0;
    // When the peer last began exchanges that no data justified, in a ring.
    std::array<time_point, limits::idle_key_exchanges_max> idle_exchanges_;
    std::uint64_t idle_exchanges_begun_ = 0;
    std::uint64_t data_since_keys_ = 0;  // payload bytes of upper layers, both directions
    std::uint64_t releases_ = 0;         // of held_, ever
    std::uint64_t released_upto_ = 0;    // bytes of output up to the end of the last release
    std::uint64_t consumed_ = 0;         // bytes of output, ever
    std::uint64_t mark_ = 0;  // where the last payload ends in it, or which release it waits for

    rekey_policy rekey_policy_;
    negotiated algorithms_;
    bytes session_id_;
    bytes session_signature_;
    bytes host_key_blob_;
    peer_extensions extensions_;
    std::size_t ext_info_messages_ = 0;
    time_point now_;
    std::size_t packet_length_max_ = 0;
    bool strict_ = false;
    bool first_exchange_done_ = false;
    bool authenticated_ = false;
    bool finished_ = false;
    error_code error_;
};

}  // namespace sluice
