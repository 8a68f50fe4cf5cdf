#include "sluice/auth/login_names.hpp"

#include <cstddef>

namespace sluice {

bool is_login_name(std::string_view name) {
    if (name.empty() || name.front() == '-') return false;
    for (std::size_t i = 0; i < name.size(); ++i) {
        const auto c = static_cast<unsigned char>(name[i]);
        if (c < 0x20 || c == 0x7f) return false;
        // U+0080 to U+009F.
        const bool c1 = c == 0xc2 && i + 1 < name.size() &&
                        static_cast<unsigned char>(name[i + 1]) >= 0x80 &&
                        static_cast<unsigned char>(name[i + 1]) <= 0x9f;
        if (c1) return false;
    }
    return true;
}

bool is_login_host(std::string_view host) {
    return is_login_name(host) && host.find(' ') == std::string_view::npos;
}

}  // namespace sluice
