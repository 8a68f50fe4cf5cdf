// Every SFTP request, response and extension from hostile bytes: what decodes encodes to something
// that decodes and encodes to the same bytes again. A byte behind the last field changes nothing,
// but where the last field is all that is left. The input is one packet without its length.

#include "sluice/fuzz/fuzz.hpp"
#include "sluice/sftp/codec.hpp"
#include "sluice/sftp/extensions.hpp"
#include "sluice/sftp/path.hpp"
#include "sluice/sftp/requests.hpp"
#include "sluice/sftp/responses.hpp"

#include <variant>

using namespace sluice;
using namespace sluice::sftp;

namespace {

template <class M>
void round_trip(bytes_view packet) {
    const auto m = decode<M>(packet);
    if (!m) return;
    bytes once;
    encode(*m, once);
    expects(once.size() <= packet.size());
    const auto n = decode<M>(once);
    expects(n.has_value());
    bytes twice;
    encode(*n, twice);
    expects(once == twice);

    bytes longer = once;
    longer.push_back(0);
    const auto o = decode<M>(longer);
    expects(o.has_value());
    bytes again;
    encode(*o, again);
    expects(again == once || again == longer);
}

template <class... M>
void round_trips(bytes_view packet) {
    (round_trip<M>(packet), ...);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const bytes_view packet{data, size};
    round_trips<fxp_init, fxp_open, fxp_close, fxp_read, fxp_write, fxp_lstat, fxp_fstat,
                fxp_setstat, fxp_fsetstat, fxp_opendir, fxp_readdir, fxp_remove, fxp_mkdir,
                fxp_rmdir, fxp_realpath, fxp_stat, fxp_rename, fxp_readlink, fxp_symlink,
                fxp_extended>(packet);
    round_trips<fxp_version, fxp_status, fxp_handle, fxp_data, fxp_name, fxp_attrs,
                fxp_extended_reply>(packet);
    if (const auto m = decode<fxp_extended>(packet)) {
        extension e;
        if (!decode_extension(m->extended_request, m->data.data, e)) {
            bytes out;
            wire::writer w(out);
            std::visit([&w](const auto& request) { put_fields(request, w); }, e);
            expects(out.size() <= m->data.data.size());
        }
    }
    if (const auto m = decode<fxp_stat>(packet)) {
        const std::string path = canonical_path(m->path);
        expects(path.front() == '/' && canonical_path(path) == path);
        expects(path.find("//") == std::string::npos && !path.ends_with("/.."));
        expects(split(m->path).directory.size() + split(m->path).name.size() <= m->path.size());
    }
    return 0;
}
