#include "sluice/sftp/client.hpp"

#include "sluice/sftp/codec.hpp"
#include "sluice/sftp/path.hpp"
#include "sluice/sftp/requests.hpp"
#include "sluice/sftp/responses.hpp"
#include "sluice/sftp/slots.hpp"
#include "sluice/sftp/status.hpp"
#include "sluice/wire/limits.hpp"

#include <algorithm>
#include <utility>

namespace sluice::sftp {
namespace {

constexpr std::uint32_t every_server_reads = 32 * 1024;  // bytes, and writes (draft-02 §3)

// A request's id holds its slot in the low bits: closes come on top of the cap on requests.
constexpr unsigned slot_bits = 12;
constexpr std::uint32_t slot_mask = (1u << slot_bits) - 1;
static_assert(client::indices == slot_mask + 1);
constexpr std::uint32_t generation_max = (1u << (32 - slot_bits)) - 1;
static_assert(limits::sftp_client_requests_max + limits::sftp_handles_max < slot_mask);

std::string printable(std::string_view text) {
    std::string out(text.substr(0, limits::sftp_error_text_max));
    for (char& c : out)
        if (c < ' ' || c > '~') c = '?';
    return out;
}

}  // namespace

client::client() : read_length_max_(every_server_reads), write_length_max_(every_server_reads) {
    scratch_.clear();
    wire::writer w(scratch_);
    const std::size_t mark = w.begin_string();
    encode(fxp_init{3, {}}, scratch_);
    w.end_string(mark);
    append_output(scratch_);
}

// --- the stream -------------------------------------------------------------------------------

// Nothing is held back: what the server can send is bounded by what it was asked for.
void client::receive(bytes_view data) {
    consumed_ += data.size();
    while (!data.empty() && phase_ != phase::over) {
        const auto taken = assembler_.take(data);
        if (!taken) return fail(taken.error());
        data = data.subspan(*taken);
        if (assembler_.complete()) on_packet(assembler_.take_packet());
    }
}

std::size_t client::take_consumed() { return std::exchange(consumed_, 0); }

wire::buffer client::next_output() {
    if (output_.empty()) return {};
    wire::buffer chunk = output_.pop();
    output_bytes_ -= chunk.size();
    return chunk;
}

// Small requests share a chunk, so that a run of them costs one message of the channel.
void client::append_output(bytes_view packet) {
    if (output_.empty() || output_.back().space().size() < packet.size()) {
        const std::size_t usual = output_.empty() ? 512 : 4096;
        output_.push(wire::buffer(std::max(packet.size(), usual)));
    }
    wire::buffer& chunk = output_.back();
    std::copy(packet.begin(), packet.end(), chunk.space().data());
    chunk.commit(packet.size());
    output_bytes_ += packet.size();
}

void client::end() {
    if (phase_ == phase::serving) phase_ = phase::ending;
    if (phase_ == phase::awaiting_version) ended_early_ = true;
}

bool client::may_send_eof() const {
    return phase_ == phase::ending && in_flight_ == 0 && output_.empty();
}

void client::on_stream_end(error_code error) {
    if (phase_ == phase::over) return;
    const bool whole = assembler_.at_boundary();
    if (phase_ == phase::ending && in_flight_ == 0 && whole && !error) {
        phase_ = phase::over;
        report_.handles_left_open = handles_open();
        return;
    }
    if (!error) error = whole ? errc::channel_closed : errc::truncated;
    fail(error);
}

void client::fail(error_code error) {
    if (phase_ == phase::over) return;
    phase_ = phase::over;
    error_ = error;
    report_.handles_left_open = handles_open();
    report_.requests_unanswered = in_flight_;
    for (std::uint32_t i = 0; i < slots_.size(); ++i) {
        slot& s = slots_[i];
        if (s.used && !s.forgotten)
            deliver({request_id{s.generation << slot_bits | i}, error, {}, {}}, false);
        s.used = false;
    }
    in_flight_ = 0;
    output_.clear();
    output_bytes_ = 0;
}

client_report client::report() const {
    client_report r = report_;
    if (phase_ != phase::over) {
        r.handles_left_open = handles_open();
        r.requests_unanswered = in_flight_;
    }
    return r;
}

// --- requests in flight -----------------------------------------------------------------------

bool client::room() const {
    return in_flight_ + outcomes_.size() < limits::sftp_client_requests_max &&
           output_bytes_ < limits::sftp_client_output_max;
}

result<> client::refusal(bool closing) const {
    if (error_) return error_;
    switch (phase_) {
    case phase::awaiting_version:
        if (!ended_early_) return errc::unexpected_message;
        return errc::channel_closed;
    case phase::serving:
        if (!closing && !room()) return errc::queue_full;
        return {};
    case phase::ending:
    case phase::over: return errc::channel_closed;
    }
    unreachable();
}

request_id client::add_slot(awaited reply) {
    const std::uint32_t index = take_slot(slots_, free_slots_);
    expects(index <= slot_mask);
    slot& s = slots_[index];
    const std::uint32_t generation = s.generation == generation_max ? 1 : s.generation + 1;
    s = {};
    s.used = true;
    s.reply = reply;
    s.generation = generation;
    ++in_flight_;
    if (reply == awaited::handle) ++opens_in_flight_;
    ++report_.requests_made;
    return request_id{generation << slot_bits | index};
}

client::slot* client::find_slot(std::uint32_t id) {
    const std::uint32_t index = id & slot_mask;
    if (index >= slots_.size()) return nullptr;
    slot& s = slots_[index];
    return s.used && s.generation == id >> slot_bits ? &s : nullptr;
}

const std::string* client::find(remote_handle handle) const {
    const std::uint64_t index = static_cast<std::uint64_t>(handle) >> 32;
    if (index >= handles_.size()) return nullptr;
    const handle_entry& h = handles_[index];
    const auto generation = static_cast<std::uint32_t>(static_cast<std::uint64_t>(handle));
    return h.open && h.generation == generation ? &h.text : nullptr;
}

// --- outcomes ---------------------------------------------------------------------------------

std::optional<outcome> client::next_outcome() {
    if (outcomes_.empty()) return std::nullopt;
    outcome next = outcomes_.pop();
    release(next.id);
    return next;
}

std::size_t client::index_of(request_id id) { return static_cast<std::uint32_t>(id) & slot_mask; }

void client::deliver(outcome out, bool forgotten) {
    if (!forgotten) return outcomes_.push(std::move(out));
    release(out.id);
    // An open that nobody waits for any more leaves nothing open at the server.
    const auto* handle = std::get_if<remote_handle>(&out.value);
    if (handle == nullptr || phase_ == phase::over || find(*handle) == nullptr) return;
    find_slot(static_cast<std::uint32_t>(send_close(*handle)))->forgotten = true;
}

void client::forget(request_id id) {
    if (slot* const s = find_slot(static_cast<std::uint32_t>(id))) {
        s->forgotten = true;
        return;
    }
    for (std::size_t i = 0; i < outcomes_.size(); ++i) {
        if (outcomes_[i].id != id) continue;
        deliver(std::move(outcomes_[i]), true);
        return outcomes_.remove(i);
    }
}

// --- replies ----------------------------------------------------------------------------------

void client::on_packet(wire::buffer packet) {
    if (phase_ == phase::awaiting_version) return on_version(packet.view());
    if (const error_code error = on_reply(packet)) return fail(error);
    assembler_.recycle(std::move(packet));
}

void client::on_version(bytes_view packet) {
    const auto m = decode<fxp_version>(packet);
    if (!m) return fail(m.error());
    // "The smaller of the two" (§4): a lower version is a server that cannot speak ours.
    if (m->version != 3) return fail(errc::unsupported_version);
    const auto announced = read_extension_list(m->extensions.data);
    if (!announced) return fail(announced.error());
    extensions_ = *announced;
    phase_ = ended_early_ ? phase::ending : phase::serving;
    if (phase_ == phase::serving && supports<ext_limits>()) ask_for_limits();
}

error_code client::on_reply(wire::buffer& packet) {
    const bytes_view view = packet.view();
    if (view.front() == fxp_version::number) return errc::unexpected_message;
    wire::reader r(view.subspan(1));
    std::uint32_t id = 0;
    r.read(id);
    if (r.error()) return r.error();
    slot* const s = find_slot(id);
    if (s == nullptr) return errc::unexpected_message;

    outcome out;
    out.id = request_id{id};
    const error_code error =
        view.front() == fxp_status::number ? on_status(*s, view, out) : on_value(*s, packet, out);
    if (error) return error;
    ++report_.requests_answered;
    s->used = false;
    --in_flight_;
    if (s->reply == awaited::handle) --opens_in_flight_;
    deliver(std::move(out), s->forgotten);
    return {};
}

// Old servers leave out the text, or the language: then there is none.
error_code client::on_status(const slot& s, bytes_view packet, outcome& out) {
    wire::reader r(packet.subspan(1 + 4));
    std::uint32_t code = 0;
    std::string_view text;
    std::string_view language_tag;
    r.read(code);
    if (!r.at_end()) r.read(text);
    if (!r.at_end()) r.read(language_tag);
    if (r.error()) return r.error();
    out.error = error_of(code);
    if (out.error) {
        out.text = printable(text);
        return {};
    }
    if (s.reply != awaited::ok) return errc::unexpected_message;
    report_.bytes_written += s.length;
    return {};
}

error_code client::on_value(const slot& s, wire::buffer& packet, outcome& out) {
    const auto is = [type = packet.view().front()](std::uint8_t number) {
        return type == number ? error_code() : errc::unexpected_message;
    };
    switch (s.reply) {
    case awaited::ok: return errc::unexpected_message;
    case awaited::handle:
        if (const auto error = is(fxp_handle::number)) return error;
        return on_handle_reply(packet.view(), out);
    case awaited::data:
        if (const auto error = is(fxp_data::number)) return error;
        return on_data(s, packet, out);
    case awaited::attrs: {
        const auto m = decode<fxp_attrs>(packet.view());
        if (!m) return m.error();
        out.value = m->attrs;
        return {};
    }
    case awaited::names:
        if (const auto error = is(fxp_name::number)) return error;
        return on_names(packet, out);
    case awaited::name: return on_name(packet.view(), out);
    case awaited::statvfs:
    case awaited::limits:
    case awaited::users_groups: return on_extended(s, packet.view(), out);
    }
    unreachable();
}

error_code client::on_handle_reply(bytes_view packet, outcome& out) {
    const auto m = decode<fxp_handle>(packet);
    if (!m) return m.error();
    if (m->handle.empty()) return errc::bad_value;
    if (m->handle.size() > limits::sftp_handle_length_max) return errc::too_long;
    const std::uint32_t index = take_slot(handles_, free_handles_);
    handle_entry& h = handles_[index];
    h.open = true;
    ++h.generation;
    h.text = as_text(m->handle);
    out.value = remote_handle{std::uint64_t{index} << 32 | h.generation};
    return {};
}

// The packet becomes the data, without what is around it.
error_code client::on_data(const slot& s, wire::buffer& packet, outcome& out) {
    const auto m = decode<fxp_data>(packet.view());
    if (!m) return m.error();
    const std::size_t n = m->data.size();
    if (n > s.length) {  // of no use, and no reason to end what else there is
        out.error = errc::sftp_bad_message;
        return {};
    }
    if (n == 0) {  // for nobody to ask again for ever
        if (s.length != 0) out.error = errc::sftp_eof;
        return {};
    }
    report_.bytes_read += n;
    packet.keep(m->data);
    out.value = std::move(packet);
    return {};
}

error_code client::on_names(wire::buffer& packet, outcome& out) {
    auto names = names_reply::parse(std::move(packet));
    if (!names) return names.error();
    // "There are no more" is a STATUS; OpenSSH takes an answer without names for it too.
    if (names->count() + names->left_out() == 0)
        out.error = errc::sftp_eof;
    else
        out.value = std::move(*names);
    return {};
}

error_code client::on_name(bytes_view packet, outcome& out) const {
    const auto m = decode<fxp_name>(packet);
    if (!m) return m.error();
    name_entry entry;
    if (m->count != 1) return errc::bad_value;
    if (const error_code error = get_fields(m->names.data, entry)) return error;
    if (check_path(entry.filename))
        out.value = std::string(entry.filename);
    else
        out.error = errc::sftp_bad_message;
    return {};
}

error_code client::on_extended(const slot& s, bytes_view packet, outcome& out) {
    const auto m = decode<fxp_extended_reply>(packet);
    if (!m) return m.error();
    switch (s.reply) {
    case awaited::statvfs: return get_fields(m->data.data, out.value.emplace<statvfs_reply>());
    case awaited::limits: {
        limits_reply limits;
        if (const error_code error = get_fields(m->data.data, limits)) return error;
        on_limits(limits);
        return {};
    }
    default: return on_users_groups(s, m->data.data, out);
    }
}

// Beyond those named by the request, a server may have no names.
error_code client::on_users_groups(const slot& s, bytes_view data, outcome& out) {
    users_groups_reply reply;
    if (const error_code error = get_fields(data, reply)) return error;
    const auto strings = [](bytes_view raw, std::uint32_t count, std::vector<std::string>& to) {
        wire::reader r(raw);
        for (std::uint32_t i = 0; i < count && !r.error(); ++i) {
            std::string_view name;
            r.read(name);
            to.emplace_back(name);
        }
        return r.error() || !r.at_end() ? errc::bad_value : error_code();
    };
    auto& names = out.value.emplace<id_names>();
    if (const auto error = strings(reply.usernames, s.length, names.users)) return error;
    return strings(reply.groupnames, s.gids, names.groups);
}

// 0 is "no limit that is known" (PROTOCOL 4.8).
void client::on_limits(const limits_reply& l) {
    constexpr std::uint64_t header = 1024;  // as OpenSSH counts it
    std::uint64_t most = limits::sftp_data_length_max;
    std::uint64_t unknown = every_server_reads;
    if (l.max_packet_length > header) unknown = most = std::min(most, l.max_packet_length - header);
    const auto length = [&](std::uint64_t announced) {
        return static_cast<std::uint32_t>(std::min(announced != 0 ? announced : unknown, most));
    };
    read_length_max_ = length(l.max_read_length);
    write_length_max_ = length(l.max_write_length);
}

}  // namespace sluice::sftp
