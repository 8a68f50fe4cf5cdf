#include "sluice/tests/sim/tap.hpp"

#include "sluice/channel/messages.hpp"
#include "sluice/tests/sim/random.hpp"
#include "sluice/transport/messages.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace sluice::sim {
namespace {

std::uint64_t hash_of(bytes_view data) {
    std::uint64_t h = data.size();
    while (!data.empty()) {
        std::uint64_t word = 0;
        const std::size_t n = std::min<std::size_t>(8, data.size());
        std::memcpy(&word, data.data(), n);
        h = mixed(h ^ word);
        data = data.subspan(n);
    }
    return h;
}

std::string_view name_of(std::uint8_t number) {
    switch (number) {
    case disconnect::number: return "DISCONNECT";
    case ignore::number: return "IGNORE";
    case unimplemented::number: return "UNIMPLEMENTED";
    case service_request::number: return "SERVICE_REQUEST";
    case service_accept::number: return "SERVICE_ACCEPT";
    case ext_info::number: return "EXT_INFO";
    case kexinit::number: return "KEXINIT";
    case newkeys::number: return "NEWKEYS";
    case ping::number: return "PING";
    case pong::number: return "PONG";
    case global_request_message::number: return "GLOBAL_REQUEST";
    case request_success::number: return "REQUEST_SUCCESS";
    case request_failure::number: return "REQUEST_FAILURE";
    case channel_open::number: return "OPEN";
    case channel_open_confirmation::number: return "CONFIRMATION";
    case channel_open_failure::number: return "OPEN_FAILURE";
    case channel_window_adjust::number: return "WINDOW_ADJUST";
    case channel_data::number: return "DATA";
    case channel_extended_data::number: return "EXTENDED_DATA";
    case channel_eof::number: return "EOF";
    case channel_close::number: return "CLOSE";
    case channel_request_message::number: return "REQUEST";
    case channel_success::number: return "SUCCESS";
    case channel_failure::number: return "FAILURE";
    }
    if (number >= 30 && number < 50) return "KEX";
    if (number >= 50 && number < 80) return "USERAUTH";
    return "?";
}

constexpr bool is_exit(std::string_view request_type) {
    return request_type == "exit-status" || request_type == "exit-signal";
}

}  // namespace

// --- the ladder ---------------------------------------------------------------------------------

void ladder::add(const rung& r) {
    if (count_ != 0) {
        rung& last = rungs_[(count_ - 1) % rungs_.size()];
        rung same = r;
        same.times = last.times;
        if (same == last) {
            ++last.times;
            return;
        }
    }
    rungs_[count_++ % rungs_.size()] = r;
}

std::string ladder::text() const {
    std::string out;
    const std::size_t shown = std::min(count_, rungs_.size());
    if (count_ > shown) out += "    (" + std::to_string(count_ - shown) + " packets before)\n";
    for (std::size_t i = count_ - shown; i < count_; ++i) {
        const rung& r = rungs_[i % rungs_.size()];
        const auto us =
            std::chrono::duration_cast<std::chrono::microseconds>(r.when.time_since_epoch())
                .count();
        const bool sent = r.direction == packet_direction::sent;
        const bool rightward = sent == (r.where == client);
        char line[160];
        std::snprintf(line, sizeof line, "%14.6f  %s %-6s %s %s", static_cast<double>(us) / 1e6,
                      r.where == client ? "C" : "        S", sent ? "sends" : "takes",
                      rightward ? "-->" : "<--", std::string(name_of(r.number)).c_str());
        out += line;
        if (r.number >= channel_open::number) {
            std::snprintf(line, sizeof line, " %s%u",
                          r.number == channel_open::number ? "from " : "to ", r.channel);
            out += line;
        }
        if (r.text[0] != 0) out += ' ' + std::string(r.text.data());
        if (r.value != 0) out += ' ' + std::to_string(r.value);
        if (r.times != 1) out += "   x" + std::to_string(r.times);
        out += '\n';
    }
    return out;
}

