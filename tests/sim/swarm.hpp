#pragma once

#include "sluice/tests/sim/pair.hpp"

#include <cstdint>
#include <string>

namespace sluice::sim {

/// What many runs together have reached: a swarm that never gets anywhere proves nothing.
struct coverage {
    std::uint64_t runs = 0;
    std::uint64_t logins = 0;
    std::uint64_t outcomes[5] = {};  // by close_outcome, both ends
    std::uint64_t channels_closed = 0;
    std::uint64_t bytes_read = 0;
    std::uint64_t bytes_undelivered = 0;
    std::uint64_t bytes_discarded = 0;
    std::uint64_t unanswered = 0;
    std::uint64_t exchanges = 0;  // beyond the first of a run
    std::uint64_t exits = 0;
    std::uint64_t resets = 0;
    std::uint64_t pongs = 0;         // receipts
    std::uint64_t files_closed = 0;  // by an SFTP client, and told so
    std::uint64_t files_left = 0;    // opened and not closed
    std::uint64_t events = 0;
    std::uint64_t packets = 0;

    void add(const simulation& run);
    void add(const coverage& other);
};

/// Runs one seed. What is broken, or nothing.
std::string run_seed(std::uint64_t seed, coverage* reached);

/// For people: what is broken, the scenario, the last packets and how to see it again.
std::string told(std::uint64_t seed);

}  // namespace sluice::sim
