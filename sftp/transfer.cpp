#include "sluice/sftp/transfer.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace sluice::sftp {
namespace {

constexpr std::size_t requests_at_first = 16;
constexpr std::uint32_t chunk_min = 4096;  // bytes, however short a server answers

template <class Part>
std::optional<std::size_t> find(fifo<Part>& parts, request_id id) {
    for (std::size_t i = 0; i < parts.size(); ++i)
        if (parts[i].id == id) return i;
    return std::nullopt;
}

}  // namespace

// --- download ---------------------------------------------------------------------------------

download::download(client& c, remote_handle handle, const options& o)
    : client_(c),
      handle_(handle),
      end_(o.offset + std::min(o.length_max, ~std::uint64_t{0} - o.offset)),
      size_hint_(o.size_hint),
      bytes_max_(o.bytes_max),
      next_(o.offset),
      given_(o.offset),
      chunk_max_(transfer_chunk_max) {
    if (size_hint_ && o.offset > *size_hint_) size_hint_.reset();
    window_ = std::min<std::size_t>(bytes_max_, requests_at_first * std::size_t{chunk()});
}

std::uint32_t download::chunk() const {
    return std::max(chunk_min, std::min(chunk_max_, client_.read_length_max()));
}

bool download::request(part& p) {
    const auto id = client_.read(handle_, p.offset + p.got, p.length - p.got);
    if (!id) {
        if (id.error() != errc::queue_full) stop_at(p.offset + p.got, id.error());
        return false;
    }
    p.id = *id;
    p.pending = true;
    return true;
}

void download::ask() {
    for (std::size_t i = 0; incomplete_ && i < parts_.size(); ++i) {
        part& p = parts_[i];
        if (!p.pending && p.got != p.length && !request(p)) return;
    }
    incomplete_ = false;
    limited_ = false;
    while (!stopped_ && next_ < end_) {
        std::uint64_t length = std::min<std::uint64_t>(chunk(), end_ - next_);
        if (size_hint_) {
            // What is expected, and one small read beyond it that finds the end.
            if (next_ > *size_hint_) return;
            length = std::min<std::uint64_t>(
                length, next_ < *size_hint_ ? *size_hint_ - next_ : std::uint64_t{chunk_min});
        }
        limited_ = held_ != 0 && held_ + length > window_;
        if (limited_) return;
        part p;
        p.offset = next_;
        p.length = static_cast<std::uint32_t>(length);
        if (!request(p)) return;
        next_ += length;
        held_ += length;
        parts_.push(std::move(p));
    }
}

bool download::take(outcome& o) {
    const auto index = find(parts_, o.id);
    if (!index) return false;
    part& p = parts_[*index];
    p.pending = false;
    p.id = {};
    if (o.error) {
        stop_at(p.offset + p.got, o.error == errc::sftp_eof ? error_code() : o.error);
        return true;
    }
    wire::buffer data = std::move(std::get<wire::buffer>(o.value));
    const auto n = static_cast<std::uint32_t>(data.size());
    if (size_hint_ && p.offset >= *size_hint_) size_hint_.reset();  // there is more than it said
    if (limited_) window_ = std::min(bytes_max_, window_ + n);
    if (n < p.length - p.got && p.length > chunk_min)
        chunk_max_ = std::min(chunk_max_, std::max(n, chunk_min));
    append(p, std::move(data));
    if (p.got < p.length && !request(p)) incomplete_ = true;
    return true;
}

// A part is one buffer, however many answers it takes: that bounds what a hostile server can make
// us hold.
void download::append(part& p, wire::buffer data) {
    const std::size_t n = data.size();
    if (p.got == 0) {
        p.data = std::move(data);
    } else {
        if (p.data.space().size() < n) {
            wire::buffer whole(p.length);
            std::memcpy(whole.space().data(), p.data.view().data(), p.got);
            whole.commit(p.got);
            p.data = std::move(whole);
        }
        std::memcpy(p.data.space().data(), data.view().data(), n);
        p.data.commit(n);
    }
    p.got += static_cast<std::uint32_t>(n);
}

