#include "sluice/tests/sim/sftp_actors.hpp"

#include "sluice/sftp/codec.hpp"
#include "sluice/sftp/requests.hpp"
#include "sluice/sftp/responses.hpp"
#include "sluice/wire/reader.hpp"
#include "sluice/wire/writer.hpp"

#include <algorithm>

namespace sluice::sim {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view subsystem = "sftp";

}  // namespace

// --- the server's side --------------------------------------------------------------------------

sftp_host::sftp_host(stage& world, conversation& c, side own)
    : performer(world, c, own),
      draws_(me_.out[0].name),
      driver_(server_, files_, [this] { pump(); }) {
    files_.defer = c.plan.sftp->slow_disk;
}

// A run that was broken off may leave operations behind; the filesystem insists on none.
sftp_host::~sftp_host() {
    pumping_ = true;
    while (files_.pending() != 0)
        files_.run(0);
}

void sftp_host::on_asked(channel_id id) {
    me_.id = id;
    live_ = true;
    world_.wake_at(world_.now() + c_.plan.accept_after, c_.number, own_, wake::accept);
}

void sftp_host::on_event(const channel_event& event) {
    if (const auto* request = std::get_if<channel_request_event>(&event)) {
        const bool known = std::holds_alternative<subsystem_request>(request->request);
        if (request->want_reply) channels().reply(*me_.id, known);
    } else if (const auto* data = std::get_if<channel_data_event>(&event)) {
        peer_.out[0].read += data->data.size();
        held_ += data->data.size();
        server_.receive(data->data);
    } else if (std::holds_alternative<channel_eof_event>(event)) {
        me_.eof_seen = true;
        server_.on_eof();
    } else if (std::holds_alternative<channel_writable_event>(event)) {
        waits_for_room_ = false;
    } else if (const auto* closed = std::get_if<channel_closed_event>(&event)) {
        me_.report = closed->report;
        me_.ended_at = world_.now();
        return over();
    }
    pump();
}

void sftp_host::on_wake(wake why) {
    if (why == wake::accept && live_ && !me_.closed && !me_.opened) {
        channels().accept_open(*me_.id);
        me_.opened = true;
    }
    if (why != wake::answer) return;
    disk_alarm_ = false;
    if (files_.pending() == 0) return;
    files_.run(draws_.up_to(files_.pending() - 1));
    pump();
}

// What is called from here may call back here: then another round is made, not a nested one.
void sftp_host::pump() {
    again_ = true;
    if (std::exchange(pumping_, true)) return;
    while (std::exchange(again_, false))
        pump_once();
    pumping_ = false;
    if (files_.pending() != 0 && !lost_ && !std::exchange(disk_alarm_, true))
        world_.wake_at(world_.now() + draws_.any_time(5ms), c_.number, own_, wake::answer);
}

void sftp_host::pump_once() {
    driver_.start_ready();
    while (live_ && !me_.closed && server_.has_output()) {
        waits_for_room_ = channels().writable(*me_.id) == 0;
        if (waits_for_room_) break;
        wire::buffer chunk = server_.next_output();
        me_.out[0].written += chunk.size();
        channels().write(*me_.id, std::move(chunk));
        again_ = true;  // there may be room for requests that waited for it
    }
    const std::size_t consumed = server_.take_consumed();
    if (consumed != 0 && live_ && !me_.closed) {
        held_ -= consumed;
        channels().consumed(*me_.id, consumed);
    }
    if (!live_ || me_.closed || !server_.finished() || driver_.running() != 0) return;
    me_.exit_status = server_.error() ? 1 : 0;
    channels().exit_status(*me_.id, *me_.exit_status);
    close();
}

void sftp_host::on_drain() {
    if (!live_) return;
    if (!me_.opened) {
        me_.ended_output = me_.closed = true;  // the library refuses it
        return;
    }
    using draining = side_plan::draining;
    switch (c_.plan_of(own_).on_drain) {
    case draining::finishes:
        c_.sftp.drained = true;
        server_.drain(c_.plan.sftp->policy);
        return pump();
    case draining::ignores: return;
    case draining::closes: return close();
    case draining::cuts:
        me_.ended_output = me_.closed = me_.cut = true;
        held_ = 0;
        channels().cut(*me_.id);
        return;
    }
}

void sftp_host::close() {
    me_.ended_output = me_.closed = true;
    held_ = 0;
    channels().close(*me_.id);
}

void sftp_host::on_connection_end(error_code error) {
    if (!error) world_.told().fail("an SFTP session was lost without an error");
    me_.ended_by_connection = true;
    me_.ended_at = world_.now();
    over();
}

