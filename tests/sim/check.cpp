// What must hold: whenever an end has done all it can for now, and when everything is over.

#include "sluice/tests/sim/pair.hpp"
#include "sluice/wire/limits.hpp"

#include <algorithm>

namespace sluice::sim {
namespace {

std::string_view name_of(side s) { return s == client ? "client" : "server"; }

// What may stand in a run in which both ends behave: the network's doing, never the peer's.
bool blames_network(error_code e) {
    return e == errc::keepalive_timeout || e == errc::login_timeout || e == errc::rekey_overdue;
}

}  // namespace

void simulation::require(bool holds, side s, std::string_view what) {
    if (!holds) verdict_.fail(std::string(name_of(s)) + ": " + std::string(what));
}

// --- at rest ------------------------------------------------------------------------------------

// All input is worked off and all output is taken: whatever could go on has gone on.
void simulation::check_idle(side s) {
    end_state& e = ends_[s];
    if (!e.machine->authenticated() || e.machine->finished()) return;
    const std::size_t output = e.machine->lower().output_size();
    require(output < limits::input_stops_at_output + limits::packet_length_max, s,
            "more output than is bounded");
    if (output != 0 || e.watch->exchanging_keys()) return;
    if (e.machine->state() == connection_state::draining &&
        e.machine->channels().open_channels() == 0 && !e.machine->lower().exchanging_keys())
        require(e.watch->pongs_due() != 0 || e.machine->channels().global_replies_due() != 0, s,
                "a drain with nothing left does not end");
    std::uint64_t queued = 0, chunks = 0;
    for (const wire_channel& w : e.watch->channels()) {
        if (!w.confirmed || !w.live()) continue;
        const auto found = e.numbers.find(w.own);
        if (found == e.numbers.end()) continue;
        const conversation& c = *conversations_[found->second];
        check_channel_idle(s, c, w);
        if (w.close_sent) continue;
        queued += c.of(s).written() - w.data_sent;
        chunks += actor_of(c.number, s).chunk_bytes();
    }
    // Each channel has its share besides what all have together.
    require(queued <= 2 * scenario_.ends[s].channels.connection_output_max + chunks, s,
            "the queues are beyond their bound");
}

void simulation::check_channel_idle(side s, const conversation& c, const wire_channel& w) {
    const channel_side& me = c.of(s);
    const performer& a = actor_of(c.number, s);
    const auto fail = [&](std::string_view what) {
        verdict_.fail("conversation " + std::to_string(c.number) + ", " + std::string(name_of(s)) +
                      ": " + std::string(what));
    };
    if (w.close_received && !w.close_sent) fail("CLOSE is not answered at once");
    if (w.close_sent) return;
    if (me.cut) return fail("a channel that was cut is not closed at once");
    const std::uint64_t queued = me.written() - w.data_sent;
    if (queued != 0 && w.window != 0) fail("it has data and window, and sends nothing");
    if (queued == 0 && me.ended_output && !me.broken_off && !w.eof_sent)
        fail("EOF does not follow the last byte");
    if (queued == 0 && me.closed) fail("CLOSE does not follow the last byte");
    if (queued == 0 && a.waits_for_room()) fail("a writer waits for room in an empty queue");
    if (queued > scenario_.ends[s].channels.channel_output_max + a.chunk_bytes())
        fail("the queue is beyond its bound");
    const std::uint64_t held = me.closed ? 0 : a.held();
    if (!w.eof_received && held == 0 && w.window_given == 0 && w.window_size != 0)
        fail("its window stays shut, though all is read or discarded");
}

// Every end is closed by the deadline of its drain and two linger times: for DISCONNECT to go out,
// and for the peer's FIN.
void simulation::check_deadlines() {
    for (const side s : {client, server}) {
        const end_state& e = ends_[s];
        if (!e.socket_open) continue;
        const duration linger = 2 * scenario_.ends[s].end.linger;
        if (e.drained_by < time_point::max() - linger)
            require(now_ <= e.drained_by + linger, s, "not closed by its deadline");
        if (e.end_seen < time_point::max() - linger)
            require(now_ <= e.end_seen + linger, s, "not closed though the stream has ended");
    }
}

// --- the end ------------------------------------------------------------------------------------

channel_report simulation::report_of(const conversation& c, side s) const {
    const channel_side& me = c.of(s);
    if (me.report) return *me.report;
    if (!me.id || !ends_[s].machine->authenticated()) return {};
    return ends_[s].machine->channels().report(*me.id);
}

void simulation::check_end() {
    for (const side s : {client, server})
        check_end_of(s);
    for (const auto& c : conversations_) {
        for (const side s : {client, server})
            check_conversation(*c, s);
        for (const side s : {client, server}) {
            const std::string left = actor_of(c->number, s).settled();
            if (!left.empty())
                verdict_.fail("conversation " + std::to_string(c->number) + ", " +
                              std::string(name_of(s)) + ": " + left);
        }
    }
}

void simulation::check_end_of(side s) {
    const end_state& e = ends_[s];
    const end_state& peer = ends_[other(s)];
    const close_report& r = e.report;
    require(e.machine->next_deadline() == time_point::max(), s, "a timer is left");
    // Unless the peer has left meanwhile, what a drain had to say was taken by the stream.
    require(r.outcome != close_outcome::drained || e.machine->output().empty() ||
                !scenario_.healthy || e.saw_reset || peer.watch->disconnect_sent(),
            s, "output is left of a drain");
    for (const auto& a : conversations_)
        require(!actors_[2 * a->number + s]->live(), s, "a handler is left");
    // A client that leaves before it has seen SUCCESS does not compress its DISCONNECT, and a
    // server that has sent it expects that: zlib@openssh.com has no way around (PROTOCOL 1.1).
    const bool left_before_login = e.error == errc::bad_compression && s == server &&
                                   scenario_.compression != "none" &&
                                   logged_in_at_ == time_point::max();
    require(!e.error || (!scenario_.healthy && blames_network(e.error)) || left_before_login, s,
            "an error: " + e.error.message());

    const bool drained = r.outcome == close_outcome::drained;
    require(!drained || r.total.open == 0, s, "drained, and channels were open");
    require(!drained || !r.error, s, "drained, with an error");
    require(drained || r.error, s, "not drained, and no error says why");
    require(r.outcome != close_outcome::deadline || e.first_drain <= e.closed_at, s,
            "a deadline that nobody set");
    require(r.outcome != close_outcome::deadline || r.total.open != 0, s,
            "a drain waited for its deadline with nothing left");
    require(!scenario_.healthy || e.input_ended, s, "it lingered, though the peer has left");
    require(r.outcome != close_outcome::lost || !scenario_.healthy || peer.saw_reset ||
                e.saw_reset || !e.machine->authenticated() || e.watch->disconnect_sent(),
            s, "lost on a healthy network");
    require(r.lifetime == e.closed_at - time_point(), s, "a lifetime that is not");
    require(r.elapsed >= duration::zero() && r.elapsed <= r.lifetime, s,
            "more time than there was");
    if (drained && e.machine->authenticated())
        require(e.machine->channels().open_channels() == 0, s, "a channel is left");

    // What one end says of the other's words is what the other says of its own.
    if (r.ended_by == close_side::peer && r.reason_code != 0) {
        require(peer.watch->disconnect_sent(), s, "it was told goodbye, and nobody said it");
        require(r.reason_code == peer.report.reason_code && r.text == peer.report.text, s,
                "another goodbye than was said");
    }
    // A goodbye to one that has not left arrives, with all before it: FIN follows, no RST.
    if (scenario_.healthy && e.watch->disconnect_sent() && !peer.watch->disconnect_sent()) {
        require(peer.watch->disconnect_received(), s, "its DISCONNECT did not arrive");
        require(e.watch->all_arrived(), s, "what it sent did not arrive");
    }
    if (scenario_.healthy && drained && peer.report.outcome == close_outcome::drained)
        require(!e.saw_reset && !peer.saw_reset, s, "RST behind a drain");
    if (e.machine->authenticated()) check_totals(s);
}

// The sums are those of the channels.
void simulation::check_totals(side s) {
    close_report::totals want;
    for (const auto& c : conversations_) {
        const channel_side& me = c->of(s);
        if (!me.id) continue;
        const bool open = !me.report && ends_[s].machine->channels().report(*me.id).kind != "";
        if (!me.report && !open) continue;  // refused by us, or cut before it was answered
        const channel_report r = report_of(*c, s);
        ++want.channels;
        want.acknowledged += r.acknowledged;
        want.open += open;
        want.bytes_sent += r.bytes_sent;
        want.bytes_unacknowledged += r.acknowledged ? 0 : r.bytes_sent;
        want.bytes_undelivered += r.bytes_undelivered;
        want.bytes_received += r.bytes_received;
        want.bytes_discarded += r.bytes_discarded;
        want.requests_unanswered += r.requests_unanswered;
    }
    // It is asked for when every channel has closed, and counts for all of them.
    const close_receipt last = ends_[s].report.receipt;
    if (last == close_receipt::pong || last == close_receipt::reply) want.bytes_unacknowledged = 0;
    const auto& t = ends_[s].report.total;
    const auto same = [&](std::uint64_t is, std::uint64_t should, std::string_view what) {
        require(is == should, s,
                "the report's " + std::string(what) + " is " + std::to_string(is) + ", not " +
                    std::to_string(should));
    };
    same(t.channels, want.channels, "channels");
    same(ends_[s].report.channels.size(), want.channels, "list of channels");
    same(t.acknowledged, want.acknowledged, "acknowledged");
    same(t.open, want.open, "open");
    same(t.bytes_sent, want.bytes_sent, "bytes_sent");
    same(t.bytes_unacknowledged, want.bytes_unacknowledged, "bytes_unacknowledged");
    same(t.bytes_undelivered, want.bytes_undelivered, "bytes_undelivered");
    same(t.bytes_received, want.bytes_received, "bytes_received");
    same(t.bytes_discarded, want.bytes_discarded, "bytes_discarded");
    same(t.requests_unanswered, want.requests_unanswered, "requests_unanswered");
}

// One channel, from the side that writes `me`: its report against the wire, the applications and
// the other side's report.
void simulation::check_conversation(const conversation& c, side s) {
    const channel_side& me = c.of(s);
    const channel_side& peer = c.of(other(s));
    if (!me.id) return;
    const auto hold = [&](bool holds, std::string_view what) {
        if (!holds)
            verdict_.fail("conversation " + std::to_string(c.number) + ", " +
                          std::string(name_of(s)) + ": " + std::string(what));
    };
    const bool known = me.report || report_of(c, s).kind != "";
    if (!known) return hold(me.written() == 0, "no report of a channel that was written to");
    const channel_report mine = report_of(c, s);
    const channel_report theirs = report_of(c, other(s));
    const wire_channel* wire = ends_[s].watch->find(*me.id);
    hold(mine.bytes_sent + mine.bytes_undelivered == me.written(),
         "what was written is neither sent nor undelivered");
    hold(mine.bytes_received - mine.bytes_discarded == peer.read_by_peer(),
         "what came was neither given to the application nor discarded");
    hold(mine.bytes_discarded == 0 || me.closed, "it discarded and was not closed");
    if (wire == nullptr || !wire->confirmed) {
        hold(mine.bytes_sent == 0 && mine.bytes_received == 0, "bytes on no channel");
        return;
    }
    hold(wire->data_sent == mine.bytes_sent, "bytes_sent is not what went out");
    hold(wire->data_received == mine.bytes_received, "bytes_received is not what came");
    // What a key exchange held back when all ended was handed over, and never went.
    if (!ends_[s].watch->exchanging_keys()) {
        hold(wire->eof_sent == mine.eof_sent, "eof_sent is not so");
        hold(wire->close_sent == mine.close_sent, "close_sent is not so");
    }
    hold(!me.broken_off || !wire->eof_sent, "EOF, though it broke off");
    hold(wire->eof_received == mine.eof_received, "eof_received is not so");
    hold(wire->close_received == mine.close_received, "close_received is not so");

    // The receipt is one. A CLOSE that crosses ours on the way cannot be told from an answer (RFC
    // 4254 has nothing to tell it by): it is taken for one, and only if the stream then breaks it
    // was none.
    const wire_channel* far = peer.id ? ends_[other(s)].watch->find(*peer.id) : nullptr;
    const bool answered =
        wire->answered_close && far != nullptr && far->close_received && !far->answered_close;
    // What a key exchange held back counts as gone when all of it is: an answer to some of it may
    // be taken for none, never the other way round.
    hold(!answered || mine.acknowledged || wire->close_held,
         "acknowledged, and it does not say so");
    hold(!mine.acknowledged || wire->answered_close, "acknowledged by nobody");
    const close_receipt last = ends_[s].report.receipt;
    const bool asked = last == close_receipt::pong || last == close_receipt::reply;
    const bool receipt = (mine.acknowledged && answered) ||
                         (asked && ends_[s].report.outcome == close_outcome::drained);
    hold(!receipt || theirs.bytes_received == mine.bytes_sent, "a receipt for what did not come");
    const std::uint64_t lost = me.written() - me.read_by_peer() - theirs.bytes_discarded;
    hold(lost >= mine.bytes_undelivered, "undelivered, and it came");
    hold(lost <= mine.bytes_undelivered + (receipt ? 0 : mine.bytes_sent),
         "lost without a word in the report");
    hold(mine.bytes_undelivered == 0 || me.cut || wire->close_received || me.refused ||
             me.ended_by_connection || ends_[s].report.total.open != 0,
         "undelivered for no reason");

    // Ends of streams.
    if (me.eof_seen) hold(peer.ended_output && wire->eof_received, "an end of file that was not");
    if (wire->eof_received && !me.closed) hold(me.eof_seen, "the end of file was not told");
    hold(!me.eof_seen || peer.read_by_peer() == peer.written(), "a clean end before the last byte");
    if (wire->exit_received && !me.closed) {
        hold(me.exit_status_seen || !me.exit_signal_seen.empty(), "the exit was not told");
        hold(me.exit_status_seen == peer.exit_status && me.exit_signal_seen == peer.exit_signal,
             "another exit than was given");
    }
    if (answered && !me.cut && (me.exit_status || !me.exit_signal.empty()))
        hold(wire->exit_sent, "its exit was not sent");
}

}  // namespace sluice::sim