void tap::record(packet_direction direction, bytes_view payload) {
    ladder::rung r{now_, own_, direction, payload.front(), 0, 0, 1, {}};
    wire::reader reader(payload.subspan(1));
    const auto name = [&](std::string_view text) {
        std::copy_n(text.begin(), std::min(text.size(), r.text.size() - 1), r.text.begin());
    };
    switch (payload.front()) {
    case channel_open::number:
        if (const auto m = wire::decode<channel_open>(payload)) {
            r.channel = m->sender_channel;
            r.value = m->initial_window_size;
            name(m->channel_type);
        }
        break;
    case channel_open_confirmation::number:
        if (const auto m = wire::decode<channel_open_confirmation>(payload)) {
            r.channel = m->recipient_channel;
            r.value = m->initial_window_size;
            name("from " + std::to_string(m->sender_channel));
        }
        break;
    case channel_data::number:
        reader.read(r.channel);
        r.value = payload.size() - 9;
        break;
    case channel_extended_data::number:
        reader.read(r.channel);
        r.value = payload.size() - 13;
        break;
    case channel_window_adjust::number:
        if (const auto m = wire::decode<channel_window_adjust>(payload)) {
            r.channel = m->recipient_channel;
            r.value = m->bytes_to_add;
        }
        break;
    case channel_request_message::number:
        if (const auto m = wire::decode<channel_request_message>(payload)) {
            r.channel = m->recipient_channel;
            r.value = m->want_reply;
            name(m->request_type);
        }
        break;
    case global_request_message::number:
        if (const auto m = wire::decode<global_request_message>(payload)) name(m->request_name);
        break;
    case disconnect::number:
        if (const auto m = wire::decode<disconnect>(payload)) {
            r.value = m->reason_code;
            name(m->description);
        }
        break;
    default:
        if (payload.front() >= channel_open::number) reader.read(r.channel);
    }
    shown_.add(r);
}

// --- every packet -------------------------------------------------------------------------------

void tap::on_packet(packet_direction direction, std::uint32_t, bytes_view head, bytes_view bulk) {
    bytes_view payload = head;
    if (!bulk.empty()) {
        scratch_.assign(head.begin(), head.end());
        scratch_.insert(scratch_.end(), bulk.begin(), bulk.end());
        payload = scratch_;
    }
    record(direction, payload);
    if (direction == packet_direction::sent) {
        in_flight_.push_back(hash_of(payload));
        ++packets_sent_;
        sent(payload);
        return;
    }
    const bool same = !peer_->in_flight_.empty() && peer_->in_flight_.front() == hash_of(payload);
    if (!told_.check(same, "a packet arrived that was not sent, or not in this place")) return;
    peer_->in_flight_.pop_front();
    flushing_ = false;
    received(payload);
}

void tap::fail(std::string_view what, std::uint32_t channel) {
    told_.fail(std::string(own_ == client ? "client" : "server") + "'s channel " +
               std::to_string(channel) + ": " + std::string(what));
}

const wire_channel* tap::find(channel_id own) const {
    const auto found = std::find_if(channels_.rbegin(), channels_.rend(),
                                    [&](const wire_channel& c) { return c.own == own; });
    return found == channels_.rend() ? nullptr : &*found;
}

wire_channel* tap::live_by_own(std::uint32_t number) {
    for (auto& c : channels_)
        if (c.own == number && c.live()) return &c;
    return nullptr;
}

wire_channel* tap::live_by_peer(std::uint32_t number) {
    for (auto& c : channels_)
        if (c.confirmed && c.peer == number && c.live()) return &c;
    return nullptr;
}

// --- what we send -------------------------------------------------------------------------------

