#include "sluice/tests/sim/actor.hpp"

#include "sluice/tests/sim/random.hpp"

#include <algorithm>
#include <charconv>

namespace sluice::sim {
namespace {

constexpr std::string_view numbered =
    "REQUEST";  // the name of the variable whose value is a number
constexpr std::uint32_t thrown_status = 255;

// How a numbered request is to be answered.
bool granted(std::size_t conversation, unsigned request) {
    return mixed(conversation * 1000 + request) % 4 != 0;
}

time_point after(time_point start, duration d) {
    return d > time_point::max() - start ? time_point::max() : start + d;
}

}  // namespace

actor::actor(stage& world, conversation& c, side own)
    : performer(world, c, own), plan_(c.plan_of(own)) {}

void actor::check(bool holds, std::string_view what) {
    if (holds) return;
    world_.told().fail("conversation " + std::to_string(c_.number) + ", " +
                       (own_ == client ? "client: " : "server: ") + std::string(what));
}

// --- opening ------------------------------------------------------------------------------------

void actor::open() {
    const auto opened = [&]() -> result<channel_id> {
        if (c_.plan.session) return channels().open(session_channel{});
        if (own_ == client)
            return channels().open(direct_tcpip_channel{"host", 80, "127.0.0.1", 4000});
        return channels().open(forwarded_tcpip_channel{"", 80, "127.0.0.1", 4000});
    }();
    if (!opened) return;  // too many, or draining
    begin(*opened);
    if (plan_.hasty) start();
}

void actor::on_asked(channel_id id) {
    begin(id);
    world_.wake_at(after(began_, c_.plan.accept_after), c_.number, own_, wake::accept);
}

void actor::begin(channel_id id) {
    me_.id = id;
    live_ = true;
    began_ = world_.now();
    if (plan_.closes_at != never)
        world_.wake_at(after(began_, plan_.closes_at), c_.number, own_, wake::close);
    if (plan_.cuts_at != never)
        world_.wake_at(after(began_, plan_.cuts_at), c_.number, own_, wake::cut);
}

void actor::on_opened() {
    check(!me_.opened, "opened twice");
    check(!me_.closed, "opened behind its close");
    me_.opened = true;
    if (c_.plan.session && own_ == c_.plan.opener) {
        channels().request(*me_.id, exec_request{"program"}, true);
        replies_expected_.push_back(true);
    }
    // A session's server waits for the command.
    if (!c_.plan.session || own_ == c_.plan.opener) start();
}

void actor::start() {
    if (std::exchange(started_, true)) return;
    may_write_ = world_.now();
    if (plan_.stalls_until != duration::zero() && plan_.stalls_until != never)
        world_.wake_at(after(began_, plan_.stalls_until), c_.number, own_, wake::consume);
    if (plan_.requests != 0)
        world_.wake_at(after(world_.now(), plan_.request_every), c_.number, own_, wake::request);
    work();
}

// --- events -------------------------------------------------------------------------------------

void actor::on_event(const channel_event& event) {
    check(live_, "an event behind the last one");
    if (std::holds_alternative<channel_opened_event>(event)) {
        on_opened();
    } else if (const auto* data = std::get_if<channel_data_event>(&event)) {
        on_data(*data);
    } else if (std::holds_alternative<channel_eof_event>(event)) {
        on_eof();
    } else if (const auto* request = std::get_if<channel_request_event>(&event)) {
        on_request(*request);
    } else if (const auto* reply = std::get_if<channel_reply_event>(&event)) {
        on_reply(reply->success);
    } else if (std::holds_alternative<channel_writable_event>(event)) {
        check(!me_.closed, "writable behind its close");
        waits_for_room_ = false;
        room_told_ = true;
        work();
    } else if (const auto* failed = std::get_if<channel_open_failed_event>(&event)) {
        me_.refused = true;
        on_closed(failed->report);
    } else if (const auto* closed = std::get_if<channel_closed_event>(&event)) {
        on_closed(closed->report);
    }
}

void actor::on_data(const channel_data_event& event) {
    check(!me_.closed, "data behind its close");
    check(!me_.eof_seen, "data behind the end of file");
    flow& in = peer_.out[event.extended_type == 0 ? 0 : 1];
    if (!is_stream(in.name, in.read, event.data)) check(false, "data that is not the next");
    in.read += event.data.size();
    check(in.read <= in.written, "more data than was written");
    held_ += event.data.size();
    if (plan_.echo && event.extended_type == 0) return work();
    if (plan_.stalls_until == never) return;
    if (world_.now() < after(began_, plan_.stalls_until)) return;
    if (plan_.read_after == duration::zero()) return consume(event.data.size());
    later_.push_back({event.data.size(), after(world_.now(), plan_.read_after)});
    if (later_.size() == 1) world_.wake_at(later_.front().due, c_.number, own_, wake::consume);
}

void actor::on_eof() {
    check(!me_.eof_seen, "a second end of file");
    check(!me_.closed, "end of file behind its close");
    check(peer_.ended_output, "an end of file that the writer did not make");
    check(peer_.read_by_peer() == peer_.written(), "a clean end of file before the last byte");
    me_.eof_seen = true;
    work();
}

void actor::on_request(const channel_request_event& event) {
    check(!me_.closed, "a request behind its close");
    if (const auto* status = std::get_if<exit_status_request>(&event.request)) {
        check(me_.eof_seen, "the exit status before the end of file");
        check(!me_.exit_status_seen && me_.exit_signal_seen.empty(), "a second exit");
        me_.exit_status_seen = status->exit_status;
        return;
    }
    if (const auto* signal = std::get_if<exit_signal_request>(&event.request)) {
        check(me_.eof_seen, "the exit signal before the end of file");
        check(!me_.exit_status_seen && me_.exit_signal_seen.empty(), "a second exit");
        me_.exit_signal_seen = signal->signal_name;
        return;
    }
    check(event.want_reply, "a request that nobody sent");
    if (std::holds_alternative<exec_request>(event.request)) {
        unanswered_.push_back({true, world_.now()});
        answer_due();
        return start();
    }
    const auto* env = std::get_if<env_request>(&event.request);
    unsigned number = 0;
    if (env != nullptr)
        std::from_chars(env->variable_value.data(),
                        env->variable_value.data() + env->variable_value.size(), number);
    check(env != nullptr && env->variable_name == numbered, "a request that nobody sent");
    const time_point due = after(world_.now(), plan_.answer_after);
    unanswered_.push_back({granted(c_.number, number), due});
    if (plan_.answer_after == duration::zero()) return answer_due();
    world_.wake_at(due, c_.number, own_, wake::answer);
}

void actor::on_reply(bool success) {
    check(!me_.closed, "a reply behind its close");
    if (replies_expected_.empty()) return check(false, "a reply to nothing");
    const bool expected = replies_expected_.front();
    replies_expected_.pop_front();
    // Who closes refuses what is still asked.
    const bool peer_left = peer_.closed || peer_.ended_at != time_point::max();
    check(success == expected || (!success && peer_left), "the reply to another request");
}

void actor::on_closed(const channel_report& report) {
    me_.report = report;
    me_.ended_at = world_.now();
    over();
}

void actor::on_connection_end(error_code error) {
    check(static_cast<bool>(error), "the connection's end looks clean to a channel that is open");
    me_.ended_by_connection = true;
    me_.ended_at = world_.now();
    over();
}

void actor::over() {
    live_ = false;
    waits_for_room_ = false;
    held_ = 0;
    later_.clear();
    unanswered_.clear();
}

void actor::on_drain() {
    if (!live_) return;
    if (!me_.opened) {
        // The library refuses what was not accepted, and closes what is confirmed late.
        me_.ended_output = true;
        me_.closed = true;
        return;
    }
    switch (plan_.on_drain) {
    case side_plan::draining::finishes:
        // One that waits for the peer alone has nothing to finish once its output has ended.
        if (plan_.end == side_plan::ending::stays) close();
        return;
    case side_plan::draining::closes: return close();
    case side_plan::draining::cuts: return cut();
    case side_plan::draining::ignores: return;
    }
}

void actor::on_wake(wake why) {
    if (why == wake::open) return open();
    if (!live_) return;
    switch (why) {
    case wake::open: return;
    case wake::accept:
        if (me_.closed) return;
        if (c_.plan.refused) {
            channels().refuse_open(*me_.id, open_failure::connect_failed, "no");
            me_.refused = true;
            return over();
        }
        channels().accept_open(*me_.id);
        return on_opened();
    case wake::write: return work();
    case wake::consume: return consume_due();
    case wake::request: return send_request();
    case wake::answer: return answer_due();
    case wake::end: return finish();
    case wake::close: return close();
    case wake::cut: return cut();
    }
}

// --- writing ------------------------------------------------------------------------------------

void actor::work() {
    if (!live_ || !started_ || me_.closed) return;
    if (!me_.ended_output) plan_.echo ? echo() : write();
    if (live_) maybe_end();
}

bool actor::all_written() const {
    if (plan_.echo) return me_.eof_seen && echoed_ == peer_.out[0].read;
    return me_.out[0].written >= plan_.write_bytes && me_.out[1].written >= plan_.error_bytes;
}

void actor::write() {
    while (!all_written() && !waits_for_room_) {
        if (world_.now() < may_write_) return;
        if (plan_.throws_at && me_.written() >= *plan_.throws_at) return;
        const std::uint64_t left[] = {plan_.write_bytes - me_.out[0].written,
                                      plan_.error_bytes - me_.out[1].written};
        const std::size_t type = left[0] == 0 || (left[1] != 0 && chunks_ % 3 == 2) ? 1 : 0;
        std::uint64_t n = std::min<std::uint64_t>(left[type], plan_.chunk_bytes);
        const std::size_t room = channels().writable(*me_.id);
        if (plan_.whole_chunks) {
            // Behind the news of room a whole chunk may go, however large.
            waits_for_room_ = room < n && !std::exchange(room_told_, false);
        } else {
            n = std::min<std::uint64_t>(n, room);
            waits_for_room_ = n == 0;
        }
        if (waits_for_room_) return;
        wire::buffer chunk(n);
        fill_stream(me_.out[type].name, me_.out[type].written, chunk.space().first(n));
        chunk.commit(n);
        me_.out[type].written += n;
        ++chunks_;
        channels().write(*me_.id, std::move(chunk), static_cast<std::uint32_t>(type));
        if (plan_.write_every != duration::zero()) {
            may_write_ = after(world_.now(), plan_.write_every);
            world_.wake_at(may_write_, c_.number, own_, wake::write);
        }
    }
}

void actor::echo() {
    while (echoed_ < peer_.out[0].read && !waits_for_room_) {
        const std::uint64_t n = std::min<std::uint64_t>(
            {peer_.out[0].read - echoed_, plan_.chunk_bytes, channels().writable(*me_.id)});
        if (n == 0) {
            waits_for_room_ = true;
            return;
        }
        wire::buffer chunk(n);
        fill_stream(me_.out[0].name, echoed_, chunk.space().first(n));
        chunk.commit(n);
        echoed_ += n;
        me_.out[0].written += n;
        channels().write(*me_.id, std::move(chunk));
        consume(n);
    }
}

// --- reading ------------------------------------------------------------------------------------

void actor::consume(std::uint64_t n) {
    held_ -= n;
    channels().consumed(*me_.id, n);
}

void actor::consume_due() {
    if (me_.closed) return;
    if (plan_.stalls_until != duration::zero() &&
        world_.now() == after(began_, plan_.stalls_until)) {
        if (!plan_.echo) consume(held_);
        return work();
    }
    while (!later_.empty() && later_.front().due <= world_.now()) {
        const std::uint64_t n = later_.front().size;
        later_.pop_front();
        consume(n);
    }
    if (!later_.empty()) world_.wake_at(later_.front().due, c_.number, own_, wake::consume);
}

// --- requests -----------------------------------------------------------------------------------

void actor::send_request() {
    if (!me_.opened || me_.closed || requests_sent_ == plan_.requests) return;
    const unsigned number = requests_sent_++;
    if (number % 5 == 4) {
        channels().request(*me_.id, keepalive_request{}, true);
        replies_expected_.push_back(false);
    } else {
        const std::string text = std::to_string(number);
        channels().request(*me_.id, env_request{numbered, text}, true);
        replies_expected_.push_back(granted(c_.number, number));
    }
    if (requests_sent_ != plan_.requests)
        world_.wake_at(after(world_.now(), plan_.request_every), c_.number, own_, wake::request);
}

void actor::answer_due() {
    while (!unanswered_.empty() && unanswered_.front().due <= world_.now() && !me_.closed) {
        channels().reply(*me_.id, unanswered_.front().success);
        unanswered_.pop_front();
    }
}

// --- the end ------------------------------------------------------------------------------------

void actor::maybe_end() {
    if (me_.closed || !started_) return;
    if (plan_.throws_at && me_.written() >= *plan_.throws_at && me_.opened) {
        if (!me_.ended_output) me_.exit_status = thrown_status;
        me_.ended_output = true;
        channels().exit_status(*me_.id, thrown_status);
        return close();
    }
    if (!all_written()) return;
    using ending = side_plan::ending;
    if ((plan_.end == ending::eof || plan_.early_eof) && !me_.ended_output) {
        me_.ended_output = true;
        channels().send_eof(*me_.id);
    }
    if (plan_.end == ending::stays || end_waits_) return;
    if ((plan_.after_eof || plan_.end == ending::eof) && !me_.eof_seen) return;
    if (!me_.opened && !plan_.hasty) return;
    if (plan_.end_after == duration::zero()) return finish();
    end_waits_ = true;
    world_.wake_at(after(world_.now(), plan_.end_after), c_.number, own_, wake::end);
}

void actor::finish() {
    if (me_.closed) return;
    const bool breaks_off = plan_.end == side_plan::ending::breaks_off && !me_.ended_output;
    me_.ended_output = true;
    switch (plan_.end) {
    case side_plan::ending::stays:
    case side_plan::ending::eof:
    case side_plan::ending::close: break;
    case side_plan::ending::breaks_off:
        me_.broken_off = breaks_off;
        channels().break_off(*me_.id);
        break;
    case side_plan::ending::exit_status:
        me_.exit_status = plan_.status;
        channels().exit_status(*me_.id, plan_.status);
        break;
    case side_plan::ending::exit_signal:
        me_.exit_signal = "TERM";
        channels().exit_signal(*me_.id, {"TERM", false, "", ""});
        break;
    }
    close();
}

void actor::close() {
    if (!me_.closed) stop(false);
}

void actor::cut() { stop(true); }

void actor::stop(bool cut) {
    me_.ended_output = me_.closed = true;
    if (cut) me_.cut = true;
    held_ = 0;
    later_.clear();
    waits_for_room_ = false;
    cut ? channels().cut(*me_.id) : channels().close(*me_.id);
    if (own_ != c_.plan.opener && !me_.opened) {  // that refused it
        me_.refused = true;
        over();
    }
}

}  // namespace sluice::sim
