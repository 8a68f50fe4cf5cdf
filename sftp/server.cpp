#include "sluice/sftp/server.hpp"

#include "sluice/sftp/codec.hpp"
#include "sluice/sftp/requests.hpp"
#include "sluice/sftp/responses.hpp"
#include "sluice/sftp/slots.hpp"
#include "sluice/wire/limits.hpp"

#include <algorithm>

namespace sluice::sftp {
namespace {

constexpr std::size_t data_header_length = 4 + 1 + 4 + 4;  // length, type, id, length of the data

void put_u32(std::uint8_t* at, std::size_t value) {
    for (std::size_t i = 0; i < 4; ++i)
        at[i] = static_cast<std::uint8_t>(value >> (24 - 8 * i));
}

}  // namespace

// --- input ------------------------------------------------------------------------------------

bool server::room_for_input() const {
    if (error_) return true;  // to throw it away
    return in_flight_ < limits::sftp_requests_max && input_held_ < limits::sftp_input_max &&
           output_bytes_ < limits::sftp_output_max;
}

void server::receive(bytes_view data) {
    if (phase_ == phase::ended || phase_ == phase::lost) {
        consumed_ += data.size();
        return;
    }
    while (!data.empty() && backlog_.empty() && room_for_input()) {
        const std::size_t taken = take(data);
        consumed_ += taken;
        data = data.subspan(taken);
    }
    backlog_.append(data);
}

// Takes bytes up to the end of a packet, and the packet. After a breach of the protocol, all.
std::size_t server::take(bytes_view data) {
    if (error_) return data.size();
    const auto taken = assembler_.take(data);
    if (!taken) {
        fail(static_cast<errc>(taken.error().value()));
        return data.size();
    }
    if (assembler_.complete()) on_packet(assembler_.take_packet());
    return *taken;
}

void server::process_input() {
    while (!backlog_.empty() && room_for_input()) {
        const std::size_t taken = take(backlog_.view());
        consumed_ += taken;
        backlog_.consume(taken);
    }
    backlog_.release_if_empty();
}

std::size_t server::take_consumed() { return std::exchange(consumed_, 0); }

void server::on_eof() {
    if (phase_ == phase::awaiting_init || phase_ == phase::serving) phase_ = phase::ended;
}

void server::drain(drain_policy policy) {
    drain_ = std::max(drain_, policy);
    if (drain_ == drain_policy::now) on_eof();
}

// A client without handles is between files.
void server::end_if_drained() {
    if (drain_ == drain_policy::finish_handles && backlog_.empty() && in_flight_ == 0 &&
        handles_.in_use() == 0)
        on_eof();
}

void server::abandon() {
    phase_ = phase::lost;
    output_.clear();
    output_bytes_ = 0;
}

void server::fail(errc e) {
    error_ = e;
    if (phase_ != phase::lost) phase_ = phase::ended;
}

// --- operations -------------------------------------------------------------------------------

std::optional<operation> server::next_operation() {
    for (;;) {
        process_input();
        end_if_drained();
        if (ready_.empty()) {
            const bool input_done = phase_ == phase::ended || phase_ == phase::lost;
            if (!input_done || !backlog_.empty() || in_flight_ != 0) return std::nullopt;
            close_handles_left();
            if (ready_.empty()) return std::nullopt;
        }
        const std::uint32_t index = ready_.front();
        slot& s = slots_[index];
        if (phase_ == phase::lost && !s.changes && !s.internal) {
            ready_.pop();
            skip(s);
            continue;
        }
        // One reply is always welcome, so that a single large one cannot be stuck for ever.
        const std::size_t due = output_bytes_ + output_reserved_;
        if (s.reply_reserve != 0 && due != 0 && due + s.reply_reserve > limits::sftp_output_max &&
            phase_ != phase::lost)
            return std::nullopt;
        ready_.pop();
        s.now = slot::state::running;
        output_reserved_ += s.reply_reserve;
        if (auto* read = std::get_if<op::read>(&s.what)) {
            read->into = wire::buffer(data_header_length + read->length);
            read->into.commit(data_header_length);
        } else if (auto* close = std::get_if<op::close>(&s.what)) {
            close->end = ending_of(s);
        }
        return operation{std::uint64_t{s.sequence} << 32 | index, std::move(s.what)};
    }
}

// Everything earlier on the handle is done: its close is about to run.
ending server::ending_of(const slot& s) {
    const open_handle& h = handles_[s.handle];
    if (!h.writable) return {};
    return {s.internal ? ending::kind::abandoned : ending::kind::committed,
            h.progress.contiguous_end(), h.write_failed};
}

// Nobody waits for the answer, and the request changes nothing.
void server::skip(slot& s) {
    ++report_.requests_unanswered;
    if (s.handle != no_handle && handles_[s.handle].now == open_handle::state::opening)
        handles_.release(s.handle);
    finish(s);
}

void server::close_handles_left() {
    const auto left = handles_.all_open();
    if (!closing_counted_) report_.handles_left_open = left.size();
    closing_counted_ = true;
    for (const auto index : left) {
        if (in_flight_ == limits::sftp_requests_max) return;
        open_handle& h = handles_[index];
        h.now = open_handle::state::closing;
        const std::uint32_t slot_index = add_slot();
        slot& s = slots_[slot_index];
        s.internal = true;
        s.closes = true;
        s.handle = index;
        s.what = op::close{h.file, {}};
        footprint f;
        f.parts[0] = {index, footprint::access::barrier, 0, footprint::to_the_end, h.path_key};
        submit(slot_index, f);
    }
}

std::uint32_t server::add_slot() {
    const std::uint32_t index = take_slot(slots_, free_slots_);
    slot& s = slots_[index];
    s.now = slot::state::waiting;
    s.internal = false;
    s.changes = false;
    s.closes = false;
    s.request_id = 0;
    s.sequence = ++sequence_;
    s.handle = no_handle;
    s.wire_size = 0;
    s.reply_reserve = 0;
    s.write_number = 0;
    s.offset = 0;
    s.length = 0;
    ++in_flight_;
    return index;
}

void server::submit(std::uint32_t index, const footprint& f) {
    input_held_ += slots_[index].wire_size;
    if (order_.enter(index, f)) ready_.push(index);
}

server::slot& server::running(std::uint64_t id) {
    const auto index = static_cast<std::uint32_t>(id & 0xffffffff);
    expects(index < slots_.size());
    slot& s = slots_[index];
    expects(s.now == slot::state::running && s.sequence == id >> 32);
    output_reserved_ -= s.reply_reserve;
    return s;
}

// Frees the slot and lets those that waited for it run.
void server::finish(slot& s) {
    const auto index = static_cast<std::uint32_t>(&s - slots_.data());
    s.now = slot::state::free;
    s.what = op::any();
    input_held_ -= s.wire_size;
    assembler_.recycle(std::move(s.packet));
    free_slots_.push_back(index);
    --in_flight_;
    unblocked_.clear();
    order_.leave(index, unblocked_);
    for (const auto i : unblocked_)
        ready_.push(i);
}

bool server::finished() const {
    return (phase_ == phase::ended || phase_ == phase::lost) && backlog_.empty() &&
           in_flight_ == 0 && output_.empty() && handles_.in_use() == 0;
}

// --- outcomes ---------------------------------------------------------------------------------

void server::finish_with_status(slot& s, error_code error) {
    if (s.write_number != 0)
        reply_in_order(s, error);
    else if (!s.internal)
        reply_status(s.request_id, status_of(error), text_of(error));
    finish(s);
}

void server::reply_in_order(const slot& s, error_code outcome) {
    const std::uint64_t first = writes_seen_ - write_replies_.size() + 1;
    write_replies_[s.write_number - first].outcome = outcome;
    while (!write_replies_.empty() && write_replies_.front().outcome) {
        const write_reply next = write_replies_.pop();
        reply_status(next.request_id, status_of(*next.outcome), text_of(*next.outcome));
    }
}

void server::complete(std::uint64_t id, result<> outcome) {
    slot& s = running(id);
    const error_code error = outcome ? error_code() : outcome.error();
    if (s.closes) {
        if (handles_[s.handle].writable)
            ++(s.internal || error ? report_.files_abandoned : report_.files_committed);
        handles_.release(s.handle);  // also when closing failed: there is no second try
    } else if (s.length != 0) {
        open_handle& h = handles_[s.handle];
        if (error) {
            h.write_failed = true;
        } else {
            report_.bytes_written += s.length;
            h.progress.completed(s.offset, s.length);
        }
    }
    finish_with_status(s, error);
}

void server::complete(std::uint64_t id, result<file_handle> outcome) {
    slot& s = running(id);
    if (!outcome) {
        handles_.release(s.handle);
        return finish_with_status(s, outcome.error());
    }
    open_handle& h = handles_[s.handle];
    h.file = *outcome;
    h.now = open_handle::state::open;
    const auto handle = handles_.to_wire(s.handle);
    reply(fxp_handle{s.request_id, handle});
    finish(s);
}

void server::complete(std::uint64_t id, result<wire::buffer> outcome) {
    slot& s = running(id);
    if (!outcome) return finish_with_status(s, outcome.error());
    wire::buffer chunk = std::move(*outcome);
    if (chunk.size() < data_header_length || chunk.size() - data_header_length > s.length)
        return finish_with_status(s, errc::sftp_failure);  // not the buffer that was handed out
    const std::size_t n = chunk.size() - data_header_length;
    if (n == 0) return finish_with_status(s, errc::sftp_eof);
    std::uint8_t* const at = chunk.span().data();
    put_u32(at, chunk.size() - 4);
    at[4] = fxp_data::number;
    put_u32(at + 5, s.request_id);
    put_u32(at + 9, n);
    if (phase_ != phase::lost) report_.bytes_read += n;
    push_output(std::move(chunk));
    finish(s);
}

void server::complete(std::uint64_t id, result<attributes> outcome) {
    slot& s = running(id);
    if (!outcome) return finish_with_status(s, outcome.error());
    reply(fxp_attrs{s.request_id, *outcome});
    finish(s);
}

void server::complete(std::uint64_t id, result<name_batch> outcome) {
    slot& s = running(id);
    if (!outcome) return finish_with_status(s, outcome.error());
    if (outcome->empty()) return finish_with_status(s, errc::sftp_eof);
    push_output(std::move(*outcome).to_packet(s.request_id));
    finish(s);
}

void server::complete(std::uint64_t id, result<std::string> outcome) {
    slot& s = running(id);
    if (!outcome) return finish_with_status(s, outcome.error());
    // Two copies of it must fit, with what is around them.
    if (outcome->size() > (names_length_max - 64) / 2)
        return finish_with_status(s, errc::sftp_failure);
    bytes names;
    wire::writer w(names);
    put_fields(name_entry{*outcome, *outcome, {}}, w);  // "a dummy attributes value" (§6.11)
    reply(fxp_name{s.request_id, 1, {names}});
    finish(s);
}

void server::complete(std::uint64_t id, result<statvfs_reply> outcome) {
    slot& s = running(id);
    if (!outcome) return finish_with_status(s, outcome.error());
    bytes data;
    wire::writer w(data);
    put_fields(*outcome, w);
    reply(fxp_extended_reply{s.request_id, {data}});
    finish(s);
}

void server::complete(std::uint64_t id, result<id_names> outcome) {
    slot& s = running(id);
    if (!outcome) return finish_with_status(s, outcome.error());
    const auto joined = [](const std::vector<std::string>& names) {
        bytes out;
        wire::writer w(out);
        for (const auto& name : names)
            w.write(std::string_view(name));
        return out;
    };
    const bytes users = joined(outcome->users);
    const bytes groups = joined(outcome->groups);
    bytes data;
    wire::writer w(data);
    put_fields(users_groups_reply{users, groups}, w);
    if (data.size() > limits::sftp_packet_length_max - 16)
        return finish_with_status(s, errc::sftp_failure);
    reply(fxp_extended_reply{s.request_id, {data}});
    finish(s);
}

// --- output -----------------------------------------------------------------------------------

template <class M>
void server::reply(const M& message) {
    scratch_.clear();
    wire::writer w(scratch_);
    const std::size_t mark = w.begin_string();
    encode(message, scratch_);
    w.end_string(mark);
    append_output(scratch_);
}

template void server::reply(const fxp_version&);
template void server::reply(const fxp_data&);
template void server::reply(const fxp_extended_reply&);

void server::reply_status(std::uint32_t id, status_code code, std::string_view text) {
    reply(fxp_status{id, static_cast<std::uint32_t>(code), text, ""});
}

void server::refuse(std::uint32_t id, status_code code, std::string_view text) {
    ++report_.requests_refused;
    reply_status(id, code, text);
}

void server::refuse_new_work(std::uint32_t id) {
    ++report_.requests_refused;
    ++report_.requests_drained;
    reply_status(id, status_code::failure, "server is draining");
}

// Small replies share a chunk, so that a run of them costs one message of the channel.
void server::append_output(bytes_view packet) {
    if (phase_ == phase::lost) {
        ++report_.requests_unanswered;
        return;
    }
    ++report_.requests_answered;
    if (output_.empty() || output_.back().space().size() < packet.size()) {
        const std::size_t usual = output_.empty() ? 512 : 4096;
        output_.push(wire::buffer(std::max(packet.size(), usual)));
    }
    wire::buffer& chunk = output_.back();
    std::copy(packet.begin(), packet.end(), chunk.space().data());
    chunk.commit(packet.size());
    output_bytes_ += packet.size();
}

void server::push_output(wire::buffer chunk) {
    // A little in a large block is copied out of it: what waits must not hold much more memory than
    // it counts for.
    if (chunk.size() < chunk.capacity() / 4) return append_output(chunk.view());
    if (phase_ == phase::lost) {
        ++report_.requests_unanswered;
        return;
    }
    ++report_.requests_answered;
    output_bytes_ += chunk.size();
    output_.push(std::move(chunk));
}

wire::buffer server::next_output() {
    if (output_.empty()) return {};
    wire::buffer chunk = output_.pop();
    output_bytes_ -= chunk.size();
    return chunk;
}

}  // namespace sluice::sftp
