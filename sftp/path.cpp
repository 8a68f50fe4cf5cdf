#include "sluice/sftp/path.hpp"

#include "sluice/wire/limits.hpp"

namespace sluice::sftp {

result<> check_path(std::string_view path) {
    if (path.size() > limits::sftp_path_length_max) return errc::too_long;
    if (path.find('\0') != std::string_view::npos) return errc::sftp_no_such_file;
    return {};
}

void canonical_path(std::string_view path, std::string& out) {
    out.clear();
    while (!path.empty()) {
        const auto slash = path.find('/');
        const std::string_view component = path.substr(0, slash);
        path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
        if (component.empty() || component == ".") continue;
        if (component == "..") {
            const auto last = out.rfind('/');
            if (last != std::string::npos) out.resize(last);
            continue;
        }
        out += '/';
        out += component;
    }
    if (out.empty()) out = "/";
}

std::string canonical_path(std::string_view path) {
    std::string out;
    canonical_path(path, out);
    return out;
}

split_path split(std::string_view path) {
    split_path parts;
    while (!path.empty() && path.back() == '/') {
        path.remove_suffix(1);
        parts.trailing_slash = true;
    }
    const auto slash = path.rfind('/');
    if (slash == std::string_view::npos) {
        parts.name = path;
    } else {
        parts.directory = path.substr(0, slash);
        parts.name = path.substr(slash + 1);
    }
    return parts;
}

}  // namespace sluice::sftp
