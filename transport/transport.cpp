#include "sluice/transport/transport.hpp"

#include "sluice/transport/key_derivation.hpp"
#include "sluice/transport/messages.hpp"
#include "sluice/wire/expects.hpp"
#include "sluice/wire/limits.hpp"

#include <algorithm>
#include <array>

namespace sluice {
namespace {

constexpr std::uint8_t kex_method_first = 30;  // RFC 4250 §4.1.1
constexpr std::uint8_t kex_method_last = 49;
constexpr std::uint8_t upper_layers_first = 50;
constexpr std::uint8_t upper_layers_last = 127;
constexpr std::uint8_t channel_messages_first = 90;  // CHANNEL_OPEN to CHANNEL_FAILURE
constexpr std::uint8_t channel_messages_last = 100;

// Of a mark: not a number of bytes but of a release.
constexpr std::uint64_t held_mark = 1ull << 63;

}  // namespace

transport::transport(const transport_config& config, role own, time_point now)
    : config_(config),
      own_(own),
      identification_(own),
      rekey_policy_(config.rekey),
      now_(now),
      packet_length_max_(limits::packet_length_max_before_auth) {
    sealer_.set_padding_multiple(config_.padding_multiple);
    back_.append(as_bytes(config_.identification));
    back_.append(as_bytes("\r\n"));
    const bool asks_who = own_ == role::server && !config_.to_old_programs.none();
    if (!asks_who) begin_key_exchange(now);
}

// --- bytes in -----------------------------------------------------------------------------------

result<std::optional<transport_event>> transport::poll(time_point now) {
    if (error_) return error_;
    if (finished_) return std::nullopt;
    auto event = poll_open(now);
    if (!event) {
        error_ = event.error();
        // A peer that never identified itself does not speak SSH.
        if (!peer_identification_.empty()) {
            const auto reason = reason_for(error_);
            disconnect(reason, text_for(reason));
        }
        finished_ = true;
    }
    return event;
}

result<std::optional<transport_event>> transport::poll_open(time_point now) {
    now_ = now;
    if (const auto checked = check_deadlines(now); !checked) return checked.error();
    if (peer_identification_.empty()) {
        auto line = identification_.next(input_);
        if (!line) return line.error();
        if (!*line) return std::nullopt;
        peer_identification_ = std::move(**line);
        habits_ = peer_habits(peer_identification_);
        if (!exchange_) begin_key_exchange(now);
    }
    // A peer that sends requests and does not read the replies is not read from.
    while (takes_input() && !awaiting_trust()) {
        rekey_if_due(now);
        const auto packet = opener_.next(input_);
        if (!packet) return packet.error();
        if (!*packet) return std::nullopt;
        mutable_bytes_view payload = **packet;
        if (opener_.wrapped() && !first_exchange_done_) return errc::strict_kex_violation;
        if (decompressor_) {
            const auto inflated = decompressor_->inflate(payload, packet_length_max_, inflated_);
            if (!inflated) return inflated.error();
            if (inflated_.empty()) return errc::bad_compression;
            payload = inflated_;
        }
        if (config_.observer != nullptr)
            config_.observer->on_packet(packet_direction::received, opener_.sequence_number(),
                                        payload, {});
        last_payload_ = payload;
        auto event = on_payload(payload, now);
        if (!event || *event || finished_) return event;
        last_payload_ = {};
    }
    return std::nullopt;
}

result<> transport::check_deadlines(time_point now) {
    if (held_bytes_ > held_bytes_max()) return errc::rekey_overdue;
    // The first exchange is bounded by the login grace.
    if (exchange_ && first_exchange_done_ && now >= exchange_deadline_) return errc::rekey_overdue;
    if (!exchange_ && authenticated_ && now >= rekey_policy_.deadline()) begin_key_exchange(now);
    return {};
}

// What may come when (RFC 4253 §7.1; strict kex, PROTOCOL 1.10).
result<> transport::check_order(std::uint8_t number) const {
    const bool kex_number = number == newkeys::number || number == kexinit::number ||
                            (number >= kex_method_first && number <= kex_method_last);
    if (kex_number || number == sluice::disconnect::number) return {};
    if (!first_exchange_done_) {
        if (strict_) return errc::strict_kex_violation;
        if (number == 0 || number > debug::number) return errc::unexpected_message;
    } else if (exchange_ && exchange_->peer_kexinit_seen()) {
        return check_order_in_exchange(number);
    }
    return {};
}

// From the peer's KEXINIT to its NEWKEYS it sends nothing of other layers (RFC 4253 §7.1), so
// nothing begins there that the exchange would change halfway. What has the habit to do so is
// logged in, and its messages are as authentic as those before.
result<> transport::check_order_in_exchange(std::uint8_t number) const {
    if (number != 0 && number <= debug::number) return {};
    const bool of_channels = number >= channel_messages_first && number <= channel_messages_last;
    if (of_channels && authenticated_ && habits_.has(peer_habit::channel_messages_in_exchange))
        return {};
    return errc::unexpected_message;
}

// A key exchange is dear, to us more than to who asks for it.
result<> transport::check_peers_exchange(time_point now) {
    if (!first_exchange_done_) return {};
    if (!authenticated_) return errc::too_many_key_exchanges;
    if (data_since_keys_ >= limits::key_exchange_data_min) return {};
    time_point& oldest = idle_exchanges_[idle_exchanges_begun_ % idle_exchanges_.size()];
    const bool full = idle_exchanges_begun_ >= idle_exchanges_.size();
    if (full && now - oldest < limits::idle_key_exchanges_period)
        return errc::too_many_key_exchanges;
    oldest = now;
    ++idle_exchanges_begun_;
    return {};
}

result<transport::maybe_event> transport::on_payload(bytes_view payload, time_point now) {
    const std::uint8_t number = payload.front();
    if (const auto in_order = check_order(number); !in_order) return in_order.error();

    switch (number) {
    case sluice::disconnect::number: {
        const auto m = wire::decode<sluice::disconnect>(payload);
        finished_ = true;
        if (!m) return transport_event{transport_disconnected{0, {}}};
        return transport_event{transport_disconnected{m->reason_code, std::string(m->description)}};
    }
    case ignore::number:
    case debug::number: return std::nullopt;
    case unimplemented::number: {
        const auto m = wire::decode<unimplemented>(payload);
        if (!m) return m.error();
        return transport_event{transport_unimplemented{m->packet_sequence_number}};
    }
    case service_request::number:
    case service_accept::number: return transport_event{transport_payload{payload}};
    case ext_info::number: {
        const auto taken = on_ext_info(payload);
        if (!taken) return taken.error();
        return std::nullopt;
    }
    case kexinit::number: {
        const auto taken = on_kexinit(payload, now);
        if (!taken) return taken.error();
        return std::nullopt;
    }
    case newkeys::number: return on_newkeys(payload, now);
    case ping::number: {
        const auto m = wire::decode<ping>(payload);
        if (!m) return m.error();
        send(wire::encoded(pong{m->data}));
        return std::nullopt;
    }
    case pong::number: {
        const auto m = wire::decode<pong>(payload);
        if (!m) return m.error();
        return transport_event{transport_pong{to_bytes(m->data)}};
    }
    default: break;
    }
    if (number >= kex_method_first && number <= kex_method_last)
        return on_kex_message(payload, now);
    if (number >= upper_layers_first && number <= upper_layers_last) {
        data_since_keys_ += std::max(payload.size(), limits::key_exchange_message_min);
        return transport_event{transport_payload{payload}};
    }
    send_unimplemented();
    return std::nullopt;
}

void transport::wipe_payload() {
    wipe(last_payload_);
    last_payload_ = {};
}

void transport::send_unimplemented() {
    send(wire::encoded(unimplemented{opener_.sequence_number()}));
}

result<> transport::on_ext_info(bytes_view payload) {
    if (++ext_info_messages_ > limits::ext_info_messages_max) return errc::too_many_messages;
    const auto m = wire::decode<ext_info>(payload);
    if (!m) return m.error();
    return extensions_.update(*m);
}

result<> transport::on_kexinit(bytes_view payload, time_point now) {
    if (!exchange_) {
        if (const auto justified = check_peers_exchange(now); !justified) return justified.error();
        begin_key_exchange(now);
    }
    const bool first_packet = opener_.sequence_number() == 0;
    std::vector<bytes> replies;
    if (const auto taken = exchange_->on_kexinit(payload, peer_identification_, replies); !taken)
        return taken.error();
    if (!first_exchange_done_ && exchange_->peer_is_strict()) {
        if (!first_packet) return errc::strict_kex_violation;
        strict_ = true;
    }
    send_all(replies);
    return {};
}

result<transport::maybe_event> transport::on_kex_message(bytes_view payload, time_point) {
    if (!exchange_) return errc::unexpected_message;
    std::vector<bytes> replies;
    const auto taken = exchange_->on_message(payload, replies);
    if (!taken) return taken.error();
    send_all(replies);
    if (exchange_->current() == key_exchange_run::state::agreed) send_newkeys();
    if (awaiting_trust())
        return transport_event{transport_host_key{exchange_->outcome().host_key_blob,
                                                  exchange_->chosen().host_key_algorithm}};
    return std::nullopt;
}

bool transport::awaiting_trust() const {
    return exchange_ && exchange_->current() == key_exchange_run::state::awaiting_trust;
}

void transport::accept_host_key(time_point now) {
    now_ = now;
    expects(awaiting_trust());
    exchange_->accept_host_key();
    send_newkeys();
}

// --- key exchange -------------------------------------------------------------------------------

void transport::begin_key_exchange(time_point now) {
    exchange_ = std::make_unique<key_exchange_run>(config_, own_, !first_exchange_done_, habits_);
    newkeys_sent_ = false;
    exchange_deadline_ = now + limits::key_exchange_time_max;
    send_now(exchange_->own_kexinit());
}

void transport::rekey_if_due(time_point now) {
    if (!exchange_ && authenticated_ && rekey_policy_.due(sealer_, opener_))
        begin_key_exchange(now);
}

void transport::rekey(time_point now) {
    if (!exchange_ && authenticated_ && !finished_) begin_key_exchange(now);
}

const negotiated::direction& transport::direction(bool outbound) const {
    const auto& chosen = exchange_->chosen();
    return outbound == (own_ == role::client) ? chosen.client_to_server : chosen.server_to_client;
}

void transport::send_newkeys() {
    send_now(wire::encoded(newkeys{}));
    const kex_outcome& outcome = exchange_->outcome();
    if (session_id_.empty()) {
        session_id_ = outcome.exchange_hash;
        session_signature_ = outcome.signature;
    }
    host_key_blob_ = outcome.host_key_blob;
    algorithms_ = exchange_->chosen();

    const auto& outbound = direction(true);
    const auto keys =
        derive_keys(exchange_->chosen().kex->hash, outcome.encoded_secret, outcome.exchange_hash,
                    session_id_, outbound, own_ == role::client);
    sealer_.rekey(outbound.cipher->make(*outbound.cipher, outbound.mac, keys, true), strict_);
    sealer_.set_padding_multiple(config_.padding_multiple);
    compressor_.reset();
    if (outbound.compression->make_compressor != nullptr &&
        (authenticated_ || !outbound.compression->delayed))
        compressor_ = outbound.compression->make_compressor();
    newkeys_sent_ = true;

    if (!first_exchange_done_ && exchange_->peer_wants_ext_info())
        send_now(server_ext_info(config_.public_key_algorithms, config_.extensions));
    // In the order in which they were given; none of them begins another exchange.
    std::vector<bytes> held;
    held.swap(held_);
    held_bytes_ = 0;
    send_all(held);
    ++releases_;
    released_upto_ = consumed_ + output_size();
}

result<transport::maybe_event> transport::on_newkeys(bytes_view payload, time_point now) {
    if (!exchange_ || !newkeys_sent_) return errc::unexpected_message;
    if (const auto m = wire::decode<newkeys>(payload); !m) return m.error();
    const kex_outcome& outcome = exchange_->outcome();
    const auto& inbound = direction(false);
    const auto keys =
        derive_keys(exchange_->chosen().kex->hash, outcome.encoded_secret, outcome.exchange_hash,
                    session_id_, inbound, own_ == role::server);
    opener_.rekey(inbound.cipher->make(*inbound.cipher, inbound.mac, keys, false), strict_);
    decompressor_.reset();
    if (inbound.compression->make_decompressor != nullptr &&
        (authenticated_ || !inbound.compression->delayed))
        decompressor_ = inbound.compression->make_decompressor();

    const bool first = !first_exchange_done_;
    first_exchange_done_ = true;
    exchange_.reset();
    exchange_deadline_ = time_point::max();
    rekey_policy_.keys_changed(now);
    data_since_keys_ = 0;
    return transport_event{transport_keys_changed{first}};
}

void transport::set_authenticated() {
    expects(first_exchange_done_ && !exchange_);
    authenticated_ = true;
    packet_length_max_ = limits::packet_length_max;
    opener_.set_length_max(packet_length_max_);
    const bool client = own_ == role::client;
    const auto& up = algorithms_.client_to_server;
    const auto& down = algorithms_.server_to_client;
    const auto& outbound = client ? *up.compression : *down.compression;
    const auto& inbound = client ? *down.compression : *up.compression;
    if (outbound.delayed) compressor_ = outbound.make_compressor();
    if (inbound.delayed) decompressor_ = inbound.make_decompressor();
}

// --- bytes out ----------------------------------------------------------------------------------

bytes_view transport::output() {
    if (front_.empty()) std::swap(front_, back_);
    return front_.view();
}

void transport::send(bytes_view head, bytes_view bulk) {
    if (finished_) return;
    expects(!head.empty());
    if (head.front() >= upper_layers_first && head.front() <= upper_layers_last)
        data_since_keys_ += std::max(head.size() + bulk.size(), limits::key_exchange_message_min);
    if (holds_payloads()) {
        bytes payload = to_bytes(head);
        payload.insert(payload.end(), bulk.begin(), bulk.end());
        held_bytes_ += payload.size() + limits::held_payload_overhead;
        mark_ = held_mark | releases_;
        // Past the cap the connection ends at the next poll; until then nothing more is kept.
        if (held_bytes_ <= held_bytes_max()) held_.push_back(std::move(payload));
        return;
    }
    send_now(head, bulk);
    mark_ = consumed_ + output_size();
    rekey_if_due(now_);
}

// Before there are keys, and while they change.
bool transport::holds_payloads() const {
    return exchange_ ? !newkeys_sent_ : !first_exchange_done_;
}

std::size_t transport::room() const {
    if (finished_ || holds_payloads()) return 0;
    return limits::output_high_water - std::min(limits::output_high_water, output_size());
}

// A release counts as a whole: what left in front of others still waits, as far as this goes.
bool transport::has_left(std::uint64_t mark) const {
    if ((mark & held_mark) == 0) return consumed_ >= mark;
    const std::uint64_t release = mark & ~held_mark;
    if (release + 1 == releases_) return consumed_ >= released_upto_;
    return release < releases_;  // an older one: the peer has gone through a later exchange since
}

void transport::send_now(bytes_view head, bytes_view bulk) {
    if (config_.observer != nullptr)
        config_.observer->on_packet(packet_direction::sent, sealer_.sequence_number(), head, bulk);
    if (compressor_) {
        compressor_->deflate(head, bulk, compressed_);
        sealer_.seal({}, compressed_, *config_.random, back_);
    } else {
        sealer_.seal(head, bulk, *config_.random, back_);
    }
}

void transport::send_all(const std::vector<bytes>& payloads) {
    for (const auto& payload : payloads)
        send_now(payload);
}

void transport::disconnect(disconnect_reason reason, std::string_view description) {
    if (finished_) return;
    send_now(
        wire::encoded(sluice::disconnect{static_cast<std::uint32_t>(reason), description, {}}));
    finished_ = true;
}

bool transport::send_ping(bytes_view data) {
    if (!extensions_.ping) return false;
    send(wire::encoded(ping{data}));
    return true;
}

time_point transport::next_deadline() const {
    if (finished_) return time_point::max();
    if (exchange_) return first_exchange_done_ ? exchange_deadline_ : time_point::max();
    return authenticated_ ? rekey_policy_.deadline() : time_point::max();
}

void transport::release_idle_memory() {
    input_.release_if_empty();
    front_.release_if_empty();
    back_.release_if_empty();
    if (!exchange_) held_.shrink_to_fit();
}

}  // namespace sluice
