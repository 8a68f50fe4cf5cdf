// From a packet to an operation: what each request needs, touches and may not do.

#include "sluice/sftp/codec.hpp"
#include "sluice/sftp/extensions.hpp"
#include "sluice/sftp/path.hpp"
#include "sluice/sftp/request_names.hpp"
#include "sluice/sftp/requests.hpp"
#include "sluice/sftp/responses.hpp"
#include "sluice/sftp/server.hpp"
#include "sluice/wire/limits.hpp"

#include <algorithm>
#include <functional>
#include <type_traits>

namespace sluice::sftp {
namespace {

using access = footprint::access;
using path_use = footprint::path_use;

constexpr std::uint32_t changing_pflags = fxf_write | fxf_append | fxf_creat | fxf_trunc;

std::uint64_t end_of(std::uint64_t offset, std::uint64_t length) {
    return offset + std::min(length, footprint::to_the_end - offset);
}

// Goes on with what the client has open; everything else is new work.
template <class M>
constexpr bool is_on_handle = requires(M m) {
    m.handle;
}
|| requires(M m) { m.read_from_handle; };

footprint on_path(path_use use, std::uint64_t key = 0) {
    footprint f;
    f.path = use;
    f.path_key = key;
    return f;
}

}  // namespace

/// Decodes one request and puts it in flight, or answers it at once.
class server::admission {
public:
    admission(server& owner, wire::buffer packet)
        : server_(owner), packet_(std::move(packet)), view_(packet_.view()) {}

    void run();

private:
    enum class effect { none, changes };

    template <class M>
    void decoded() {
        const auto m = decode<M>(view_);
        if (!m) return refuse(m.error());
        admit(*m);
    }

    template <class M>
    void admit(const M& m) {
        constexpr bool decides_later = std::is_same_v<M, fxp_extended>;
        if (server_.refuses_new_work() && !is_on_handle<M> && !decides_later)
            return server_.refuse_new_work(id_);
        if (!decides_later && !is_permitted<M>()) return refuse(status_code::permission_denied);
        if constexpr (requires { m.attrs; })
            if (m.attrs.unknown_flags != 0) return refuse(errc::bad_value);
        on(m);
    }

    template <class M>
    bool is_permitted() const {
        if (!server_.config_.permits) return true;
        if constexpr (requires { M::name; })
            return server_.config_.permits(request_name(M::name));
        else
            return server_.config_.permits(request_name(M::number));
    }

    void on(const fxp_open& m);
    void on(const fxp_close& m);
    void on(const fxp_read& m);
    void on(const fxp_write& m);
    void on(const fxp_lstat& m) { stat(m.path, false); }
    void on(const fxp_stat& m) { stat(m.path, true); }
    void on(const fxp_fstat& m);
    void on(const fxp_setstat& m) { setstat(m.path, m.attrs, true); }
    void on(const fxp_fsetstat& m);
    void on(const fxp_opendir& m);
    void on(const fxp_readdir& m);
    void on(const fxp_remove& m) { change({m.path}, op::remove{m.path}); }
    void on(const fxp_mkdir& m) { change({m.path}, op::mkdir{m.path, m.attrs}); }
    void on(const fxp_rmdir& m) { change({m.path}, op::rmdir{m.path}); }
    void on(const fxp_realpath& m) { look({m.path}, op::realpath{m.path}); }
    void on(const fxp_rename& m) {
        change({m.oldpath, m.newpath}, op::rename{m.oldpath, m.newpath, false});
    }
    void on(const fxp_readlink& m) { look({m.path}, op::readlink{m.path}); }
    void on(const fxp_symlink& m);
    void on(const fxp_extended& m);

    void on(const ext_posix_rename& m) {
        change({m.oldpath, m.newpath}, op::rename{m.oldpath, m.newpath, true});
    }
    void on(const ext_statvfs& m) { look({m.path}, op::statvfs{m.path}); }
    void on(const ext_fstatvfs& m);
    void on(const ext_hardlink& m) {
        change({m.oldpath, m.newpath}, op::hardlink{m.oldpath, m.newpath});
    }
    void on(const ext_fsync& m);
    void on(const ext_lsetstat& m) { setstat(m.path, m.attrs, false); }
    void on(const ext_limits& m);
    void on(const ext_expand_path& m) { look({m.path}, op::expand_path{m.path}); }
    void on(const ext_copy_data& m);
    void on(const ext_home_directory& m) { look({m.username}, op::home_directory{m.username}); }
    void on(const ext_users_groups_by_id& m);

    void stat(std::string_view path, bool follow);
    void setstat(std::string_view path, const attributes& attrs, bool follow);
    void look(std::initializer_list<std::string_view> paths, op::any what);
    void change(std::initializer_list<std::string_view> paths, op::any what);

