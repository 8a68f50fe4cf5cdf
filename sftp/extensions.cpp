#include "sluice/sftp/extensions.hpp"

#include <utility>

namespace sluice::sftp {
namespace {

template <class F, std::size_t... I>
void for_each_extension(F&& f, std::index_sequence<I...>) {
    (f.template operator()<std::variant_alternative_t<I, extension>>(), ...);
}

template <class F>
void for_each_extension(F&& f) {
    for_each_extension(f, std::make_index_sequence<std::variant_size_v<extension>>());
}

}  // namespace

error_code decode_extension(std::string_view name, bytes_view data, extension& out) {
    error_code outcome = errc::sftp_unsupported;
    for_each_extension([&]<class E>() {
        if (name == E::name) outcome = get_fields(data, out.emplace<E>());
    });
    return outcome;
}

void put_extension_list(bytes& out) {
    wire::writer w(out);
    for_each_extension([&w]<class E>() {
        w.write(E::name);
        w.write(E::version);
    });
}

result<extension_set> read_extension_list(bytes_view pairs) {
    extension_set found;
    wire::reader r(pairs);
    while (!r.at_end()) {
        std::string_view name;
        std::string_view version;
        r.read(name);
        r.read(version);
        if (r.error()) return r.error();
        for_each_extension([&]<class E>() {
            if (name == E::name && version == E::version) found.set(extension_index<E>());
        });
    }
    return found;
}

}  // namespace sluice::sftp