void tap::sent(bytes_view payload) {
    const std::uint8_t number = payload.front();
    if (disconnect_sent_) told_.fail("a packet behind DISCONNECT");
    // RFC 4253 §7.1
    const bool transport_only = number <= 4 || (number >= 20 && number < 50);
    if (exchanging_keys() && !transport_only)
        told_.fail("message " + std::to_string(number) + " between our KEXINIT and NEWKEYS");

    switch (number) {
    case disconnect::number: disconnect_sent_ = true; return;
    case kexinit::number:
        told_.check(!exchanging_keys(), "a second KEXINIT");
        kexinit_sent_ = true;
        newkeys_sent_ = false;
        return;
    case newkeys::number:
        kexinit_sent_ = false;
        newkeys_sent_ = true;
        flushing_ = true;
        return;
    case ping::number: ++pongs_due_; return;
    case global_request_message::number:
        if (wire::decode<global_request_message>(payload)->want_reply) ++global_replies_due_;
        return;
    case request_success::number:
    case request_failure::number:
        told_.check(global_replies_owed_ != 0, "a reply to no global request");
        --global_replies_owed_;
        return;
    case channel_open::number: {
        const auto m = wire::decode<channel_open>(payload);
        if (live_by_own(m->sender_channel) != nullptr)
            fail("its number is used again", m->sender_channel);
        wire_channel c;
        c.own = m->sender_channel;
        c.ours = true;
        c.window_given = c.window_size = m->initial_window_size;
        c.own_packet_max = m->maximum_packet_size;
        channels_.push_back(c);
        return;
    }
    case channel_open_confirmation::number: {
        const auto m = wire::decode<channel_open_confirmation>(payload);
        const auto open = std::ranges::find(opens_, m->recipient_channel, &asked::peer);
        if (open == opens_.end()) return fail("confirmed and not asked for", m->sender_channel);
        if (live_by_own(m->sender_channel) != nullptr)
            fail("its number is used again", m->sender_channel);
        wire_channel c;
        c.own = m->sender_channel;
        c.peer = open->peer;
        c.confirmed = true;
        c.window = open->window;
        c.packet_max = open->packet_max;
        c.window_given = c.window_size = m->initial_window_size;
        c.own_packet_max = m->maximum_packet_size;
        opens_.erase(open);
        channels_.push_back(c);
        return;
    }
    case channel_open_failure::number: {
        const auto m = wire::decode<channel_open_failure>(payload);
        const auto open = std::ranges::find(opens_, m->recipient_channel, &asked::peer);
        if (open == opens_.end()) return told_.fail("refused an open that nobody asked for");
        opens_.erase(open);
        return;
    }
    default: break;
    }
    if (number <= channel_open_failure::number || number > channel_failure::number) return;
    std::uint32_t recipient = 0;
    wire::reader(payload.subspan(1)).read(recipient);
    wire_channel* const c = live_by_peer(recipient);
    if (c == nullptr)
        return told_.fail(std::string(name_of(number)) + " for a channel that is not open");
    sent_on(*c, payload);
}

void tap::sent_on(wire_channel& c, bytes_view payload) {
    const std::uint8_t number = payload.front();
    if (c.close_sent) return fail(std::string(name_of(number)) + " behind CLOSE", c.own);
    const bool data = number == channel_data::number || number == channel_extended_data::number;
    // Behind the peer's CLOSE ours goes at once; what it asked before is still answered. What
    // waited for a key exchange was said before the CLOSE came, and does no harm; data never waits
    // there.
    if (c.close_received && number != channel_close::number && number != channel_success::number &&
        number != channel_failure::number && (data || !flushing_))
        fail(std::string(name_of(number)) + " behind the peer's CLOSE", c.own);

    if (data) {
        const std::size_t n = payload.size() - (number == channel_data::number ? 9 : 13);
        if (c.eof_sent) fail("DATA behind EOF", c.own);
        if (n == 0) fail("DATA without data", c.own);
        if (n > c.window) fail("DATA beyond the window", c.own);
        if (n > c.packet_max) fail("DATA beyond the packet size", c.own);
        c.window -= std::min<std::uint64_t>(n, c.window);
        c.data_sent += n;
        return;
    }
    switch (number) {
    case channel_window_adjust::number:
        if (c.eof_received && !flushing_) fail("credit behind the peer's EOF", c.own);
        c.window_given += wire::decode<channel_window_adjust>(payload)->bytes_to_add;
        if (c.window_given > c.window_size) fail("more credit than was used", c.own);
        return;
    case channel_eof::number:
        if (c.eof_sent) fail("a second EOF", c.own);
        c.eof_sent = true;
        return;
    case channel_close::number:
        if (c.replies_owed != 0 && !flushing_) fail("CLOSE before the reply to a request", c.own);
        c.close_sent = true;
        return;
    case channel_request_message::number: {
        const auto m = wire::decode<channel_request_message>(payload);
        if (m->want_reply) ++c.replies_due;
        if (!is_exit(m->request_type)) return;
        if (!c.eof_sent) fail("the exit before EOF", c.own);
        if (c.exit_sent) fail("a second exit", c.own);
        c.exit_sent = true;
        return;
    }
    case channel_success::number:
    case channel_failure::number:
        if (c.replies_owed == 0) return fail("a reply to no request", c.own);
        --c.replies_owed;
        return;
    default: return;
    }
}

