#pragma once

#include "sluice/sftp/client_habits.hpp"
#include "sluice/sftp/drain_policy.hpp"
#include "sluice/sftp/fifo.hpp"
#include "sluice/sftp/framing.hpp"
#include "sluice/sftp/handle_table.hpp"
#include "sluice/sftp/operations.hpp"
#include "sluice/sftp/request_order.hpp"
#include "sluice/sftp/status.hpp"
#include "sluice/wire/buffer.hpp"
#include "sluice/wire/byte_queue.hpp"
#include "sluice/wire/bytes.hpp"
#include "sluice/wire/error.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::sftp {

struct server_config {
    /// Every request that would change something is answered with PERMISSION_DENIED.
    bool read_only = false;

    /// Whether a request may be made at all, by its name (see request_names.hpp); any other is
    /// answered with PERMISSION_DENIED. Empty: all may.
    std::function<bool(std::string_view request)> permits{};

    /// What is known of the client's program.
    client_habits habits{};
};

/// What became of a session.
struct session_report {
    std::uint64_t handles_left_open = 0;    // by the client, when the session ended
    std::uint64_t files_committed = 0;      // opened for writing, and the client's close succeeded
    std::uint64_t files_abandoned = 0;      // opened for writing, and not so
    std::uint64_t requests_answered = 0;    // replies made, with those refused
    std::uint64_t requests_refused = 0;     // answered with an error without being tried
    std::uint64_t requests_drained = 0;     // of them, because the server was draining
    std::uint64_t requests_unanswered = 0;  // read, but the session was lost before the reply
    std::uint64_t bytes_read = 0;           // of files, sent to the client
    std::uint64_t bytes_written = 0;        // to files

    bool operator==(const session_report&) const = default;
};

/// One operation for the driver to run.
struct operation {
    std::uint64_t id = 0;
    op::any what;
};

/// The server side of one SFTP session, version 3 (draft-ietf-secsh-filexfer-02), sans I/O.
///
/// Stream bytes go in by `receive`; `next_operation` yields what a filesystem is to do, `complete`
/// takes the outcome, `next_output` yields what goes to the client. After each of these calls the
/// others may have something new. `driver` does this for a `filesystem`.
///
/// At most limits::sftp_requests_max requests and sftp_input_max bytes of them are in flight, and
/// at most sftp_output_max bytes of replies wait or are being made: beyond that, input is kept as
/// it is and not credited, so the channel's window bounds it.
class server {
public:
    explicit server(server_config config = {}) : config_(std::move(config)) {}

    /// Takes all of `data`, the next bytes of the client's stream. Ignored after the end of input.
    void receive(bytes_view data);

    /// Bytes of the stream that were worked off since the last call: credit for the window.
    std::size_t take_consumed();

    /// The client sends no more. What was read in full is answered; an unfinished packet is
    /// dropped.
    void on_eof();

    /// Brings the session to its end; `finished()` follows as after `on_eof`, on the next
    /// `next_operation` at the earliest. A second call can only tighten the policy.
    void drain(drain_policy policy);

    /// The client is gone. Requests that were read in full and change something are still run, all
    /// others dropped; no reply is made. Then handles are closed as abandoned.
    void abandon();

    /// The next operation to start, if one may start now. Its views live until it is completed.
    std::optional<operation> next_operation();

    // The outcome of an operation, with the type that the operation's `reply` says. Once each.
    void complete(std::uint64_t id, result<> outcome);
    void complete(std::uint64_t id, result<file_handle> outcome);
    void complete(std::uint64_t id, result<wire::buffer> outcome);
    void complete(std::uint64_t id, result<attributes> outcome);
    void complete(std::uint64_t id, result<name_batch> outcome);
    void complete(std::uint64_t id, result<std::string> outcome);
    void complete(std::uint64_t id, result<statvfs_reply> outcome);
    void complete(std::uint64_t id, result<id_names> outcome);

    /// The next chunk for the client; empty when there is none now.
    wire::buffer next_output();
    bool has_output() const { return !output_.empty(); }

