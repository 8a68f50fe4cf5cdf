// From a call to a packet.

#include "sluice/sftp/client.hpp"
#include "sluice/sftp/codec.hpp"
#include "sluice/sftp/path.hpp"
#include "sluice/sftp/requests.hpp"
#include "sluice/wire/limits.hpp"

#include <algorithm>
#include <utility>

namespace sluice::sftp {
namespace {

// WRITE up to its data: length, type, id, handle, offset, length of the data.
constexpr std::size_t write_header_fixed = 4 + 1 + 4 + 4 + 8 + 4;
constexpr std::size_t write_header_room = write_header_fixed + limits::sftp_handle_length_max;

// Writes where there is room for certain.
class cursor {
public:
    explicit cursor(std::uint8_t* at) : at_(at) {}
    void u8(std::uint8_t value) { *at_++ = value; }
    void u32(std::size_t value) { number(value, 4); }
    void u64(std::uint64_t value) { number(value, 8); }
    void text(std::string_view value) {
        u32(value.size());
        at_ = std::copy(value.begin(), value.end(), at_);
    }

private:
    void number(std::uint64_t value, unsigned size) {
        while (size-- != 0)
            u8(static_cast<std::uint8_t>(value >> (8 * size)));
    }
    std::uint8_t* at_;
};

}  // namespace

template <class M>
request_id client::send(awaited reply, M m) {
    const request_id id = add_slot(reply);
    m.id = static_cast<std::uint32_t>(id);
    scratch_.clear();
    wire::writer w(scratch_);
    const std::size_t mark = w.begin_string();
    encode(m, scratch_);
    w.end_string(mark);
    append_output(scratch_);
    return id;
}

template <class E>
request_id client::send_extended(awaited reply, const E& e) {
    extended_scratch_.clear();
    wire::writer w(extended_scratch_);
    put_fields(e, w);
    return send(reply, fxp_extended{0, E::name, {extended_scratch_}});
}

template <class M>
result<request_id> client::on_paths(awaited reply, std::initializer_list<std::string_view> paths,
                                    M m) {
    if (const auto may = refusal(); !may) return may.error();
    for (const auto path : paths)
        if (const auto good = check_path(path); !good) return good.error();
    return send(reply, m);
}

template <class M>
result<request_id> client::on_handle(awaited reply, remote_handle handle, M m) {
    if (const auto may = refusal(); !may) return may.error();
    const std::string* const text = find(handle);
    if (text == nullptr) return errc::bad_value;
    m.handle = as_bytes(*text);
    return send(reply, m);
}

template <class E>
result<request_id> client::extended(awaited reply, std::initializer_list<std::string_view> paths,
                                    const E& e) {
    if (const auto may = refusal(); !may) return may.error();
    if (!supports<E>()) return errc::sftp_unsupported;
    for (const auto path : paths)
        if (const auto good = check_path(path); !good) return good.error();
    return send_extended(reply, e);
}

template <class E>
result<request_id> client::extended(awaited reply, remote_handle handle, E e) {
    const std::string* const text = find(handle);
    if (text == nullptr && !error_) return errc::bad_value;
    if (text != nullptr) e.handle = as_bytes(*text);
    return extended(reply, {}, e);
}

// Nobody waits for the answer but us.
void client::ask_for_limits() {
    find_slot(static_cast<std::uint32_t>(send_extended(awaited::limits, ext_limits{})))->forgotten =
        true;
}

// --- handles ----------------------------------------------------------------------------------

result<request_id> client::open(std::string_view path, std::uint32_t pflags,
                                const attributes& attrs) {
    if (handles_open() + opens_in_flight_ >= limits::sftp_handles_max) return errc::limit_reached;
    return on_paths(awaited::handle, {path}, fxp_open{0, path, pflags, attrs});
}

result<request_id> client::opendir(std::string_view path) {
    if (handles_open() + opens_in_flight_ >= limits::sftp_handles_max) return errc::limit_reached;
    return on_paths(awaited::handle, {path}, fxp_opendir{0, path});
}

result<request_id> client::close(remote_handle handle) {
    if (const auto may = refusal(true); !may) return may.error();
    if (find(handle) == nullptr) return errc::bad_value;
    return send_close(handle);
}

request_id client::send_close(remote_handle handle) {
    const auto index = static_cast<std::uint32_t>(static_cast<std::uint64_t>(handle) >> 32);
    handle_entry& h = handles_[index];
    const request_id id = send(awaited::ok, fxp_close{0, as_bytes(h.text)});
    h.open = false;
    free_handles_.push_back(index);
    return id;
}

result<request_id> client::read(remote_handle handle, std::uint64_t offset, std::uint32_t length) {
    length = std::min(length, static_cast<std::uint32_t>(limits::sftp_data_length_max));
    const auto id = on_handle(awaited::data, handle, fxp_read{0, {}, offset, length});
    if (id) find_slot(static_cast<std::uint32_t>(*id))->length = length;
    return id;
}

wire::buffer client::write_buffer(std::size_t length) {
    wire::buffer b(write_header_room + length);
    b.commit(write_header_room);
    return b;
}

std::size_t client::write_length(const wire::buffer& data) {
    expects(data.size() >= write_header_room);
    return data.size() - write_header_room;
}

// The header goes right in front of the data, which stays where it is.
result<request_id> client::write(remote_handle handle, std::uint64_t offset, wire::buffer data) {
    const std::size_t length = write_length(data);
    if (const auto may = refusal(); !may) return may.error();
    if (length > write_length_max_) return errc::too_long;
    const std::string* const text = find(handle);
    if (text == nullptr) return errc::bad_value;
    const request_id id = add_slot(awaited::ok);
    find_slot(static_cast<std::uint32_t>(id))->length = static_cast<std::uint32_t>(length);
    data.consume(write_header_room - (write_header_fixed + text->size()));
    cursor w(data.span().data());
    w.u32(data.size() - 4);
    w.u8(fxp_write::number);
    w.u32(static_cast<std::uint32_t>(id));
    w.text(*text);
    w.u64(offset);
    w.u32(length);
    output_bytes_ += data.size();
    output_.push(std::move(data));
    return id;
}

// --- paths and what is known of files --------------------------------------------------------

result<request_id> client::stat(std::string_view path) {
    return on_paths(awaited::attrs, {path}, fxp_stat{0, path});
}

result<request_id> client::lstat(std::string_view path) {
    return on_paths(awaited::attrs, {path}, fxp_lstat{0, path});
}

result<request_id> client::fstat(remote_handle handle) {
    return on_handle(awaited::attrs, handle, fxp_fstat{});
}

result<request_id> client::setstat(std::string_view path, const attributes& attrs) {
    return on_paths(awaited::ok, {path}, fxp_setstat{0, path, attrs});
}

result<request_id> client::fsetstat(remote_handle handle, const attributes& attrs) {
    return on_handle(awaited::ok, handle, fxp_fsetstat{0, {}, attrs});
}

result<request_id> client::readdir(remote_handle handle) {
    return on_handle(awaited::names, handle, fxp_readdir{});
}

result<request_id> client::remove(std::string_view path) {
    return on_paths(awaited::ok, {path}, fxp_remove{0, path});
}

result<request_id> client::mkdir(std::string_view path, const attributes& attrs) {
    return on_paths(awaited::ok, {path}, fxp_mkdir{0, path, attrs});
}

result<request_id> client::rmdir(std::string_view path) {
    return on_paths(awaited::ok, {path}, fxp_rmdir{0, path});
}

result<request_id> client::realpath(std::string_view path) {
    return on_paths(awaited::name, {path}, fxp_realpath{0, path});
}

result<request_id> client::rename(std::string_view oldpath, std::string_view newpath) {
    return on_paths(awaited::ok, {oldpath, newpath}, fxp_rename{0, oldpath, newpath});
}

result<request_id> client::readlink(std::string_view path) {
    return on_paths(awaited::name, {path}, fxp_readlink{0, path});
}

result<request_id> client::symlink(std::string_view targetpath, std::string_view linkpath) {
    return on_paths(awaited::ok, {targetpath, linkpath}, fxp_symlink{0, targetpath, linkpath});
}

// --- extensions -------------------------------------------------------------------------------

result<request_id> client::posix_rename(std::string_view oldpath, std::string_view newpath) {
    return extended(awaited::ok, {oldpath, newpath}, ext_posix_rename{oldpath, newpath});
}

result<request_id> client::statvfs(std::string_view path) {
    return extended(awaited::statvfs, {path}, ext_statvfs{path});
}

result<request_id> client::fstatvfs(remote_handle handle) {
    return extended(awaited::statvfs, handle, ext_fstatvfs{});
}

result<request_id> client::hardlink(std::string_view oldpath, std::string_view newpath) {
    return extended(awaited::ok, {oldpath, newpath}, ext_hardlink{oldpath, newpath});
}

result<request_id> client::fsync(remote_handle handle) {
    return extended(awaited::ok, handle, ext_fsync{});
}

result<request_id> client::lsetstat(std::string_view path, const attributes& attrs) {
    return extended(awaited::ok, {path}, ext_lsetstat{path, attrs});
}

result<request_id> client::expand_path(std::string_view path) {
    return extended(awaited::name, {path}, ext_expand_path{path});
}

result<request_id> client::copy_data(remote_handle from, std::uint64_t from_offset,
                                     std::uint64_t length, remote_handle to,
                                     std::uint64_t to_offset) {
    const std::string* const source = find(from);
    const std::string* const target = find(to);
    if (!error_ && (source == nullptr || target == nullptr)) return errc::bad_value;
    ext_copy_data e{{}, from_offset, length, {}, to_offset};
    if (source != nullptr) e.read_from_handle = as_bytes(*source);
    if (target != nullptr) e.write_to_handle = as_bytes(*target);
    return extended(awaited::ok, {}, e);
}

result<request_id> client::home_directory(std::string_view username) {
    return extended(awaited::name, {username}, ext_home_directory{username});
}

result<request_id> client::users_groups(std::span<const std::uint32_t> uids,
                                        std::span<const std::uint32_t> gids) {
    if (uids.size() > limits::sftp_ids_max || gids.size() > limits::sftp_ids_max)
        return errc::too_long;
    const auto encoded = [](std::span<const std::uint32_t> ids) {
        bytes out;
        wire::writer w(out);
        for (const auto id : ids)
            w.write(id);
        return out;
    };
    const bytes users = encoded(uids);
    const bytes groups = encoded(gids);
    const auto id = extended(awaited::users_groups, {}, ext_users_groups_by_id{users, groups});
    if (id) {
        slot& s = *find_slot(static_cast<std::uint32_t>(*id));
        s.length = static_cast<std::uint32_t>(uids.size());
        s.gids = static_cast<std::uint32_t>(gids.size());
    }
    return id;
}

}  // namespace sluice::sftp