// What was read finishes its work on the files, whoever still listens.
void sftp_host::over() {
    live_ = false;
    lost_ = true;
    held_ = 0;
    waits_for_room_ = false;
    server_.abandon();
    driver_.request_stop();
    pump();
    while (files_.pending() != 0) {
        files_.run(draws_.up_to(files_.pending() - 1));
        pump();
    }
}

std::string sftp_host::settled() const {
    if (!me_.id) return {};
    if (files_.pending() != 0 || driver_.running() != 0) return "a file operation is left";
    if (files_.handles_open() != 0) return "a file is left open";
    if (!server_.finished() && !me_.refused && me_.opened) return "the session is not over";

    const sftp::session_report r = server_.report();
    const bool clean = me_.report && me_.report->acknowledged && me_.report->exit_status == 0u;
    if (clean && me_.eof_seen && r.requests_unanswered != 0) return "requests without an answer";
    if (c_.sftp.replies > r.requests_answered) return "more replies than answers";
    std::uint64_t committed = 0, abandoned = 0, bytes_written = 0;
    for (const auto& [path, end] : files_.endings) {
        committed += end.how == sftp::ending::kind::committed;
        abandoned += end.how == sftp::ending::kind::abandoned;
    }
    if (r.files_committed != committed) return "files_committed is not what the files heard";
    if (r.files_abandoned != abandoned) return "files_abandoned is not what the files heard";
    for (const sftp_file& f : c_.sftp.files) {
        std::uint64_t ends = 0, commits = 0;
        for (const auto& [path, end] : files_.endings) {
            if (path != f.path || end.how == sftp::ending::kind::read_only) continue;
            ++ends;
            commits += end.how == sftp::ending::kind::committed;
            if (commits != 0 && end.contiguous_end < f.acknowledged)
                return f.path + " was committed without all its bytes";
        }
        if (f.closed && commits != 1) return f.path + " was closed and is not committed";
        if (!f.close_asked && commits != 0) return f.path + " was committed and not closed";
        if (f.opened && ends != 1) return f.path + " has no end";
        if (!files_.exists(f.path)) {
            if (f.opened) return f.path + " was opened and is not there";
            continue;
        }
        const bytes content = files_.content(f.path);
        bytes_written += content.size();
        if (content.size() < f.acknowledged) return f.path + " lacks what was acknowledged";
        if (content.size() > f.asked) return f.path + " holds more than was written";
        // A slow disk may write a later piece first, and be asked to stop before the earlier one.
        if (!is_stream(f.name, 0, bytes_view(content).first(f.acknowledged)))
            return f.path + " does not hold what was written";
    }
    if (!c_.plan.sftp->slow_disk && r.bytes_written != bytes_written)
        return "bytes_written is not what the files hold";
    return {};
}

// --- the client's side --------------------------------------------------------------------------

sftp_user::sftp_user(stage& world, conversation& c, side own)
    : performer(world, c, own), plan_(*c.plan.sftp) {}

void sftp_user::check(bool holds, std::string_view what) {
    if (holds) return;
    world_.told().fail("conversation " + std::to_string(c_.number) +
                       ", SFTP client: " + std::string(what));
}

void sftp_user::open() {
    const auto id = channels().open(session_channel{});
    if (!id) return;
    me_.id = *id;
    live_ = true;
    const side_plan& plan = c_.plan_of(own_);
    if (plan.closes_at != never)
        world_.wake_at(world_.now() + plan.closes_at, c_.number, own_, wake::close);
    if (plan.cuts_at != never)
        world_.wake_at(world_.now() + plan.cuts_at, c_.number, own_, wake::cut);
}

template <class M>
void sftp_user::send(const M& message, step what, std::uint64_t offset, std::uint64_t size) {
    wire::writer w(output_);
    const std::size_t mark = w.begin_string();
    sftp::encode(message, output_);
    w.end_string(mark);
    unanswered_[next_id_++] = {what, offset, size};
    ++c_.sftp.requests;
}