    /// Input has ended, every request is answered, every handle closed and every chunk taken.
    bool finished() const;

    /// Why the session was ended by us: a breach of the protocol by the client. Then no more input
    /// is taken, and the session finishes as after an end of input.
    ///
    /// too_long: a packet above limits::sftp_packet_length_max or a handle above 256 bytes;
    /// bad_value: an empty packet; truncated: a request without an id; unexpected_message: the
    /// first packet is not INIT, or a later one is.
    error_code error() const { return error_; }

    /// Requests in flight, running or waiting for others.
    std::size_t requests_in_flight() const { return in_flight_; }
    std::size_t handles_open() const { return handles_.in_use(); }
    session_report report() const { return report_; }

private:
    enum class phase {
        awaiting_init,
        serving,
        ended,  // no more input will come
        lost,   // nor does anybody read replies
    };
    static constexpr std::uint32_t no_handle = footprint::no_handle;

    // One request in flight. `packet` owns what the views in `what` point into.
    struct slot {
        enum class state : std::uint8_t { free, waiting, running };

        state now = state::free;
        bool internal = false;  // a close of ours: nobody waits for a reply
        bool changes = false;   // runs even when nobody waits for the reply
        bool closes = false;    // its handle is gone afterwards
        std::uint32_t request_id = 0;
        std::uint32_t sequence = 0;
        std::uint32_t handle = no_handle;
        std::size_t wire_size = 0;       // bytes held by the packet
        std::size_t reply_reserve = 0;   // bytes of reply counted in advance
        std::uint64_t write_number = 0;  // from 1, of a WRITE; 0 of all others
        std::uint64_t offset = 0;        // of a read or write
        std::uint64_t length = 0;
        wire::buffer packet;
        op::any what;
    };
    class admission;  // server_requests.cpp: decodes requests

    bool room_for_input() const;
    void process_input();
    std::size_t take(bytes_view data);
    void on_packet(wire::buffer packet);
    void fail(errc e);
    bool refuses_new_work() const { return drain_ != drain_policy::finish_session; }
    void end_if_drained();
    void close_handles_left();
    ending ending_of(const slot& s);

    std::uint32_t add_slot();
    slot& running(std::uint64_t id);
    void submit(std::uint32_t index, const footprint& f);
    void skip(slot& s);
    void finish(slot& s);
    void finish_with_status(slot& s, error_code error);
    void reply_in_order(const slot& s, error_code outcome);

    template <class M>
    void reply(const M& message);
    void reply_status(std::uint32_t id, status_code code, std::string_view text);
    void append_output(bytes_view packet);
    void push_output(wire::buffer chunk);
    void refuse(std::uint32_t id, status_code code, std::string_view text);
    void refuse_new_work(std::uint32_t id);

    server_config config_;
    phase phase_ = phase::awaiting_init;
    drain_policy drain_ = drain_policy::finish_session;
    error_code error_;

    packet_assembler assembler_;
    wire::byte_queue backlog_;  // input that waits for room
    std::size_t consumed_ = 0;
    std::size_t input_held_ = 0;  // bytes of packets in flight

    std::vector<slot> slots_;
    std::vector<std::uint32_t> free_slots_;
    std::size_t in_flight_ = 0;
    std::uint32_t sequence_ = 0;
    request_order order_;
    fifo<std::uint32_t> ready_;
    std::vector<std::uint32_t> unblocked_;  // scratch

    // WRITEs are done in any order and answered in theirs: widely used clients (paramiko) wait for
    // one after the other and throw away what comes ahead of its turn.
    struct write_reply {
        std::uint32_t request_id = 0;
        std::optional<error_code> outcome;  // nothing: not done yet
    };
    fifo<write_reply> write_replies_;
    std::uint64_t writes_seen_ = 0;

    handle_table handles_;
    bool closing_counted_ = false;

    fifo<wire::buffer> output_;
    std::size_t output_bytes_ = 0;
    std::size_t output_reserved_ = 0;
    bytes scratch_;
    std::string path_scratch_;

    session_report report_;
};

}  // namespace sluice::sftp
