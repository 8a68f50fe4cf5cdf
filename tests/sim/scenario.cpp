#include "sluice/tests/sim/scenario.hpp"

#include "sluice/tests/sim/random.hpp"

#include <algorithm>

namespace sluice::sim {
namespace {

using namespace std::chrono_literals;

// Draws one scenario. Most runs are small, so that many can be made; a few are large.
class draw {
public:
    explicit draw(std::uint64_t seed) : r_(seed) { s_.seed = seed; }

    scenario made() {
        if (r_.percent(15)) s_.cipher = "chacha20-poly1305@openssh.com";
        if (r_.percent(5)) s_.cipher = "aes128-ctr";
        if (r_.percent(2)) s_.compression = "zlib@openssh.com";
        crawling_ = r_.percent(3);
        large_ = !crawling_ && r_.percent(1);
        for (end_plan& e : s_.ends)
            draw_end(e);
        const std::size_t channels = r_.percent(10) ? r_.up_to(12) : r_.between(1, 4);
        for (std::size_t i = 0; i < channels; ++i)
            s_.channels.push_back(draw_channel());
        draw_incidents();
        return std::move(s_);
    }

private:
    // --- the link and the ends ---

    pipe_settings draw_pipe() {
        pipe_settings p;
        p.latency = r_.pick<duration>({0ms, 0ms, 1ms, 1ms, 20ms, 20ms, 60ms, 200ms});
        if (r_.percent(50)) p.jitter = r_.any_time(50ms);
        if (r_.percent(40)) p.segment = 1 + r_.any_size(20'000);
        p.uneven = r_.percent(50);
        if (r_.percent(40)) p.capacity = 1000 + r_.any_size(100'000);
        if (r_.percent(20)) p.bytes_per_second = 20'000 + r_.any_size(10'000'000);
        if (r_.percent(30)) p.read = 1 + r_.any_size(20'000);
        if (crawling_) p.read = r_.pick<std::size_t>({1, 1, 2, 7});
        // A packet in many segments is enough; more of them only cost time.
        if (!crawling_) {
            p.read = std::max<std::size_t>(p.read, 50);
            p.segment = std::max<std::size_t>(p.segment, 50);
        }
        return p;
    }

    // Bytes a second, by its rate and by what may be under way at once.
    static bool is_slow(const pipe_settings& p) {
        constexpr double enough = 500'000;
        const double seconds = static_cast<double>((p.latency + p.jitter).count()) / 1e9;
        return (p.bytes_per_second != 0 && static_cast<double>(p.bytes_per_second) < enough) ||
               static_cast<double>(p.capacity) < seconds * enough;
    }

    void draw_end(end_plan& e) {
        mux_config& m = e.channels;
        m.window_size = static_cast<std::uint32_t>(r_.percent(60) ? r_.between(500, 60'000)
                                                                  : 1 + r_.any_size(2'097'151));
        m.packet_size_max = static_cast<std::uint32_t>(r_.percent(60) ? r_.between(500, 35'000)
                                                                      : 1 + r_.any_size(261'119));
        m.channel_output_max = 200 + r_.any_size(200'000);
        m.connection_output_max = r_.pick<std::size_t>({2000, 50'000, 1'000'000});
        if (r_.percent(10)) m.channels_max = r_.between(1, 4);
        if (r_.percent(8)) e.rekey.bytes = 10'000 + r_.any_size(1'000'000);
        if (r_.percent(2)) e.rekey.packets = r_.between(50, 500);
        if (r_.percent(5)) e.rekey.interval = r_.pick<duration>({2s, 10s, 10s});
        e.end.linger = r_.pick<duration>({2s, 2s, 2s, 10s});
        if (r_.percent(30)) e.keepalive_interval = r_.pick<duration>({1s, 3s, 10s});
        e.keepalive_count_max = static_cast<unsigned>(r_.between(1, 3));
        e.out = draw_pipe();
    }

    // --- channels ---

    // Bounded by what window and packet size make of it in messages.
    std::uint64_t draw_size(side from) {
        const mux_config& peer = s_.ends[other(from)].channels;
        std::uint64_t most = r_.percent(85) ? 30'000 : 200'000;
        if (crawling_) most = 2000;
        if (large_) most = 2'000'000;
        const std::uint64_t n = r_.percent(50) ? r_.any_size(most) : r_.up_to(most);
        return std::min<std::uint64_t>({n, peer.window_size * 15ULL, peer.packet_size_max * 40ULL});
    }

    duration draw_delay() { return r_.percent(60) ? duration() : r_.any_time(3s); }

    void draw_reader(side_plan& p) {
        if (r_.percent(20)) p.read_after = r_.any_time(500ms);
        if (r_.percent(12)) p.stalls_until = r_.any_time(5s);
        if (r_.percent(3)) p.stalls_until = never;
    }

    void draw_interruptions(side_plan& p) {
        if (r_.percent(8)) p.closes_at = r_.any_time(2s);
        if (r_.percent(5)) p.cuts_at = r_.any_time(2s);
        using draining = side_plan::draining;
        p.on_drain = r_.pick({draining::finishes, draining::finishes, draining::finishes,
                              draining::closes, draining::cuts, draining::ignores});
    }

    void draw_requests(side_plan& p) {
        if (!r_.percent(15)) return;
        p.requests = static_cast<unsigned>(r_.between(1, 12));
        p.request_every = r_.any_time(200ms);
    }

    void draw_writer(side_plan& p, side own) {
        p.write_bytes = draw_size(own);
        p.chunk_bytes = 1 + static_cast<std::uint32_t>(r_.any_size(40'000));
        p.chunk_bytes = std::max<std::uint32_t>(
            p.chunk_bytes, static_cast<std::uint32_t>(p.write_bytes / 200 + 1));
        p.whole_chunks = r_.percent(25);
        if (r_.percent(15)) {
            p.write_every = r_.any_time(20ms);
            p.chunk_bytes = std::max<std::uint32_t>(
                p.chunk_bytes, static_cast<std::uint32_t>(p.write_bytes / 50 + 1));
        }
        // Who wants more at once than his share may wait for others for ever.
        const mux_config& m = s_.ends[own].channels;
        const std::size_t share =
            std::min(m.channel_output_max, m.connection_output_max / m.channels_max);
        if (p.chunk_bytes > share) p.whole_chunks = false;
        if (r_.percent(40)) p.answer_after = r_.any_time(500ms);
        p.end_after = draw_delay();
    }

    channel_plan draw_channel() {
        channel_plan c;
        c.session = r_.percent(60);
        c.opener = !c.session && r_.percent(50) ? server : client;
        c.opens_at = draw_delay();
        c.accept_after = r_.percent(80) ? duration() : r_.any_time(1s);
        c.refused = r_.percent(4);
        for (side_plan* p : {&c.by_opener, &c.by_acceptor}) {
            draw_writer(*p, p == &c.by_opener ? c.opener : other(c.opener));
            draw_reader(*p);
            draw_interruptions(*p);
            draw_requests(*p);
        }
        c.by_opener.hasty = r_.percent(10);
        if (c.session && r_.percent(20))
            draw_sftp(c);
        else
            c.session ? draw_command(c) : draw_forwarding(c);
        return c;
    }

    // A client and a command: input up to its end, output, an exit.
    void draw_command(channel_plan& c) {
        using ending = side_plan::ending;
        side_plan& user = c.by_opener;
        side_plan& command = c.by_acceptor;
        if (r_.percent(50)) user.write_bytes = 0;
        user.end = r_.percent(90) ? ending::stays : ending::close;
        user.after_eof = r_.percent(70);
        user.early_eof = r_.percent(80);
        command.end = r_.percent(85) ? ending::exit_status : ending::exit_signal;
        command.status = static_cast<std::uint32_t>(r_.up_to(255));
        command.after_eof = r_.percent(60) && user.early_eof;
        command.early_eof = r_.percent(20);
        command.echo = r_.percent(20) && user.early_eof;
        if (!command.echo && r_.percent(20)) command.error_bytes = draw_size(server) / 2;
        if (r_.percent(5)) command.throws_at = r_.up_to(command.write_bytes);
    }

    void draw_sftp(channel_plan& c) {
        sftp_plan p;
        p.files = static_cast<unsigned>(r_.between(1, 4));
        p.file_bytes = std::max<std::uint64_t>(1, c.by_opener.write_bytes);
        p.piece_bytes = static_cast<std::uint32_t>(
            std::max<std::uint64_t>(p.file_bytes / 60 + 1, r_.between(1, 30'000)));
        p.in_flight = static_cast<unsigned>(r_.percent(70) ? r_.between(1, 16) : 200);
        p.reads_back = r_.percent(50);
        p.leaves_open = r_.percent(20);
        p.hasty_eof = !p.reads_back && r_.percent(30);
        p.slow_disk = r_.percent(50);
        p.policy = r_.percent(60)   ? sftp::drain_policy::finish_handles
                   : r_.percent(50) ? sftp::drain_policy::finish_session
                                    : sftp::drain_policy::now;
        c.sftp = p;
        const side_plan user = std::exchange(c.by_opener, {});
        c.by_opener.closes_at = user.closes_at;
        c.by_opener.cuts_at = user.cuts_at;
        c.by_opener.on_drain = user.on_drain;
        c.by_acceptor = {};
        c.by_acceptor.on_drain = r_.percent(80) ? side_plan::draining::finishes : user.on_drain;
        c.refused = false;
    }

    // Two ends that each end on their own: half-closes, or one that stops it all.
    void draw_forwarding(channel_plan& c) {
        using ending = side_plan::ending;
        c.by_acceptor.echo = r_.percent(35);
        for (side_plan* p : {&c.by_opener, &c.by_acceptor}) {
            p->end = r_.percent(70)   ? ending::eof
                     : r_.percent(33) ? ending::breaks_off
                     : r_.percent(50) ? ending::close
                                      : ending::stays;
            p->early_eof = r_.percent(50);
        }
    }

    // --- what happens ---

    // In braces, so that every compiler draws in the same order.
    void add(const incident& i) { s_.incidents.push_back(i); }

    // Some in the first moments, most while channels are busy.
    duration moment() {
        const duration most = r_.percent(60) ? 2s : 10s;
        if (r_.percent(10)) return r_.any_time(most);
        return duration(
            static_cast<std::int64_t>(r_.up_to(static_cast<std::uint64_t>(most.count()))));
    }
    side either() { return r_.percent(50) ? client : server; }

    void draw_incidents() {
        using what = incident::what;
        const side first = either();
        // A slow line with much under way outlives lingering and keepalives.
        for (const end_plan& e : s_.ends)
            if (is_slow(e.out)) s_.healthy = false;
        if (r_.percent(12))
            for (std::uint64_t i = r_.between(1, 3); i != 0; --i)
                add({moment(), what::rekey, either()});
        if (r_.percent(15))
            for (std::uint64_t i = r_.between(1, 5); i != 0; --i)
                add({moment(), r_.percent(50) ? what::ping : what::global, client});
        if (r_.percent(8)) {
            add({moment(), what::stall, first, r_.any_time(5s)});
            s_.healthy = false;
        }
        if (r_.percent(10)) {
            add({moment(), r_.pick({what::fin, what::reset, what::silence}), either()});
            s_.healthy = false;
        }
        if (r_.percent(4)) add({moment(), what::cut, first});

        // Every run ends with a drain: early, when all is done, or at a deadline of nothing. The
        // other end drains at the same time or is told; where the network may fail it has a drain
        // of its own in the end.
        const duration length = r_.pick<duration>({0ms, 10ms, 1s, 5s, 60s, 60s});
        const duration begin = r_.percent(60) ? moment() : r_.between(5, 40) * 1s;
        add({begin, what::drain, first, length});
        if (r_.percent(15)) add({begin, what::drain, other(first), r_.any_time(10s)});
        if (r_.percent(5)) add({begin + r_.any_time(1s), what::drain, first, r_.any_time(5s)});
        if (!s_.healthy) add({begin + 200s, what::drain, other(first), 1s});
    }

    random r_;
    scenario s_;
    bool crawling_ = false;
    bool large_ = false;
};

}  // namespace

scenario draw_scenario(std::uint64_t seed) { return draw(seed).made(); }

// --- for people ---------------------------------------------------------------------------------

namespace {

std::string seconds(duration d) {
    if (d == never) return "never";
    std::string text = std::to_string(static_cast<double>(d.count()) / 1e9);
    return text.substr(0, text.find('.') + 4) + "s";
}

std::string summary_of(const sftp_plan& p) {
    std::string out = "sftp (" + std::to_string(p.files) + " files of " +
                      std::to_string(p.file_bytes) + " by " + std::to_string(p.piece_bytes) + ", " +
                      std::to_string(p.in_flight) + " in flight";
    if (p.reads_back) out += ", reads back";
    if (p.leaves_open) out += ", leaves open";
    if (p.hasty_eof) out += ", hasty EOF";
    return out + (p.slow_disk ? ", slow disk)" : ")");
}

std::string summary_of(const side_plan& p) {
    static constexpr std::string_view ends[] = {"stays", "eof", "exit_status", "exit_signal",
                                                "close"};
    static constexpr std::string_view drains[] = {"finishes", "closes", "cuts", "ignores"};
    std::string out = p.echo ? "echoes" : "writes " + std::to_string(p.write_bytes);
    if (p.error_bytes != 0) out += "+" + std::to_string(p.error_bytes) + " stderr";
    out += " by " + std::to_string(p.chunk_bytes) + (p.whole_chunks ? " whole" : "");
    if (p.write_every != duration()) out += " every " + seconds(p.write_every);
    if (p.hasty) out += ", hasty";
    if (p.read_after != duration()) out += ", reads after " + seconds(p.read_after);
    if (p.stalls_until != duration()) out += ", stalls until " + seconds(p.stalls_until);
    if (p.requests != 0) out += ", " + std::to_string(p.requests) + " requests";
    if (p.answer_after != duration()) out += ", answers after " + seconds(p.answer_after);
    out += ", end " + std::string(ends[static_cast<std::size_t>(p.end)]);
    if (p.after_eof) out += " after EOF";
    if (p.early_eof) out += ", EOF early";
    if (p.end_after != duration()) out += " + " + seconds(p.end_after);
    if (p.throws_at) out += ", throws at " + std::to_string(*p.throws_at);
    if (p.closes_at != never) out += ", closes at " + seconds(p.closes_at);
    if (p.cuts_at != never) out += ", cuts at " + seconds(p.cuts_at);
    return out + ", on drain " + std::string(drains[static_cast<std::size_t>(p.on_drain)]);
}

}  // namespace

std::string summary(const scenario& s) {
    static constexpr std::string_view kinds[] = {"drain", "cut", "rekey", "ping",   "global",
                                                 "stall", "fin", "reset", "silence"};
    std::string out = std::string(s.cipher) + ", compression " + std::string(s.compression) +
                      (s.healthy ? "" : ", faults") + "\n";
    for (const side who : {client, server}) {
        const end_plan& e = s.ends[who];
        out += std::string(who == client ? "client" : "server") + ": window " +
               std::to_string(e.channels.window_size) + ", packets " +
               std::to_string(e.channels.packet_size_max) + ", queues " +
               std::to_string(e.channels.channel_output_max) + " and " +
               std::to_string(e.channels.connection_output_max) + ", rekey at " +
               std::to_string(e.rekey.bytes) + ", keepalive " + seconds(e.keepalive_interval) +
               " x " + std::to_string(e.keepalive_count_max) + ", linger " + seconds(e.end.linger) +
               "; line: " + seconds(e.out.latency) + " + " + seconds(e.out.jitter) +
               ", segments of " + std::to_string(e.out.segment) + (e.out.uneven ? " or less" : "") +
               ", holds " + std::to_string(e.out.capacity) + ", " +
               std::to_string(e.out.bytes_per_second) + " B/s, read by " +
               std::to_string(e.out.read) + "\n";
    }
    std::size_t number = 0;
    for (const channel_plan& c : s.channels)
        out += "conversation " + std::to_string(number++) + ": " +
               (c.opener == client ? "client" : "server") + " opens " +
               (c.sftp ? summary_of(*c.sftp) : std::string(c.session ? "session" : "forwarding")) +
               " at " + seconds(c.opens_at) + (c.refused ? ", refused" : "") + " after " +
               seconds(c.accept_after) + "\n    opener " + summary_of(c.by_opener) +
               "\n    acceptor " + summary_of(c.by_acceptor) + "\n";
    for (const incident& i : s.incidents)
        out += seconds(i.at) + " " + std::string(kinds[static_cast<std::size_t>(i.kind)]) + " " +
               (i.who == client ? "client" : "server") + " " + seconds(i.length) + "\n";
    return out;
}

}  // namespace sluice::sim
