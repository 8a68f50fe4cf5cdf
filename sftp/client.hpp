#pragma once

#include "sluice/sftp/attributes.hpp"
#include "sluice/sftp/extensions.hpp"
#include "sluice/sftp/fifo.hpp"
#include "sluice/sftp/framing.hpp"
#include "sluice/sftp/names_reply.hpp"
#include "sluice/sftp/operations.hpp"
#include "sluice/wire/buffer.hpp"
#include "sluice/wire/bytes.hpp"
#include "sluice/wire/error.hpp"

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace sluice::sftp {

/// Names a request of one client until its outcome was taken. Never 0.
enum class request_id : std::uint32_t {};

/// A file or directory that the server opened for us. One that was closed never names its
/// successor.
enum class remote_handle : std::uint64_t {};

/// What a request came to: an error, or what was asked for.
struct outcome {
    using reply = std::variant<std::monostate,  // nothing but success
                               remote_handle,   // open, opendir
                               wire::buffer,    // read: the data, at least a byte
                               attributes,      // stat, lstat, fstat
                               names_reply,     // readdir
                               std::string,     // realpath, readlink, expand_path, home_directory
                               statvfs_reply,   // statvfs, fstatvfs
                               id_names>;       // users_groups

    request_id id{};
    error_code error;
    /// What the server said beside its error: at most limits::sftp_error_text_max printable ASCII
    /// characters, what is none being '?'. For people, never to decide upon.
    std::string text;
    reply value;
};

/// What became of a session, seen from the client.
struct client_report {
    std::uint64_t requests_made = 0;        // with those that the client makes by itself
    std::uint64_t requests_answered = 0;    // also by an error, or to nobody's interest
    std::uint64_t requests_unanswered = 0;  // when the session ended
    std::uint64_t bytes_read = 0;           // of files, received
    std::uint64_t bytes_written = 0;        // to files, acknowledged
    std::uint64_t handles_left_open = 0;    // when the session ended

    bool operator==(const client_report&) const = default;
};

/// The client side of one SFTP session, version 3 (draft-ietf-secsh-filexfer-02), sans I/O.
///
/// Stream bytes go in by `receive`; `next_output` yields what goes to the server. Each request is
/// a call that gives its id, and comes back once by `next_outcome`, in the order of the replies,
/// unless it was forgotten. After each call there may be output and outcomes.
///
/// A request is refused with unexpected_message before `ready()`, channel_closed after `end()`,
/// queue_full while there is no `room()`, sftp_unsupported for an extension that the server did
/// not announce, too_long or sftp_no_such_file for a path that cannot be (see check_path),
/// bad_value for a handle that is not open, limit_reached for more than limits::sftp_handles_max
/// handles; with `error()` when the session has failed.
class client {
public:
    client();

    // --- the stream ---

    /// Takes all of `data`, the next bytes of the server's stream. Ignored after the end.
    void receive(bytes_view data);

    /// Bytes of the stream that were worked off since the last call: credit for the window.
    std::size_t take_consumed();

    /// The next chunk for the server; empty when there is none now.
    wire::buffer next_output();
    bool has_output() const { return !output_.empty(); }

    /// No request will be made any more. Those made are answered, and what `forget` has to close is
    /// closed.
    void end();

    /// After `end`: every reply has arrived. OpenSSH's server drops what it was asked before an
    /// EOF, so ours never comes earlier.
    bool may_send_eof() const;

    /// The server's stream has ended, in what way it may. What is not answered fails with `error`;
    /// channel_closed stands for none.
    void on_stream_end(error_code error);

    // --- the session ---

    /// VERSION has arrived.
    bool ready() const { return phase_ == phase::serving; }
    bool over() const { return phase_ == phase::over; }

    /// Why the session failed. By a breach of the protocol:
    ///
    /// too_long: a packet above limits::sftp_packet_length_max, a handle above 256 bytes, too many
    /// names; bad_value: an empty packet, a handle of none, more data or other names than asked for
    /// or fewer than announced; truncated: what does not decode; unsupported_version: not version
    /// 3; unexpected_message: a reply to nothing, of the wrong type, or a second VERSION.
    error_code error() const { return error_; }

    /// More requests are welcome: limits::sftp_client_requests_max in flight or with outcomes that
    /// nobody has taken, and sftp_client_output_max bytes to send, are enough. `close` needs none.
    bool room() const;

    template <class Extension>
    bool supports() const {
        return extensions_.test(extension_index<Extension>());
    }

    /// Bytes that one READ is answered with, and one WRITE may have, as limits@openssh.com says;
    /// 32 KiB where a server does not, which all can do (draft-02 §3).
    std::uint32_t read_length_max() const { return read_length_max_; }
    std::uint32_t write_length_max() const { return write_length_max_; }

    std::size_t requests_in_flight() const { return in_flight_; }
    std::size_t handles_open() const { return handles_.size() - free_handles_.size(); }
    client_report report() const;

    // --- requests; `outcome::reply` says what they yield ---

    result<request_id> open(std::string_view path, std::uint32_t pflags,
                            const attributes& attrs = {});
    /// The handle is gone at once, whatever the server says.
    result<request_id> close(remote_handle handle);
    /// Up to `length` bytes (at most limits::sftp_data_length_max), or sftp_eof.
    result<request_id> read(remote_handle handle, std::uint64_t offset, std::uint32_t length);
    /// `data` is a `write_buffer` with at most `write_length_max()` bytes added, too_long if more.
    result<request_id> write(remote_handle handle, std::uint64_t offset, wire::buffer data);
    result<request_id> stat(std::string_view path);
    result<request_id> lstat(std::string_view path);
    result<request_id> fstat(remote_handle handle);
    result<request_id> setstat(std::string_view path, const attributes& attrs);
    result<request_id> fsetstat(remote_handle handle, const attributes& attrs);
    result<request_id> opendir(std::string_view path);
    /// The next entries, or sftp_eof.
    result<request_id> readdir(remote_handle handle);
    result<request_id> remove(std::string_view path);
    result<request_id> mkdir(std::string_view path, const attributes& attrs = {});
    result<request_id> rmdir(std::string_view path);
    result<request_id> realpath(std::string_view path);
    /// Fails where `newpath` exists; `posix_rename` replaces it.
    result<request_id> rename(std::string_view oldpath, std::string_view newpath);
    result<request_id> readlink(std::string_view path);
    result<request_id> symlink(std::string_view targetpath, std::string_view linkpath);

    // Extensions (OpenSSH PROTOCOL 4).
    result<request_id> posix_rename(std::string_view oldpath, std::string_view newpath);
    result<request_id> statvfs(std::string_view path);
    result<request_id> fstatvfs(remote_handle handle);
    result<request_id> hardlink(std::string_view oldpath, std::string_view newpath);
    result<request_id> fsync(remote_handle handle);
    result<request_id> lsetstat(std::string_view path, const attributes& attrs);
    result<request_id> expand_path(std::string_view path);
    result<request_id> copy_data(remote_handle from, std::uint64_t from_offset,
                                 std::uint64_t length, remote_handle to, std::uint64_t to_offset);
    result<request_id> home_directory(std::string_view username);
    /// At most limits::sftp_ids_max of each, else too_long.
    result<request_id> users_groups(std::span<const std::uint32_t> uids,
                                    std::span<const std::uint32_t> gids);

    /// A buffer for `write`: room for `length` bytes of data behind that of the header.
    static wire::buffer write_buffer(std::size_t length);
    /// Bytes of data in such a buffer.
    static std::size_t write_length(const wire::buffer& data);

    // --- outcomes ---

    std::optional<outcome> next_outcome();

    /// A number for an array of those who wait: below `indices`, and no other request's until the
    /// outcome was taken or is forgotten.
    static std::size_t index_of(request_id id);
    static constexpr std::size_t indices = 4096;

    /// Nobody waits for this outcome any more; it does not come. What a forgotten open or opendir
    /// opened is closed. An id that is not known, or known no more, is ignored.
    void forget(request_id id);

private:
    enum class phase {
        awaiting_version,
        serving,
        ending,  // no more requests
        over,
    };
    // What a reply other than an error has to be.
    enum class awaited : std::uint8_t {
        ok,
        handle,
        data,
        attrs,
        names,
        name,  // a NAME of one
        statvfs,
        limits,
        users_groups,
    };
    // One request, until its outcome was taken.
    struct slot {
        bool used = false;       // in flight
        bool forgotten = false;  // or our own: nobody hears of it
        awaited reply = awaited::ok;
        std::uint32_t generation = 0;
        std::uint32_t length = 0;  // bytes, of a read or write; of users_groups, uids
        std::uint32_t gids = 0;
    };
    struct handle_entry {
        bool open = false;
        std::uint32_t generation = 0;
        std::string text;  // as the server gave it
    };

    result<> refusal(bool closing = false) const;
    const std::string* find(remote_handle handle) const;
    request_id add_slot(awaited reply);
    slot* find_slot(std::uint32_t id);
    void release(request_id id) { free_slots_.push_back(static_cast<std::uint32_t>(index_of(id))); }
    template <class M>
    request_id send(awaited reply, M m);
    template <class E>
    request_id send_extended(awaited reply, const E& e);
    template <class M>
    result<request_id> on_paths(awaited reply, std::initializer_list<std::string_view> paths, M m);
    template <class M>
    result<request_id> on_handle(awaited reply, remote_handle handle, M m);
    template <class E>
    result<request_id> extended(awaited reply, std::initializer_list<std::string_view> paths,
                                const E& e);
    template <class E>
    result<request_id> extended(awaited reply, remote_handle handle, E e);
    request_id send_close(remote_handle handle);
    void ask_for_limits();
    void append_output(bytes_view packet);

    void on_packet(wire::buffer packet);
    void on_version(bytes_view packet);
    error_code on_reply(wire::buffer& packet);
    error_code on_status(const slot& s, bytes_view packet, outcome& out);
    error_code on_value(const slot& s, wire::buffer& packet, outcome& out);
    error_code on_handle_reply(bytes_view packet, outcome& out);
    error_code on_data(const slot& s, wire::buffer& packet, outcome& out);
    error_code on_names(wire::buffer& packet, outcome& out);
    error_code on_name(bytes_view packet, outcome& out) const;
    error_code on_extended(const slot& s, bytes_view packet, outcome& out);
    static error_code on_users_groups(const slot& s, bytes_view data, outcome& out);
    void on_limits(const limits_reply& limits);
    void deliver(outcome out, bool forgotten);
    void fail(error_code error);

    phase phase_ = phase::awaiting_version;
    bool ended_early_ = false;  // `end` came before VERSION
    error_code error_;
    extension_set extensions_;
    std::uint32_t read_length_max_;
    std::uint32_t write_length_max_;

    packet_assembler assembler_;
    std::size_t consumed_ = 0;

    std::vector<slot> slots_;
    std::vector<std::uint32_t> free_slots_;
    std::size_t in_flight_ = 0;
    std::size_t opens_in_flight_ = 0;
    std::vector<handle_entry> handles_;
    std::vector<std::uint32_t> free_handles_;

    fifo<outcome> outcomes_;
    fifo<wire::buffer> output_;
    std::size_t output_bytes_ = 0;
    bytes scratch_;
    bytes extended_scratch_;

    client_report report_;
};

}  // namespace sluice::sftp
