// Runs many simulations: `sim_swarm --seeds N --from S`. What is broken is shown with the packets
// that led to it, and the command that shows it again.

#include "sluice/tests/sim/swarm.hpp"

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace sluice::sim;

struct options {
    std::uint64_t seeds = 1000;
    std::uint64_t from = 1;
    unsigned jobs = 1;
    unsigned failures_max = 1;
    bool verbose = false;
};

int usage() {
    std::puts(
        "usage: sim_swarm [--seeds N] [--from S] [--jobs J] [--failures F] [--verbose]\n"
        "\n"
        "  --seeds N     how many (1000)\n"
        "  --from S      the first one (1)\n"
        "  --jobs J      threads (1)\n"
        "  --failures F  stops after so many seeds that break something (1)\n"
        "  --verbose     shows scenario and packets of each seed, broken or not");
    return 2;
}

void show(const coverage& c, double seconds) {
    const auto line = [](std::initializer_list<std::pair<const char*, std::uint64_t>> numbers) {
        const char* between = "";
        for (const auto& [name, n] : numbers) {
            std::printf("%s%s %llu", between, name, static_cast<unsigned long long>(n));
            between = ", ";
        }
        std::puts("");
    };
    line({{"runs", c.runs},
          {"logins", c.logins},
          {"drained", c.outcomes[0]},
          {"deadline", c.outcomes[1]},
          {"cut", c.outcomes[2]},
          {"peer_closed", c.outcomes[3]},
          {"lost", c.outcomes[4]},
          {"resets", c.resets}});
    line({{"channels", c.channels_closed},
          {"exits", c.exits},
          {"re-exchanges", c.exchanges},
          {"receipts by pong", c.pongs},
          {"files closed", c.files_closed},
          {"files left open", c.files_left}});
    line({{"bytes read", c.bytes_read},
          {"undelivered", c.bytes_undelivered},
          {"discarded", c.bytes_discarded},
          {"packets", c.packets},
          {"events", c.events}});
    std::printf("%.1f s, %.0f seeds a second\n", seconds, static_cast<double>(c.runs) / seconds);
}

}  // namespace

int main(int argc, char** argv) {
    options o;
    for (int i = 1; i < argc; ++i) {
        const std::string name = argv[i];
        if (name == "--verbose") {
            o.verbose = true;
            continue;
        }
        if (i + 1 == argc) return usage();
        char* end = nullptr;
        const std::uint64_t value = std::strtoull(argv[++i], &end, 10);
        if (*end != 0) return usage();
        if (name == "--seeds")
            o.seeds = value;
        else if (name == "--from")
            o.from = value;
        else if (name == "--jobs")
            o.jobs = static_cast<unsigned>(value);
        else if (name == "--failures")
            o.failures_max = static_cast<unsigned>(value);
        else
            return usage();
    }

    const auto start = std::chrono::steady_clock::now();
    std::atomic<std::uint64_t> next = 0;
    std::atomic<unsigned> failures = 0;
    std::mutex printing;
    coverage reached;
    const auto work = [&] {
        coverage mine;
        for (std::uint64_t i = next++; i < o.seeds && failures < o.failures_max; i = next++) {
            const std::uint64_t seed = o.from + i;
            const bool broken = !run_seed(seed, &mine).empty();
            if (!broken && !o.verbose) continue;
            const std::lock_guard lock(printing);
            std::fputs(told(seed).c_str(), stdout);
            failures += broken;
        }
        const std::lock_guard lock(printing);
        reached.add(mine);
    };
    std::vector<std::thread> threads;
    for (unsigned j = 1; j < o.jobs; ++j)
        threads.emplace_back(work);
    work();
    for (auto& t : threads)
        t.join();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    show(reached, took.count());
    return failures == 0 ? 0 : 1;
}
