#include "sluice/transport/packet.hpp"

#include <algorithm>

namespace sluice {
namespace {

constexpr std::size_t padding_min = 4;  // RFC 4253 §6
constexpr std::size_t length_size = 4;
constexpr std::size_t padding_length_size = 1;

}  // namespace

std::size_t packet_opener::wanted() const {
    const auto& shape = cipher_->shape();
    if (read_on_from_) return length_size + length_max_ + shape.tag_size;
    if (packet_length_ == 0) return shape.length_bytes;
    return length_size + packet_length_ + shape.tag_size;
}

result<> packet_opener::learn_length(wire::byte_queue& input) {
    const auto& shape = cipher_->shape();
    const std::uint32_t length = cipher_->open_length(sequence_number_, input.span());
    if (length > length_max_) return errc::packet_too_long;
    // The least packet has a padding length, a payload of one byte and the least padding. With an
    // encrypted length it must also cover the block that was already opened.
    if (length < padding_length_size + 1 + padding_min || length + length_size < shape.length_bytes)
        return errc::bad_packet_length;
    const std::size_t in_blocks = length + (shape.length_in_blocks ? length_size : 0);
    if (in_blocks % shape.block_size != 0) return errc::bad_packet_length;
    packet_length_ = length;
    return {};
}

result<std::optional<mutable_bytes_view>> packet_opener::next(wire::byte_queue& input) {
    if (error_) return error_;
    if (input.size() < wanted()) return std::nullopt;
    if (read_on_from_) return read_on(input);
    if (packet_length_ == 0) {
        if (const auto learned = learn_length(input); !learned)
            return fail(learned.error(), cipher_->shape().length_bytes, input);
        if (input.size() < wanted()) return std::nullopt;
    }

    const mutable_bytes_view packet = input.span().first(wanted());
    if (!cipher_->open(sequence_number_, packet)) return fail(errc::bad_mac, packet.size(), input);
    const std::size_t padding = packet[length_size];
    if (padding < padding_min || padding + padding_length_size >= packet_length_)
        return error_ = errc::bad_packet_length;
    const mutable_bytes_view payload = packet.subspan(
        length_size + padding_length_size, packet_length_ - padding_length_size - padding);

    ++packets_;
    bytes_ += packet.size();
    if (++sequence_number_ == 0) wrapped_ = true;
    packet_length_ = 0;
    input.consume(packet.size());
    return payload;
}

result<std::optional<mutable_bytes_view>> packet_opener::fail(error_code error,
                                                              std::size_t opened_bytes,
                                                              wire::byte_queue& input) {
    if (!cipher_->shape().errors_look_alike) return error_ = error;
    read_on_from_ = opened_bytes;
    return next(input);
}

// What is left of the longest packet costs what opening it would: neither where reading stops nor
// how long it takes tells which error it was. OpenSSH does the same.
result<std::optional<mutable_bytes_view>> packet_opener::read_on(wire::byte_queue& input) {
    const auto& shape = cipher_->shape();
    const auto rest = input.span().first(wanted()).subspan(*read_on_from_);
    if (rest.size() >= shape.block_size + shape.tag_size) {
        const std::size_t over = (rest.size() - shape.tag_size) % shape.block_size;
        cipher_->open(sequence_number_, rest.first(rest.size() - over));
    }
    return error_ = errc::bad_mac;
}

void packet_opener::rekey(std::unique_ptr<packet_cipher> cipher, bool reset_sequence_number) {
    cipher_ = std::move(cipher);
    packets_ = 0;
    bytes_ = 0;
    if (reset_sequence_number) sequence_number_ = 0;
}

void packet_sealer::seal(bytes_view head, bytes_view bulk, crypto::random_source& random,
                         wire::byte_queue& output) {
    const auto& shape = cipher_->shape();
    const std::size_t payload = head.size() + bulk.size();
    const std::size_t unpadded =
        padding_length_size + payload + (shape.length_in_blocks ? length_size : 0);
    const std::size_t multiple = std::max(shape.block_size, padding_multiple_);
    std::size_t padding = multiple - unpadded % multiple;
    if (padding < padding_min) padding += multiple;
    const std::size_t packet_length = padding_length_size + payload + padding;

    const std::size_t whole = length_size + packet_length + shape.tag_size;
    const mutable_bytes_view packet = output.prepare(whole).first(whole);
    store_be32(packet.data(), static_cast<std::uint32_t>(packet_length));
    packet[length_size] = static_cast<std::uint8_t>(padding);
    const std::size_t front = length_size + padding_length_size + head.size();
    std::copy(head.begin(), head.end(), packet.begin() + length_size + padding_length_size);
    random.fill_padding(packet.subspan(front + bulk.size(), padding));
    cipher_->seal(sequence_number_, packet, front, bulk);
    output.commit(whole);

    ++sequence_number_;
    ++packets_;
    bytes_ += whole;
}

void packet_sealer::rekey(std::unique_ptr<packet_cipher> cipher, bool reset_sequence_number) {
    cipher_ = std::move(cipher);
    packets_ = 0;
    bytes_ = 0;
    if (reset_sequence_number) sequence_number_ = 0;
}

}  // namespace sluice
