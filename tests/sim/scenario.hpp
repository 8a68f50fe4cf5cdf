#pragma once

#include "sluice/channel/mux.hpp"
#include "sluice/endpoint/drain.hpp"
#include "sluice/sftp/drain_policy.hpp"
#include "sluice/tests/sim/link.hpp"
#include "sluice/transport/config.hpp"
#include "sluice/wire/clock.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// What is to happen in a simulation: written by hand for a test, drawn from a seed for the swarm.
namespace sluice::sim {

enum side : std::uint8_t { client = 0, server = 1 };
constexpr side other(side s) { return s == client ? server : client; }

constexpr duration never = duration::max();

/// What one side of a channel does. The default says nothing, reads everything and leaves the
/// ending to the peer.
struct side_plan {
    // --- writing ---
    std::uint64_t write_bytes = 0;
    std::uint64_t error_bytes = 0;      // besides, as stderr
    std::uint32_t chunk_bytes = 16384;  // one write, at most
    duration write_every{};             // 0: as fast as there is room
    bool whole_chunks = false;          // waits until a whole chunk has room, then writes it
    bool echo = false;                  // writes what it reads instead
    bool hasty = false;                 // opener: does not wait for the confirmation

    // --- reading ---
    duration read_after{};    // each piece is consumed so long after it came
    duration stalls_until{};  // nothing is consumed before, counted from the opening; or never

    // --- requests that want a reply ---
    unsigned requests = 0;
    duration request_every{};
    duration answer_after{};  // to the peer's

    // --- the end ---
    enum class ending {
        stays,        // whatever comes
        eof,          // EOF; CLOSE when the peer's EOF has come too, as a forwarded connection
        exit_status,  // EOF, exit-status, CLOSE
        exit_signal,
        close,       // EOF, CLOSE
        breaks_off,  // CLOSE alone
    };
    ending end = ending::stays;
    bool after_eof = false;  // the end waits for the peer's EOF
    bool early_eof = false;  // only CLOSE waits; EOF goes as soon as all is written
    duration end_after{};    // and so long after that
    std::uint32_t status = 0;
    std::optional<std::uint64_t> throws_at;  // having written so much: exit-status 255

    // --- interruptions, counted from the opening ---
    duration closes_at = never;  // closes whatever it was doing
    duration cuts_at = never;

    enum class draining { finishes, closes, cuts, ignores };
    draining on_drain = draining::finishes;
};

/// What a client does with SFTP: writes files one after the other, and reads some back.
struct sftp_plan {
    unsigned files = 1;
    std::uint64_t file_bytes = 10'000;
    std::uint32_t piece_bytes = 1000;  // of one WRITE or READ
    unsigned in_flight = 8;            // requests
    bool reads_back = false;
    bool leaves_open = false;  // the last file: EOF without a CLOSE
    bool hasty_eof = false;    // EOF right behind the last request, not behind the last reply
    bool slow_disk = false;    // the server's operations complete later, in any order
    sftp::drain_policy policy = sftp::drain_policy::finish_session;  // of a server that drains
};

/// One channel.
struct channel_plan {
    side opener = client;
    bool session = true;            // or forwarded
    std::optional<sftp_plan> sftp;  // in place of what the sides' plans say of data
    duration opens_at{};            // from the login
    duration accept_after{};
    bool refused = false;
    side_plan by_opener;
    side_plan by_acceptor;
};

/// Something that happens to the connection, counted from its start.
struct incident {
    enum class what {
        drain,    // by `who`, with `length` as its deadline
        cut,      // by `who`
        rekey,    // by `who`
        ping,     // by the client
        global,   // a request of the client's
        stall,    // `who` does not read from the stream for `length`
        fin,      // the stream ends for `who`, somewhere in what is under way to it
        reset,    // the stream breaks for both
        silence,  // nothing arrives any more, at either end
    };
    duration at{};
    what kind = what::drain;
    side who = client;
    duration length{};
};

/// What one end is like.
struct end_plan {
    mux_config channels;
    rekey_limits rekey{1ULL << 30, 1ULL << 31, std::chrono::hours(1)};
    end_config end;
    duration keepalive_interval{};  // 0: none
    unsigned keepalive_count_max = 3;
    pipe_settings out;  // from this end to the other
};

struct scenario {
    std::uint64_t seed = 1;
    std::string_view cipher = "aes128-gcm@openssh.com";
    std::string_view compression = "none";
    end_plan ends[2];
    std::vector<channel_plan> channels;
    std::vector<incident> incidents;

    /// No fault and no delay that a timer could take for one: what is drained then is whole.
    bool healthy = true;
};

/// The scenario of a seed.
scenario draw_scenario(std::uint64_t seed);

/// On one line, for the head of a ladder.
std::string summary(const scenario& s);

}  // namespace sluice::sim
