// The acceptance list of closing and draining, as far as two endpoints on a virtual clock can show
// it. Every run is also held against all that the swarm checks: order on the wire, windows,
// reports.

#include "sluice/tests/sim/pair.hpp"

#include <gtest/gtest.h>

#include <set>

namespace sluice::sim {
namespace {

using namespace std::chrono_literals;
using ending = side_plan::ending;
using draining = side_plan::draining;
using what = incident::what;

constexpr std::uint64_t MiB = 1024 * 1024;

std::string_view name_of(side s) { return s == client ? "client" : "server"; }

/// One run by hand: a network of 1 ms, default windows, nothing planned.
class Acceptance : public testing::Test {
protected:
    Acceptance() { clear(); }

    void clear() {
        plan = {};
        for (end_plan& e : plan.ends)
            e.out.latency = 1ms;
    }

    /// A channel on which `writer` runs the program and the other end is its user.
    channel_plan& program_of(side writer) {
        channel_plan c;
        c.opener = other(writer);
        c.session = writer == server;
        c.by_acceptor.end = ending::exit_status;
        plan.channels.push_back(c);
        return plan.channels.back();
    }

    void add(duration at, what kind, side who, duration length = {}) {
        plan.incidents.push_back({at, kind, who, length});
    }

    void run() {
        run_ = std::make_unique<simulation>(plan);
        const std::string broken = run_->run();
        ASSERT_EQ(broken, "") << summary(plan) << run_->ladder_text();
    }

    const conversation& channel(std::size_t number) const { return *run_->conversations()[number]; }
    const close_report& report(side s) const { return run_->report(s); }
    simulation& done() { return *run_; }

    void expect_whole(std::size_t number) {
        for (const channel_side& s : channel(number).sides)
            EXPECT_EQ(s.read_by_peer(), s.written()) << "conversation " << number;
    }
    void expect_drained(side by) {
        EXPECT_EQ(report(by).outcome, close_outcome::drained);
        EXPECT_EQ(report(by).ended_by, close_side::us);
        EXPECT_TRUE(report(by).complete());
        EXPECT_EQ(report(other(by)).reason_code, 11u);
        EXPECT_EQ(report(other(by)).ended_by, close_side::peer);
        EXPECT_FALSE(done().reset_seen(client) || done().reset_seen(server));
    }