void sftp_user::on_event(const channel_event& event) {
    check(live_, "an event behind the last one");
    if (std::holds_alternative<channel_opened_event>(event)) {
        me_.opened = true;
        channels().request(*me_.id, subsystem_request{subsystem}, true);
        wire::writer w(output_);
        const std::size_t mark = w.begin_string();
        sftp::encode(sftp::fxp_init{3, {}}, output_);
        w.end_string(mark);
    } else if (const auto* reply = std::get_if<channel_reply_event>(&event)) {
        check(reply->success || peer_.closed || peer_.ended_at != time_point::max(),
              "the subsystem was refused");
    } else if (const auto* data = std::get_if<channel_data_event>(&event)) {
        check(!me_.closed && !me_.eof_seen, "data behind the end");
        peer_.out[0].read += data->data.size();
        input_.insert(input_.end(), data->data.begin(), data->data.end());
        channels().consumed(*me_.id, data->data.size());
        std::size_t used = 0;
        while (input_.size() - used >= 4) {
            wire::reader r(bytes_view(input_).subspan(used));
            bytes_view packet;
            r.read(packet);
            if (r.error()) break;
            on_packet(packet);
            used += 4 + packet.size();
        }
        input_.erase(input_.begin(), input_.begin() + static_cast<std::ptrdiff_t>(used));
    } else if (std::holds_alternative<channel_eof_event>(event)) {
        check(peer_.ended_output && peer_.read_by_peer() == peer_.written(),
              "a clean end of file before the last byte");
        check(input_.empty(), "the end of file in the middle of a reply");
        me_.eof_seen = true;
    } else if (std::holds_alternative<channel_writable_event>(event)) {
        waits_for_room_ = false;
    } else if (const auto* request = std::get_if<channel_request_event>(&event)) {
        const auto* status = std::get_if<exit_status_request>(&request->request);
        if (status == nullptr) return check(false, "a request that nobody sent");
        me_.exit_status_seen = status->exit_status;
        check(status->exit_status == 0, "the session failed");
        check(unanswered_.empty() || may_stop(), "exit-status 0, and requests without a reply");
    } else if (const auto* failed = std::get_if<channel_open_failed_event>(&event)) {
        me_.refused = true;
        me_.report = failed->report;
        me_.ended_at = world_.now();
        return over();
    } else if (const auto* closed = std::get_if<channel_closed_event>(&event)) {
        me_.report = closed->report;
        me_.ended_at = world_.now();
        return over();
    }
    work();
}

void sftp_user::on_packet(bytes_view packet) {
    if (packet.front() == sftp::fxp_version::number)
        return check(std::exchange(step_, step::opening) == step::starting, "a second VERSION");
    std::uint32_t id = 0;
    wire::reader(packet.subspan(1)).read(id);
    const auto found = unanswered_.find(id);
    if (found == unanswered_.end()) return check(false, "a reply to nothing");
    const asked r = found->second;
    unanswered_.erase(found);
    ++c_.sftp.replies;
    if (packet.front() == sftp::fxp_status::number)
        return on_status(r, sftp::decode<sftp::fxp_status>(packet)->code);
    if (packet.front() == sftp::fxp_handle::number) {
        check(r.what == step::opening || r.what == step::reopening, "a handle for nothing");
        handle_ = to_bytes(sftp::decode<sftp::fxp_handle>(packet)->handle);
        if (r.what == step::opening) file().opened = true;
        step_ = r.what == step::opening ? step::writing : step::reading;
        offset_ = 0;
        return;
    }
    const auto data = sftp::decode<sftp::fxp_data>(packet);
    if (!data || r.what != step::reading) return check(false, "another reply than was asked for");
    check(data->data.size() == r.size && is_stream(file().name, r.offset, data->data),
          "other bytes than were written");
}

void sftp_user::on_status(const asked& r, std::uint32_t code) {
    const bool refused = c_.sftp.drained && is_new_work(r);
    check(code == 0 || draining_ || refused || r.what == step::reading, "a request failed");
    if (code != 0 && refused) step_ = step::done;
    if (code != 0) return;
    if (r.what == step::writing) {
        check(r.offset == file().acknowledged, "WRITEs are answered out of order");
        file().acknowledged += r.size;
    } else if (r.what == step::closing) {
        file().closed = true;
    }
    // The next step waits for the CLOSE.
    if (r.what == step::closing) step_ = plan_.reads_back ? step::reopening : step::opening;
    if (r.what == step::reclosing) step_ = step::opening;
}

void sftp_user::work() {
    if (!live_ || !me_.opened || me_.closed) return;
    ask();
    flush();
}

