#include "sluice/tests/sim/swarm.hpp"

namespace sluice::sim {

void coverage::add(const simulation& run) {
    ++runs;
    logins += run.logged_in_at() != time_point::max();
    for (const side s : {client, server}) {
        const close_report& r = run.report(s);
        ++outcomes[static_cast<std::size_t>(r.outcome)];
        channels_closed += r.total.channels - r.total.open;
        bytes_undelivered += r.total.bytes_undelivered;
        bytes_discarded += r.total.bytes_discarded;
        unanswered += r.total.requests_unanswered;
        resets += run.reset_seen(s);
        pongs += r.receipt == close_receipt::pong;
        packets += run.wire(s).packets_sent();
    }
    if (run.wire(client).exchanges() > 1) exchanges += run.wire(client).exchanges() - 1;
    events += run.events();
    for (const auto& c : run.conversations())
        for (const sftp_file& f : c->sftp.files) {
            files_closed += f.closed;
            files_left += f.opened && !f.closed;
        }
    for (const auto& c : run.conversations())
        for (const channel_side& one : c->sides) {
            bytes_read += one.read_by_peer();
            exits += one.exit_status_seen || !one.exit_signal_seen.empty();
        }
}

void coverage::add(const coverage& other) {
    runs += other.runs;
    logins += other.logins;
    for (std::size_t i = 0; i < std::size(outcomes); ++i)
        outcomes[i] += other.outcomes[i];
    channels_closed += other.channels_closed;
    bytes_read += other.bytes_read;
    bytes_undelivered += other.bytes_undelivered;
    bytes_discarded += other.bytes_discarded;
    unanswered += other.unanswered;
    exchanges += other.exchanges;
    exits += other.exits;
    resets += other.resets;
    pongs += other.pongs;
    files_closed += other.files_closed;
    files_left += other.files_left;
    events += other.events;
    packets += other.packets;
}

std::string run_seed(std::uint64_t seed, coverage* reached) {
    simulation run(draw_scenario(seed));
    const std::string broken = run.run();
    if (reached != nullptr && broken.empty()) reached->add(run);
    return broken;
}

std::string told(std::uint64_t seed) {
    const scenario plan = draw_scenario(seed);
    simulation run(plan);
    const std::string broken = run.run();
    std::string out = "seed " + std::to_string(seed) + ": " +
                      (broken.empty() ? std::string("nothing is broken") : broken) + "\n";
    out += summary(plan);
    out += run.ladder_text();
    for (const side s : {client, server})
        if (run.closed_at(s) != time_point::max())
            out +=
                std::string(s == client ? "client: " : "server: ") + to_text(run.report(s)) + "\n";
    out += "again: sim_swarm --verbose --seeds 1 --from " + std::to_string(seed) + "\n";
    return out;
}

}  // namespace sluice::sim