// --- what we receive ----------------------------------------------------------------------------

void tap::received(bytes_view payload) {
    const std::uint8_t number = payload.front();
    switch (number) {
    case disconnect::number: disconnect_received_ = true; return;
    case newkeys::number: ++exchanges_; return;
    case pong::number: --pongs_due_; return;
    case global_request_message::number:
        if (wire::decode<global_request_message>(payload)->want_reply) ++global_replies_owed_;
        return;
    case request_success::number:
    case request_failure::number: --global_replies_due_; return;
    case channel_open::number: {
        const auto m = wire::decode<channel_open>(payload);
        last_opener_ = m->sender_channel;
        opens_.push_back({m->sender_channel, m->initial_window_size, m->maximum_packet_size});
        return;
    }
    case channel_open_confirmation::number: {
        const auto m = wire::decode<channel_open_confirmation>(payload);
        wire_channel* const c = live_by_own(m->recipient_channel);
        if (c == nullptr || c->confirmed) return fail("confirmed twice", m->recipient_channel);
        c->confirmed = true;
        c->peer = m->sender_channel;
        c->window = m->initial_window_size;
        c->packet_max = m->maximum_packet_size;
        return;
    }
    case channel_open_failure::number: {
        const auto m = wire::decode<channel_open_failure>(payload);
        wire_channel* const c = live_by_own(m->recipient_channel);
        if (c == nullptr || c->confirmed) return fail("refused too late", m->recipient_channel);
        c->refused = true;
        return;
    }
    default: break;
    }
    if (number <= channel_open_failure::number || number > channel_failure::number) return;
    std::uint32_t recipient = 0;
    wire::reader(payload.subspan(1)).read(recipient);
    wire_channel* const c = live_by_own(recipient);
    // The other end's tap has judged the order; here only what is known of it.
    if (c != nullptr && c->confirmed) received_on(*c, payload);
}

void tap::received_on(wire_channel& c, bytes_view payload) {
    switch (payload.front()) {
    case channel_window_adjust::number:
        c.window += wire::decode<channel_window_adjust>(payload)->bytes_to_add;
        return;
    case channel_data::number:
    case channel_extended_data::number: {
        const std::size_t n = payload.size() - (payload.front() == channel_data::number ? 9 : 13);
        if (n > c.window_given) fail("more DATA than the window", c.own);
        if (n > c.own_packet_max) fail("more DATA than a packet may have", c.own);
        c.window_given -= std::min<std::uint64_t>(n, c.window_given);
        c.data_received += n;
        return;
    }
    case channel_eof::number: c.eof_received = true; return;
    case channel_close::number:
        c.close_received = true;
        c.answered_close = c.close_sent;
        return;
    case channel_request_message::number: {
        const auto m = wire::decode<channel_request_message>(payload);
        if (is_exit(m->request_type)) c.exit_received = true;
        if (m->want_reply && !c.close_sent) ++c.replies_owed;
        return;
    }
    case channel_success::number:
    case channel_failure::number: --c.replies_due; return;
    default: return;
    }
}

}  // namespace sluice::sim