// Nothing from `offset` on is given.
void download::stop_at(std::uint64_t offset, error_code error) {
    if (stopped_ && offset >= stop_) return;
    stopped_ = true;
    stop_ = offset;
    error_ = error;
    while (!parts_.empty()) {
        part& last = parts_.back();
        if (last.offset + last.got < offset) break;
        if (last.pending) client_.forget(last.id);
        const std::uint64_t keep = offset > last.offset ? offset - last.offset : 0;
        held_ -= last.length - keep;
        if (keep != 0) {
            last.length = last.got = static_cast<std::uint32_t>(keep);
            last.pending = false;
            last.id = {};
            break;
        }
        parts_.pop_back();
    }
}

std::optional<file_piece> download::next_piece() {
    if (parts_.empty() || parts_.front().got == 0) return std::nullopt;
    part& first = parts_.front();
    file_piece piece{first.offset, std::move(first.data)};
    first.offset += first.got;
    first.length -= first.got;
    held_ -= first.got;
    given_ = first.offset;
    first.got = 0;
    if (first.length == 0) parts_.pop();
    return piece;
}

bool download::finished() const { return parts_.empty() && (stopped_ || next_ >= end_); }

void download::cancel() {
    if (finished()) return;
    for (std::size_t i = 0; i < parts_.size(); ++i)
        if (parts_[i].pending) client_.forget(parts_[i].id);
    parts_.clear();
    held_ = 0;
    stopped_ = true;
    stop_ = given_;
    error_ = errc::cancelled;
}

// --- upload -----------------------------------------------------------------------------------

upload::upload(client& c, remote_handle handle, const options& o)
    : client_(c), handle_(handle), bytes_max_(o.bytes_max), next_(o.offset) {
    window_ = std::min(bytes_max_, requests_at_first * chunk());
}

std::size_t upload::chunk() const {
    return std::min(transfer_chunk_max, client_.write_length_max());
}

std::size_t upload::wanted() const {
    if (ended_ || !client_.room()) return 0;
    return in_flight_ == 0 || in_flight_ + chunk() <= window_ ? chunk() : 0;
}

bool upload::write(wire::buffer& data) {
    const std::size_t length = client::write_length(data);
    expects(length != 0);
    if (wanted() == 0) return false;
    const auto id = client_.write(handle_, next_, std::move(data));
    if (!id) {
        fail(next_, id.error());
        return true;
    }
    parts_.push({next_, static_cast<std::uint32_t>(length), part::state::pending, *id});
    next_ += length;
    in_flight_ += length;
    return true;
}

bool upload::take(outcome& o) {
    const auto index = find(parts_, o.id);
    if (!index) return false;
    part& p = parts_[*index];
    const bool limited = in_flight_ + chunk() > window_;
    p.now = o.error ? part::state::failed : part::state::written;
    p.id = {};
    if (o.error)
        fail(p.offset, o.error);
    else if (limited)
        window_ = std::min(bytes_max_, window_ + p.length);
    while (!parts_.empty() && parts_.front().now != part::state::pending) {
        const part first = parts_.pop();
        in_flight_ -= first.length;
        gap_ = gap_ || first.now == part::state::failed;
        if (!gap_) acknowledged_ += first.length;
    }
    return true;
}

void upload::fail(std::uint64_t offset, error_code error) {
    if (!error_ || offset < error_offset_) {
        error_ = error;
        error_offset_ = offset;
    }
    ended_ = true;
}

void upload::cancel() {
    if (finished()) return;
    for (std::size_t i = 0; i < parts_.size(); ++i)
        if (parts_[i].now == part::state::pending) client_.forget(parts_[i].id);
    if (!error_) error_offset_ = parts_.empty() ? next_ : parts_.front().offset;
    if (!error_) error_ = errc::cancelled;
    parts_.clear();
    in_flight_ = 0;
    ended_ = true;
}

}  // namespace sluice::sftp