// Sends what the step asks for, as far as requests may be in flight.
void sftp_user::ask() {
    while (!me_.ended_output && unanswered_.size() < plan_.in_flight && output_.size() < 100'000) {
        const std::uint64_t left = plan_.file_bytes - std::min(plan_.file_bytes, offset_);
        const std::uint64_t piece = std::min<std::uint64_t>(left, plan_.piece_bytes);
        switch (step_) {
        case step::starting: return;
        case step::opening: {
            // An OPEN that has no answer yet, or all files are written.
            if (!c_.sftp.files.empty() && !file().closed) return;
            if (draining_ || c_.sftp.files.size() == plan_.files) {
                step_ = step::done;
                break;
            }
            const std::string path = "/file" + std::to_string(c_.sftp.files.size());
            c_.sftp.files.push_back({path, me_.out[0].name + 1'000'003 * (1 + c_.sftp.files.size()),
                                     0, 0, false, false, false});
            send(sftp::fxp_open{next_id_, path, sftp::fxf_write | sftp::fxf_creat, {}},
                 step::opening);
            return;
        }
        case step::writing: {
            if (left == 0) {
                const bool last = c_.sftp.files.size() == plan_.files;
                step_ = last && plan_.leaves_open ? step::done : step::closing;
                break;
            }
            bytes data(piece);
            fill_stream(file().name, offset_, data);
            send(sftp::fxp_write{next_id_, handle_, offset_, data}, step::writing, offset_, piece);
            file().asked += piece;
            offset_ += piece;
            break;
        }
        case step::closing:
        case step::reclosing:
            if (step_ == step::closing) {
                if (file().close_asked) return;
                file().close_asked = true;
            } else if (handle_.empty()) {
                return;
            }
            send(sftp::fxp_close{next_id_, handle_}, step_);
            handle_.clear();
            if (!plan_.hasty_eof || c_.sftp.files.size() != plan_.files) return;
            step_ = step::done;
            break;
        case step::reopening:
            if (std::exchange(offset_, 1) == 1) return;  // asked already
            send(sftp::fxp_open{next_id_, file().path, sftp::fxf_read, {}}, step::reopening);
            return;
        case step::reading:
            if (left == 0) {
                step_ = step::reclosing;
                break;
            }
            send(sftp::fxp_read{next_id_, handle_, offset_, static_cast<std::uint32_t>(piece)},
                 step::reading, offset_, piece);
            offset_ += piece;
            break;
        case step::done:
            if ((!plan_.hasty_eof && !unanswered_.empty()) || !output_.empty()) return;
            me_.ended_output = true;
            channels().send_eof(*me_.id);
            return;
        }
    }
    if (step_ == step::done && plan_.hasty_eof && output_.empty() && !me_.ended_output) {
        me_.ended_output = true;
        channels().send_eof(*me_.id);
    }
}

void sftp_user::flush() {
    while (!output_.empty()) {
        const std::size_t n = std::min(output_.size(), channels().writable(*me_.id));
        waits_for_room_ = n == 0;
        if (waits_for_room_) return;
        me_.out[0].written += n;
        channels().write(*me_.id, wire::buffer::copy_of(bytes_view(output_).first(n)));
        output_.erase(output_.begin(), output_.begin() + static_cast<std::ptrdiff_t>(n));
        ask();
    }
    ask();
}

void sftp_user::on_wake(wake why) {
    if (why == wake::open) return open();
    if (!live_ || !me_.id) return;
    if (why == wake::close) close();
    if (why != wake::cut) return;
    me_.ended_output = me_.closed = me_.cut = true;
    waits_for_room_ = false;
    channels().cut(*me_.id);
}

void sftp_user::close() {
    if (me_.closed) return;
    me_.ended_output = me_.closed = true;
    waits_for_room_ = false;
    channels().close(*me_.id);
}

void sftp_user::on_drain() {
    if (!live_) return;
    if (!me_.opened) {
        me_.ended_output = me_.closed = true;  // the library closes what is confirmed late
        return;
    }
    draining_ = true;
    if (c_.plan_of(own_).on_drain == side_plan::draining::closes) return close();
    work();
}

void sftp_user::on_connection_end(error_code error) {
    check(static_cast<bool>(error), "the connection's end looks clean");
    me_.ended_by_connection = true;
    me_.ended_at = world_.now();
    over();
}

void sftp_user::over() {
    live_ = false;
    waits_for_room_ = false;
}

std::string sftp_user::settled() const {
    // Who ended on his own, and was let, has heard of everything.
    const bool clean = me_.report && me_.exit_status_seen && me_.eof_seen && !me_.cut;
    if (clean && !unanswered_.empty() && !may_stop()) return "requests without a reply";
    return {};
}

bool sftp_user::is_new_work(const asked& r) {
    return r.what == step::opening || r.what == step::reopening;
}

// A server that drains may have ended before it read what is under way: between files, or, if it is
// to end now, anywhere.
bool sftp_user::may_stop() const {
    if (!c_.sftp.drained || plan_.policy == sftp::drain_policy::finish_session) return false;
    return plan_.policy == sftp::drain_policy::now ||
           std::ranges::all_of(unanswered_, [](const auto& r) { return is_new_work(r.second); });
}

}  // namespace sluice::sim
