#include "sluice/sftp/framing.hpp"

#include "sluice/wire/limits.hpp"

#include <algorithm>
#include <cstring>

namespace sluice::sftp {

result<std::size_t> packet_assembler::take(bytes_view in) {
    expects(!complete());
    std::size_t taken = 0;
    while (header_size_ < header_.size() && taken < in.size())
        header_[header_size_++] = in[taken++];
    if (header_size_ < header_.size()) return taken;

    if (body_expected_ == 0) {
        const std::size_t length = std::size_t{header_[0]} << 24 | std::size_t{header_[1]} << 16 |
                                   std::size_t{header_[2]} << 8 | header_[3];
        if (length == 0) return errc::bad_value;
        if (length > limits::sftp_packet_length_max) return errc::too_long;
        prepare(length);
    }
    const std::size_t n = std::min(in.size() - taken, body_expected_ - packet_.size());
    if (n != 0) std::memcpy(packet_.space().data(), in.data() + taken, n);
    packet_.commit(n);
    return taken + n;
}

void packet_assembler::prepare(std::size_t length) {
    body_expected_ = length;
    if (length > small_packet) {
        packet_ = wire::buffer(length);
    } else if (spares_.empty()) {
        packet_ = wire::buffer(small_packet);
    } else {
        packet_ = std::move(spares_.back());
        spares_.pop_back();
    }
}

wire::buffer packet_assembler::take_packet() {
    expects(complete());
    header_size_ = 0;
    body_expected_ = 0;
    return std::move(packet_);
}

void packet_assembler::recycle(wire::buffer packet) {
    if (packet.capacity() != small_packet || spares_.size() == spares_max) return;
    packet.clear();
    spares_.push_back(std::move(packet));
}

}  // namespace sluice::sftp