    scenario plan;

private:
    std::unique_ptr<simulation> run_;
};

TEST_F(Acceptance, N01AHandlersOutputOutlivesAStalledReader) {
    for (const side writer : {server, client}) {
        SCOPED_TRACE(name_of(writer));
        clear();
        channel_plan& c = program_of(writer);
        c.by_acceptor.write_bytes = 64 * MiB;
        c.by_acceptor.chunk_bytes = 256 * 1024;
        c.by_acceptor.status = 7;
        c.by_opener.stalls_until = 2s;
        add(60s, what::drain, writer, 60s);
        run();
        expect_whole(0);
        EXPECT_EQ(channel(0).of(writer).written(), 64 * MiB);
        EXPECT_EQ(channel(0).of(other(writer)).exit_status_seen, 7u);
        EXPECT_GE(channel(0).of(writer).ended_at, time_point() + 2s) << "the reader did stall";
        EXPECT_TRUE(channel(0).of(writer).report->acknowledged);
        expect_drained(writer);
    }
}

TEST_F(Acceptance, N02WhatWasWrittenBeforeADrainArrives) {
    for (const side writer : {server, client}) {
        SCOPED_TRACE(name_of(writer));
        clear();
        plan.ends[writer].channels.channel_output_max = 16 * MiB;
        plan.ends[writer].out.bytes_per_second = 4 * MiB;
        channel_plan& c = program_of(writer);
        c.by_acceptor.write_bytes = 8 * MiB;
        c.by_acceptor.end = ending::stays;
        c.by_acceptor.on_drain = draining::closes;
        add(500ms, what::drain, writer, 60s);
        run();
        EXPECT_EQ(channel(0).of(writer).written(), 8 * MiB);
        expect_whole(0);
        EXPECT_TRUE(channel(0).of(other(writer)).eof_seen);
        EXPECT_GE(done().closed_at(writer), time_point() + 2s) << "most came behind the drain";
        expect_drained(writer);
    }
}

TEST_F(Acceptance, N03BothEndsCloseWithMoreThanAWindowQueued) {
    for (end_plan& e : plan.ends)
        e.channels.channel_output_max = 16 * MiB;
    channel_plan& c = program_of(server);
    for (side_plan* p : {&c.by_opener, &c.by_acceptor}) {
        p->write_bytes = 8 * MiB;
        p->end = ending::close;
        p->stalls_until = never;  // so that a window is all that goes before the close
        p->end_after = 1s;
    }
    add(60s, what::drain, client, 60s);
    run();
    for (const side s : {client, server}) {
        const channel_report& mine = *channel(0).of(s).report;
        const channel_report& theirs = *channel(0).of(other(s)).report;
        EXPECT_EQ(mine.bytes_sent + mine.bytes_undelivered, 8 * MiB);
        EXPECT_EQ(mine.bytes_sent, theirs.bytes_received);
        EXPECT_EQ(theirs.bytes_received - theirs.bytes_discarded, channel(0).of(s).read_by_peer());
        EXPECT_GT(mine.bytes_sent, 2 * MiB) << "what is discarded is credited";
        EXPECT_LE(channel(0).of(s).ended_at, time_point() + 3s) << "nobody waits for the other";
    }
    expect_drained(client);
}

TEST_F(Acceptance, N04ThePeersCloseIsAnsweredAtOnceAndNamesWhatIsLost) {
    for (const side writer : {server, client}) {
        SCOPED_TRACE(name_of(writer));
        clear();
        const std::uint64_t window = 64 * 1024;
        plan.ends[other(writer)].channels.window_size = window;
        plan.ends[writer].channels.channel_output_max = 2 * MiB;
        channel_plan& c = program_of(writer);
        c.by_acceptor.write_bytes = MiB + window;
        c.by_opener.stalls_until = never;
        c.by_opener.closes_at = 1s;
        for (int i = 0; i < 10; ++i)
            program_of(writer).by_acceptor.write_bytes = MiB;
        add(60s, what::drain, writer, 60s);
        run();
        const channel_report& r = *channel(0).of(writer).report;
        EXPECT_EQ(r.bytes_sent, window);
        EXPECT_EQ(r.bytes_undelivered, MiB);
        EXPECT_FALSE(r.acknowledged);
        EXPECT_LE(channel(0).of(writer).ended_at, done().logged_in_at() + 1s + 10ms);
        for (std::size_t i = 1; i <= 10; ++i) {
            expect_whole(i);
            EXPECT_TRUE(channel(i).of(writer).report->acknowledged);
        }
        EXPECT_EQ(report(writer).total.bytes_undelivered, MiB);
        EXPECT_FALSE(report(writer).complete());
    }
}

TEST_F(Acceptance, N05AWindowThatNeverOpensDelaysNobodyAndTheDrainEndsAtItsDeadline) {
    for (const side writer : {server, client}) {
        SCOPED_TRACE(name_of(writer));
        clear();
        plan.ends[other(writer)].channels.window_size = 64 * 1024;
        channel_plan& c = program_of(writer);
        c.by_acceptor.write_bytes = MiB;
        c.by_opener.stalls_until = never;
        for (int i = 0; i < 10; ++i)
            program_of(writer).by_acceptor.write_bytes = 4 * MiB;
        add(2s, what::drain, writer, 5s);
        run();
        for (std::size_t i = 1; i <= 10; ++i) {
            expect_whole(i);
            EXPECT_LT(channel(i).of(writer).ended_at, time_point() + 2s) << i;
        }
        EXPECT_EQ(report(writer).outcome, close_outcome::deadline);
        EXPECT_EQ(report(writer).total.open, 1u);
        EXPECT_EQ(report(writer).total.acknowledged, 10u);
        EXPECT_EQ(report(writer).total.bytes_undelivered, MiB - 64 * 1024);
        EXPECT_GE(done().closed_at(writer), time_point() + 7s);
        EXPECT_LT(done().closed_at(writer), time_point() + 7s + 100ms);
    }
}

// That no channel message stands between KEXINIT and NEWKEYS is checked of every run.
TEST_F(Acceptance, N06ReKeysUnderAnUploadLoseNothing) {
    for (const side writer : {client, server}) {
        SCOPED_TRACE(name_of(writer));
        clear();
        plan.ends[writer].rekey.bytes = 64 * 1024;
        plan.ends[writer].out.capacity = 16 * 1024;  // little goes between our NEWKEYS and theirs
        plan.ends[other(writer)].channels.packet_size_max = 32 * 1024;
        channel_plan& c = program_of(writer);
        c.by_acceptor.write_bytes = 10 * MiB;
        c.by_acceptor.end = ending::eof;
        c.by_opener.end = ending::eof;
        c.by_opener.after_eof = true;
        add(1s, what::drain, writer, 60s);
        run();
        EXPECT_EQ(channel(0).of(writer).written(), 10 * MiB);
        expect_whole(0);
        EXPECT_TRUE(channel(0).of(other(writer)).eof_seen);
        EXPECT_GE(done().wire(writer).exchanges(), 20u);
        expect_drained(writer);
    }
}

TEST_F(Acceptance, N08WhatAProgramReadsLateIsThereBehindADrain) {
    for (const side reader : {server, client}) {
        SCOPED_TRACE(name_of(reader));
        clear();
        channel_plan& c = program_of(reader);
        c.by_opener.write_bytes = 5 * MiB;
        c.by_opener.early_eof = true;
        c.by_opener.on_drain = draining::ignores;  // it waits for the exit
        c.by_acceptor.stalls_until = 1s;
        c.by_acceptor.after_eof = true;
        add(500ms, what::drain, other(reader), 60s);
        run();
        EXPECT_EQ(channel(0).of(other(reader)).read_by_peer(), 5 * MiB);
        EXPECT_TRUE(channel(0).of(reader).eof_seen);
        EXPECT_EQ(channel(0).of(other(reader)).exit_status_seen, 0u);
        EXPECT_GE(done().closed_at(other(reader)), time_point() + 1s);
        expect_drained(other(reader));
    }
}

TEST_F(Acceptance, N09EveryWriteBeforeTheEofIsAnswered) {
    for (const bool slow_disk : {false, true}) {
        SCOPED_TRACE(slow_disk);
        clear();
        channel_plan& c = program_of(server);
        c.sftp = sftp_plan{.files = 1,
                           .file_bytes = 500'000,
                           .piece_bytes = 1000,
                           .in_flight = 10'000,
                           .hasty_eof = true,
                           .slow_disk = slow_disk};
        add(60s, what::drain, client, 60s);
        run();
        const sftp_record& r = channel(0).sftp;
        ASSERT_EQ(r.files.size(), 1u);
        EXPECT_EQ(r.files[0].acknowledged, 500'000u);
        EXPECT_TRUE(r.files[0].closed);
        EXPECT_EQ(r.requests, 502u);
        EXPECT_EQ(r.replies, r.requests);
        EXPECT_EQ(channel(0).of(client).exit_status_seen, 0u);
        EXPECT_TRUE(channel(0).of(client).eof_seen);
        expect_drained(client);
    }
}

TEST_F(Acceptance, N10WritesInFlightAreAcknowledgedBeforeADrainEnds) {
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
        SCOPED_TRACE(seed);
        clear();
        plan.seed = seed;
        for (end_plan& e : plan.ends)
            e.out.latency = 100ms;
        channel_plan& c = program_of(server);
        c.sftp = sftp_plan{.files = 1,
                           .file_bytes = 400'000,
                           .piece_bytes = 1000,
                           .in_flight = 400,
                           .slow_disk = true};
        // Behind the WRITEs, before the first answer to one of them.
        add(1400ms, what::drain, client, 60s);
        run();
        const sftp_record& r = channel(0).sftp;
        ASSERT_EQ(r.files.size(), 1u);
        EXPECT_EQ(r.files[0].acknowledged, 400'000u);
        EXPECT_TRUE(r.files[0].closed);
        EXPECT_EQ(r.requests, 402u);
        EXPECT_EQ(r.replies, r.requests);
        EXPECT_GT(done().closed_at(client), time_point() + 1500ms) << "nothing was in flight";
        expect_drained(client);
    }
}

TEST_F(Acceptance, N11AServersDrainFinishesTheFileAndEndsWithTheLastChannel) {
    for (const auto policy :
         {sftp::drain_policy::finish_handles, sftp::drain_policy::finish_session}) {
        clear();
        channel_plan& c = program_of(server);
        c.sftp =
            sftp_plan{.files = 2, .file_bytes = 8 * MiB, .piece_bytes = 32'000, .policy = policy};
        plan.ends[client].out.bytes_per_second = 2 * MiB;
        add(2s, what::drain, server, 60s);
        run();
        const sftp_record& r = channel(0).sftp;
        ASSERT_EQ(r.files.size(), 2u);
        EXPECT_EQ(r.files[0].acknowledged, 8 * MiB);
        EXPECT_TRUE(r.files[0].closed);
        EXPECT_EQ(r.files[1].closed, policy == sftp::drain_policy::finish_session);
        EXPECT_EQ(r.files[1].opened, policy == sftp::drain_policy::finish_session);
        EXPECT_LT(done().closed_at(server), time_point() + 10s);
        EXPECT_EQ(report(server).outcome, close_outcome::drained);
        EXPECT_EQ(report(server).total.open, 0u);
    }
}

// What a client has been told is in the file, whatever became of the connection: checked of every
// run; here that it does not take a clean end.
TEST_F(Acceptance, N12AnUploadThatIsCutIsAbandonedAndSaysSo) {
    channel_plan& c = program_of(server);
    c.sftp = sftp_plan{.files = 2, .file_bytes = 8 * MiB, .piece_bytes = 32'000, .in_flight = 4};
    plan.ends[client].out.bytes_per_second = 2 * MiB;
    add(5s, what::drain, server, 1s);
    run();
    const sftp_record& r = channel(0).sftp;
    ASSERT_EQ(r.files.size(), 2u);
    EXPECT_TRUE(r.files[0].closed);
    EXPECT_FALSE(r.files[1].closed);
    EXPECT_GT(r.files[1].acknowledged, 0u);
    EXPECT_EQ(report(server).outcome, close_outcome::deadline);
    EXPECT_EQ(report(server).total.open, 1u);
    EXPECT_EQ(report(client).reason_code, 11u);
}

TEST_F(Acceptance, N13ACutEndsADrainAtOnce) {
    for (const side drains : {server, client}) {
        SCOPED_TRACE(name_of(drains));
        clear();
        channel_plan& c = program_of(server);
        c.by_acceptor.write_bytes = 8 * MiB;
        c.by_opener.stalls_until = never;
        c.by_opener.on_drain = draining::ignores;
        add(1s, what::drain, drains, 60s);
        add(2s, what::cut, drains);
        run();
        EXPECT_LE(done().closed_at(drains), time_point() + 2200ms);
        EXPECT_EQ(report(drains).outcome, close_outcome::cut);
        EXPECT_EQ(report(drains).total.open, 1u);
        EXPECT_FALSE(done().reset_seen(client) || done().reset_seen(server));
    }
}

// As a batch of sftp and a copy of scp leave: one thing each, its EOF, its end, then the
// connection.
TEST_F(Acceptance, N14ClientsOfOneThingEndCleanly) {
    for (const bool sftp : {true, false}) {
        SCOPED_TRACE(sftp);
        clear();
        channel_plan& c = program_of(server);
        if (sftp) {
            c.sftp = sftp_plan{.files = 3,
                               .file_bytes = MiB,
                               .piece_bytes = 32'000,
                               .in_flight = 64,
                               .reads_back = true};
        } else {
            c.by_opener.write_bytes = c.by_acceptor.write_bytes = 3 * MiB;
            c.by_opener.early_eof = true;
            c.by_acceptor.after_eof = true;
        }
        add(30s, what::drain, client, 60s);
        run();
        EXPECT_EQ(channel(0).of(client).exit_status_seen, 0u);
        EXPECT_TRUE(channel(0).of(client).report->acknowledged ||
                    channel(0).of(server).report->acknowledged);
        EXPECT_EQ(channel(0).sftp.replies, channel(0).sftp.requests);
        if (!sftp) expect_whole(0);
        expect_drained(client);
    }
}

TEST_F(Acceptance, N15AfterAnEofCloseFollowsAtOnce) {
    for (const side reader : {server, client}) {
        SCOPED_TRACE(name_of(reader));
        clear();
        channel_plan& c = program_of(reader);
        c.by_opener.write_bytes = 1000;
        c.by_opener.early_eof = true;
        c.by_acceptor.after_eof = true;
        add(10s, what::drain, reader, 60s);
        run();
        expect_whole(0);
        EXPECT_LT(channel(0).of(reader).ended_at, done().logged_in_at() + 20ms);
    }
}

TEST_F(Acceptance, N16OutputMayFollowTheEofOfTheInput) {
    for (const side writer : {server, client}) {
        SCOPED_TRACE(name_of(writer));
        clear();
        channel_plan& c = program_of(writer);
        c.by_opener.early_eof = true;  // nothing to say
        c.by_acceptor.write_bytes = 10 * MiB;
        c.by_acceptor.after_eof = true;
        add(10s, what::drain, writer, 60s);
        run();
        EXPECT_EQ(channel(0).of(writer).written(), 10 * MiB);
        expect_whole(0);
        EXPECT_TRUE(channel(0).of(writer).eof_seen);
        expect_drained(writer);
    }
}

TEST_F(Acceptance, N20AnOpenThatCrossesTheDrainIsRefusedOrClosed) {
    for (const side drains : {server, client}) {
        for (const side opens : {server, client}) {
            SCOPED_TRACE(std::string(name_of(drains)) + " drains, " + std::string(name_of(opens)) +
                         " opens");
            clear();
            // One that keeps the drain waiting.
            program_of(server).by_acceptor.end_after = 3s;
            plan.channels.back().by_opener.on_drain = draining::ignores;
            // From just before the drain to behind it, in steps of less than the latency.
            for (int i = 0; i < 20; ++i) {
                channel_plan c;
                c.opener = opens;
                c.session = false;
                c.opens_at = 990ms + i * 500us;
                c.accept_after = i % 2 * 1ms;
                c.by_acceptor.end = c.by_opener.end = ending::eof;
                c.by_acceptor.write_bytes = c.by_opener.write_bytes = 1000;
                plan.channels.push_back(c);
            }
            add(1s, what::drain, drains, 60s);
            run();
            std::size_t served = 0, refused = 0, closed = 0, not_tried = 0;
            for (std::size_t i = 1; i <= 20; ++i) {
                const channel_side& opener = channel(i).of(opens);
                if (!opener.id)
                    ++not_tried;
                else if (opener.refused)
                    ++refused;
                else if (opener.eof_seen && opener.read_by_peer() == 1000)
                    ++served;
                else
                    ++closed;
                EXPECT_FALSE(opener.ended_by_connection) << i << ": it was settled before";
            }
            EXPECT_EQ(served + refused + closed + not_tried, 20u);
            EXPECT_GT(served, 0u);
            EXPECT_GT(opens == drains ? not_tried : refused, 0u);
            EXPECT_EQ(report(drains).outcome, close_outcome::drained);
            EXPECT_EQ(report(drains).total.open, 0u);
        }
    }
}

// What tests/io has with real sockets: here the moment of every byte is another.
TEST_F(Acceptance, N21AForwardedFinIsEofAndAResetIsCloseBehindTheLastByte) {
    for (const side writer : {server, client}) {
        for (const side opens : {server, client}) {
            SCOPED_TRACE(std::string(name_of(writer)) + " writes, " + std::string(name_of(opens)) +
                         " opens");
            clear();
            plan.ends[client].out.uneven = plan.ends[server].out.uneven = true;
            for (const ending end : {ending::eof, ending::breaks_off}) {
                channel_plan c;
                c.opener = opens;
                c.session = false;
                side_plan& from = opens == writer ? c.by_opener : c.by_acceptor;
                side_plan& to = opens == writer ? c.by_acceptor : c.by_opener;
                from.write_bytes = 3 * MiB;
                from.end = end;
                from.early_eof = true;
                to.read_after = 3ms;
                to.write_bytes = 3 * MiB;
                to.write_every = 10ms;
                to.end = ending::eof;
                plan.channels.push_back(c);
            }
            // Only EOF may go early: what breaks off says nothing before its CLOSE.
            plan.channels.back().by_opener.early_eof = false;
            plan.channels.back().by_acceptor.early_eof = false;
            add(60s, what::drain, writer, 60s);
            run();
            const channel_side& half = channel(0).of(other(writer));
            EXPECT_TRUE(half.eof_seen);
            EXPECT_TRUE(channel(0).of(writer).eof_seen);
            expect_whole(0);

            const channel_side& broken = channel(1).of(other(writer));
            EXPECT_EQ(channel(1).of(writer).read_by_peer(), 3 * MiB);
            EXPECT_FALSE(broken.eof_seen);
            EXPECT_FALSE(channel(1).of(writer).report->eof_sent);
            EXPECT_EQ(channel(1).of(writer).report->bytes_undelivered, 0u);
            EXPECT_FALSE(broken.report->eof_received);
        }
    }
}

TEST_F(Acceptance, N22AKilledProgramsOutputComesBeforeItsSignal) {
    for (const side writer : {server, client}) {
        SCOPED_TRACE(name_of(writer));
        clear();
        plan.ends[other(writer)].channels.window_size = 1000;
        channel_plan& c = program_of(writer);
        c.by_acceptor.write_bytes = MiB;
        c.by_acceptor.end = ending::exit_signal;
        add(30s, what::drain, writer, 60s);
        run();
        expect_whole(0);
        EXPECT_TRUE(channel(0).of(other(writer)).eof_seen);
        EXPECT_EQ(channel(0).of(other(writer)).exit_signal_seen, "TERM");
        expect_drained(writer);
    }
}

TEST_F(Acceptance, N23WithCompressionEveryByteComesBeforeEof) {
    for (const side writer : {server, client}) {
        SCOPED_TRACE(name_of(writer));
        clear();
        plan.compression = "zlib@openssh.com";
        plan.ends[writer].rekey.bytes = 200'000;
        channel_plan& c = program_of(writer);
        c.by_acceptor.write_bytes = MiB;
        c.by_acceptor.chunk_bytes = 777;
        add(30s, what::drain, writer, 60s);
        run();
        expect_whole(0);
        EXPECT_TRUE(channel(0).of(other(writer)).eof_seen);
        expect_drained(writer);
    }
}

TEST_F(Acceptance, N24ADeadNetworkEndsADrainAtTheEarlierOfDeadlineAndKeepalive) {
    struct {
        const char* name;
        duration deadline;
        duration keepalive;
        close_outcome outcome;
        duration ends;  // from the drain, at the latest
    } cases[] = {
        {"keepalive", 60s, 1s, close_outcome::lost, 4s},
        {"deadline", 5s, 10s, close_outcome::deadline, 5s},
    };
    for (const auto& c : cases) {
        for (const side who : {client, server}) {
            SCOPED_TRACE(std::string(c.name) + ", " + std::string(name_of(who)));
            clear();
            plan.healthy = false;
            for (end_plan& e : plan.ends)
                e.keepalive_interval = c.keepalive;
            program_of(server).by_acceptor.end = ending::stays;
            program_of(client).by_acceptor.end = ending::stays;
            for (channel_plan& each : plan.channels)
                each.by_opener.on_drain = each.by_acceptor.on_drain = draining::ignores;
            add(1s, what::silence, who);
            add(1s, what::drain, who, c.deadline);
            run();
            EXPECT_EQ(report(who).outcome, c.outcome);
            EXPECT_EQ(report(who).total.open, 2u);
            // And two seconds each for what nobody takes, and for a FIN that does not come.
            EXPECT_LE(done().closed_at(who), time_point() + 1s + c.ends + 4s);
            EXPECT_EQ(report(other(who)).outcome, close_outcome::lost);
        }
    }
}

// FIN or RST behind every byte of a session, in either direction. The checks of every run say that
// nothing is left and that the reports add up; here, that every end was reached.
TEST_F(Acceptance, N26LostAtEachByteOfASession) {
    const auto small = [&] {
        clear();
        plan.healthy = false;
        channel_plan& c = program_of(server);
        c.by_opener.write_bytes = 100;
        c.by_opener.early_eof = true;
        c.by_opener.requests = 2;
        c.by_acceptor.write_bytes = 150;
        c.by_acceptor.error_bytes = 50;
        c.by_acceptor.after_eof = true;
        plan.channels.push_back(c);
        plan.channels.back().by_acceptor.end = ending::stays;
        add(1s, what::drain, client, 5s);
        add(8s, what::drain, server, 1s);
    };
    for (const side from : {client, server}) {
        for (const bool fin : {true, false}) {
            SCOPED_TRACE(std::string(name_of(from)) + (fin ? ", FIN" : ", RST"));
            std::set<close_outcome> outcomes;
            std::uint64_t last = 0;
            bool whole = false;
            for (std::uint64_t n = 0; !whole; n += fin ? 1 : 5) {
                small();
                (fin ? plan.ends[from].out.fin_behind : plan.ends[from].out.reset_behind) = n;
                ASSERT_NO_FATAL_FAILURE(run()) << "behind byte " << n;
                outcomes.insert(report(other(from)).outcome);
                whole = report(client).outcome == close_outcome::drained &&
                        report(other(from)).reason_code != 0;
                last = n;
                ASSERT_LT(n, 20'000u);
            }
            EXPECT_GT(last, 1200u) << "a whole session";
            EXPECT_TRUE(outcomes.contains(close_outcome::lost));
        }
    }
}

TEST_F(Acceptance, N27ManyCyclesOfConnectTransferDrain) {
    for (std::uint64_t seed = 1; seed <= 30; ++seed) {
        SCOPED_TRACE(seed);
        clear();
        plan.seed = seed;
        channel_plan& c = program_of(server);
        for (side_plan* p : {&c.by_opener, &c.by_acceptor}) {
            p->write_bytes = MiB;
            p->end = ending::eof;
        }
        const side drains = seed % 2 == 0 ? client : server;
        add(duration(20ms) * seed, what::drain, drains, 60s);
        ASSERT_NO_FATAL_FAILURE(run());
        if (channel(0).of(client).opened) {
            EXPECT_EQ(channel(0).of(client).written(), MiB);
            EXPECT_EQ(channel(0).of(server).written(), MiB);
            expect_whole(0);
        }
        expect_drained(drains);
    }
}

}  // namespace
}  // namespace sluice::sim