    bool paths_good(std::initializer_list<std::string_view> paths);
    bool may_change();
    std::uint64_t key_of(std::string_view path);
    std::optional<std::uint32_t> find(bytes_view handle);
    std::optional<std::uint32_t> find_file(bytes_view handle);
    std::optional<std::uint32_t> find_writable(bytes_view handle);
    std::optional<std::uint32_t> new_handle();
    footprint::part on_handle(std::uint32_t index, access how, std::uint64_t begin = 0,
                              std::uint64_t end = footprint::to_the_end);

    void refuse(status_code code) { refuse(code, text_of(code)); }
    void refuse(status_code code, std::string_view text) { server_.refuse(id_, code, text); }
    void refuse(error_code error) { refuse(status_of(error), text_of(error)); }
    std::uint32_t add(op::any what, effect e = effect::none);
    void submit(std::uint32_t slot_index, const footprint& f) { server_.submit(slot_index, f); }
    void submit(std::uint32_t slot_index, const footprint::part& part,
                path_use path = path_use::none) {
        footprint f = on_path(path);
        f.parts[0] = part;
        server_.submit(slot_index, f);
    }

    server& server_;
    wire::buffer packet_;
    bytes_view view_;
    std::uint32_t id_ = 0;
};

void server::on_packet(wire::buffer packet) {
    if (phase_ == phase::awaiting_init) {
        const auto init = decode<fxp_init>(packet.view());
        if (!init) return fail(static_cast<errc>(init.error().value()));
        phase_ = phase::serving;
        // Whatever the client offers, version 3 is what it gets, as OpenSSH does: a client that
        // knows only less must leave.
        bytes list;
        put_extension_list(list);
        return reply(fxp_version{3, {list}});
    }
    admission(*this, std::move(packet)).run();
}

void server::admission::run() {
    if (view_.front() == fxp_init::number) return server_.fail(errc::unexpected_message);
    wire::reader r(view_.subspan(1));
    r.read(id_);
    if (r.error()) return server_.fail(errc::truncated);
    switch (view_.front()) {
    case fxp_open::number: return decoded<fxp_open>();
    case fxp_close::number: return decoded<fxp_close>();
    case fxp_read::number: return decoded<fxp_read>();
    case fxp_write::number: return decoded<fxp_write>();
    case fxp_lstat::number: return decoded<fxp_lstat>();
    case fxp_fstat::number: return decoded<fxp_fstat>();
    case fxp_setstat::number: return decoded<fxp_setstat>();
    case fxp_fsetstat::number: return decoded<fxp_fsetstat>();
    case fxp_opendir::number: return decoded<fxp_opendir>();
    case fxp_readdir::number: return decoded<fxp_readdir>();
    case fxp_remove::number: return decoded<fxp_remove>();
    case fxp_mkdir::number: return decoded<fxp_mkdir>();
    case fxp_rmdir::number: return decoded<fxp_rmdir>();
    case fxp_realpath::number: return decoded<fxp_realpath>();
    case fxp_stat::number: return decoded<fxp_stat>();
    case fxp_rename::number: return decoded<fxp_rename>();
    case fxp_readlink::number: return decoded<fxp_readlink>();
    case fxp_symlink::number: return decoded<fxp_symlink>();
    case fxp_extended::number: return decoded<fxp_extended>();
    }
    refuse(status_code::op_unsupported);
}

// --- helpers ----------------------------------------------------------------------------------

std::uint32_t server::admission::add(op::any what, effect e) {
    const std::uint32_t index = server_.add_slot();
    slot& s = server_.slots_[index];
    s.changes = e == effect::changes;
    s.request_id = id_;
    s.wire_size = 4 + view_.size();
    s.packet = std::move(packet_);
    s.what = std::move(what);
    return index;
}

bool server::admission::may_change() {
    if (!server_.config_.read_only) return true;
    refuse(status_code::permission_denied, "Read-only file system");
    return false;
}

bool server::admission::paths_good(std::initializer_list<std::string_view> paths) {
    for (const auto path : paths) {
        const auto good = check_path(path);
        if (good) continue;
        refuse(good.error());
        return false;
    }
    return true;
}

std::uint64_t server::admission::key_of(std::string_view path) {
    canonical_path(path, server_.path_scratch_);
    return std::hash<std::string_view>()(server_.path_scratch_) | 1;  // 0 means none
}

std::optional<std::uint32_t> server::admission::find(bytes_view handle) {
    if (handle.size() > limits::sftp_handle_length_max) {
        server_.fail(errc::too_long);
        return std::nullopt;
    }
    const auto index = server_.handles_.find(handle);
    if (!index) refuse(status_code::failure, "No such handle");
    return index;
}

std::optional<std::uint32_t> server::admission::find_file(bytes_view handle) {
    const auto index = find(handle);
    if (!index || !server_.handles_[*index].directory) return index;
    refuse(status_code::failure, "Is a directory");
    return std::nullopt;
}

std::optional<std::uint32_t> server::admission::find_writable(bytes_view handle) {
    const auto index = find_file(handle);
    if (!index || server_.handles_[*index].writable) return index;
    refuse(status_code::permission_denied, "Not open for writing");
    return std::nullopt;
}

std::optional<std::uint32_t> server::admission::new_handle() {
    const auto index = server_.handles_.reserve();
    if (!index) refuse(status_code::failure, "Too many open handles");
    return index;
}

footprint::part server::admission::on_handle(std::uint32_t index, access how, std::uint64_t begin,
                                             std::uint64_t end) {
    return {index, how, begin, end, server_.handles_[index].path_key};
}

void server::admission::look(std::initializer_list<std::string_view> paths, op::any what) {
    if (!paths_good(paths)) return;
    submit(add(std::move(what)), on_path(path_use::look));
}

void server::admission::change(std::initializer_list<std::string_view> paths, op::any what) {
    if (!may_change() || !paths_good(paths)) return;
    submit(add(std::move(what), effect::changes), on_path(path_use::change));
}

// --- handles ----------------------------------------------------------------------------------

void server::admission::on(const fxp_open& m) {
    if ((m.pflags & changing_pflags) != 0 && !may_change()) return;
    if (!paths_good({m.filename})) return;
    const auto index = new_handle();
    if (!index) return;
    open_handle& h = server_.handles_[*index];
    h.writable = (m.pflags & fxf_write) != 0;
    h.readable = (m.pflags & fxf_read) != 0 || !h.writable;
    h.append = (m.pflags & fxf_append) != 0;
    h.path_key = key_of(m.filename);
    const bool changes = (m.pflags & (fxf_creat | fxf_trunc)) != 0;
    const auto slot_index =
        add(op::open{m.filename, m.pflags, m.attrs}, changes ? effect::changes : effect::none);
    server_.slots_[slot_index].handle = *index;
    submit(slot_index, on_path(changes ? path_use::change : path_use::look,
                               (m.pflags & fxf_trunc) != 0 ? h.path_key : 0));
}

void server::admission::on(const fxp_opendir& m) {
    if (!paths_good({m.path})) return;
    const auto index = new_handle();
    if (!index) return;
    server_.handles_[*index].directory = true;
    const auto slot_index = add(op::opendir{m.path});
    server_.slots_[slot_index].handle = *index;
    submit(slot_index, on_path(path_use::look));
}

void server::admission::on(const fxp_close& m) {
    const auto index = find(m.handle);
    if (!index) return;
    open_handle& h = server_.handles_[*index];
    // "The handle becomes invalid immediately after this request has been sent" (§6.3).
    h.now = open_handle::state::closing;
    const auto slot_index = add(op::close{h.file, {}}, effect::changes);
    slot& s = server_.slots_[slot_index];
    s.handle = *index;
    s.closes = true;
    // What was written becomes visible at the latest now, so a rename or stat behind it waits.
    submit(slot_index, on_handle(*index, access::barrier),
           h.writable ? path_use::change : path_use::none);
}

void server::admission::on(const fxp_read& m) {
    const auto index = find_file(m.handle);
    if (!index) return;
    open_handle& h = server_.handles_[*index];
    if (!h.readable) return refuse(status_code::permission_denied, "Not open for reading");
    if (m.length == 0) return server_.reply(fxp_data{id_, {}});
    const auto length =
        static_cast<std::uint32_t>(std::min<std::size_t>(m.length, limits::sftp_data_length_max));
    const auto slot_index = add(op::read{h.file, m.offset, length, {}});
    slot& s = server_.slots_[slot_index];
    s.handle = *index;
    s.length = length;
    s.reply_reserve = length;
    submit(slot_index, on_handle(*index, access::read, m.offset, end_of(m.offset, length)));
}

void server::admission::on(const fxp_write& m) {
    const auto index = find_writable(m.handle);
    if (!index) return;
    open_handle& h = server_.handles_[*index];
    const std::size_t size = m.data.size();
    h.progress.begin(m.offset);
    const auto slot_index = add(op::write{h.file, m.offset, {}}, effect::changes);
    slot& s = server_.slots_[slot_index];
    s.handle = *index;
    s.offset = m.offset;
    s.length = size;
    s.write_number = ++server_.writes_seen_;
    server_.write_replies_.push({id_, {}});
    // The packet goes to the filesystem as it is, without what is not the data.
    s.packet.keep(m.data);
    std::get<op::write>(s.what).data = std::move(s.packet);
    submit(slot_index, h.append
                           ? on_handle(*index, access::write)
                           : on_handle(*index, access::write, m.offset, end_of(m.offset, size)));
}

void server::admission::on(const fxp_fstat& m) {
    const auto index = find_file(m.handle);
    if (!index) return;
    submit(add(op::fstat{server_.handles_[*index].file}), on_handle(*index, access::read));
}

void server::admission::on(const fxp_fsetstat& m) {
    const auto index = find_file(m.handle);
    if (!index || !may_change()) return;
    submit(add(op::fsetstat{server_.handles_[*index].file, m.attrs}, effect::changes),
           on_handle(*index, access::barrier));
}

void server::admission::on(const fxp_readdir& m) {
    const auto index = find(m.handle);
    if (!index) return;
    if (!server_.handles_[*index].directory) return refuse(status_code::failure, "Not a directory");
    const auto slot_index = add(op::readdir{server_.handles_[*index].file});
    server_.slots_[slot_index].reply_reserve = names_length_max;
    submit(slot_index, on_handle(*index, access::write), path_use::look);
}

// --- paths ------------------------------------------------------------------------------------

void server::admission::stat(std::string_view path, bool follow) {
    if (!paths_good({path})) return;
    const std::uint64_t key = key_of(path);
    submit(add(op::stat{path, follow}), on_path(path_use::look, key));
}

void server::admission::setstat(std::string_view path, const attributes& attrs, bool follow) {
    if (!may_change() || !paths_good({path})) return;
    const std::uint64_t key = key_of(path);
    submit(add(op::setstat{path, attrs, follow}, effect::changes), on_path(path_use::change, key));
}

void server::admission::on(const fxp_symlink& m) {
    op::symlink what{m.targetpath, m.linkpath};
    if (server_.config_.habits.has(client_habit::symlink_as_the_draft))
        std::swap(what.targetpath, what.linkpath);
    change({what.targetpath, what.linkpath}, what);
}

// --- extensions -------------------------------------------------------------------------------

void server::admission::on(const fxp_extended& m) {
    extension e;
    if (const error_code error = decode_extension(m.extended_request, m.data.data, e))
        return refuse(error);
    std::visit([this](const auto& request) { admit(request); }, e);
}

void server::admission::on(const ext_fsync& m) {
    const auto index = find_file(m.handle);
    if (!index) return;
    submit(add(op::fsync{server_.handles_[*index].file}, effect::changes),
           on_handle(*index, access::barrier));
}

void server::admission::on(const ext_fstatvfs& m) {
    const auto index = find(m.handle);
    if (!index) return;
    submit(add(op::fstatvfs{server_.handles_[*index].file}), on_handle(*index, access::read, 0, 0));
}

void server::admission::on(const ext_limits&) {
    bytes data;
    wire::writer w(data);
    put_fields(limits_reply{limits::sftp_packet_length_max, limits::sftp_data_length_max,
                            limits::sftp_data_length_max, limits::sftp_handles_max},
               w);
    server_.reply(fxp_extended_reply{id_, {data}});
}

void server::admission::on(const ext_copy_data& m) {
    const auto from = find_file(m.read_from_handle);
    if (!from) return;
    const auto to = find_writable(m.write_to_handle);
    if (!to || !may_change()) return;
    if (*from == *to) return refuse(status_code::invalid_parameter);  // PROTOCOL 4.10
    if (!server_.handles_[*from].readable)
        return refuse(status_code::permission_denied, "Not open for reading");
    const std::uint64_t length =
        m.read_data_length == 0 ? footprint::to_the_end : m.read_data_length;
    footprint f;
    f.parts[0] =
        on_handle(*from, access::read, m.read_from_offset, end_of(m.read_from_offset, length));
    f.parts[1] = server_.handles_[*to].append ? on_handle(*to, access::write)
                                              : on_handle(*to, access::write, m.write_to_offset,
                                                          end_of(m.write_to_offset, length));
    submit(add(op::copy_data{server_.handles_[*from].file, m.read_from_offset, m.read_data_length,
                             server_.handles_[*to].file, m.write_to_offset},
               effect::changes),
           f);
}

void server::admission::on(const ext_users_groups_by_id& m) {
    const auto numbers = [](bytes_view raw) -> result<std::vector<std::uint32_t>> {
        if (raw.size() % 4 != 0) return errc::truncated;
        if (raw.size() / 4 > limits::sftp_ids_max) return errc::too_long;
        std::vector<std::uint32_t> out(raw.size() / 4);
        wire::reader r(raw);
        for (auto& n : out)
            r.read(n);
        return out;
    };
    auto uids = numbers(m.uids);
    auto gids = numbers(m.gids);
    if (!uids) return refuse(uids.error());
    if (!gids) return refuse(gids.error());
    submit(add(op::users_groups{std::move(*uids), std::move(*gids)}), footprint());
}

}  // namespace sluice::sftp
