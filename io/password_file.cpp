#include "sluice/io/password_file.hpp"

#include "sluice/wire/limits.hpp"
#include "sluice/wire/secret.hpp"

#include <crypt.h>

#include <algorithm>
#include <cstring>
#include <memory>

namespace sluice {
namespace {

bool is_locked(std::string_view hash) {
    return hash.empty() || hash.front() == '!' || hash.front() == '*';
}

// crypt(3) with its 32 KiB of state on the heap, wiped; empty when libcrypt refuses.
std::string hash_of(const std::string& password, const std::string& setting) {
    const auto data = std::make_unique<crypt_data>();
    const char* hash = ::crypt_r(password.c_str(), setting.c_str(), data.get());
    // A failure token begins with *, so that it equals no hash.
    std::string text = hash != nullptr && hash[0] != '*' ? hash : "";
    wipe({reinterpret_cast<std::uint8_t*>(data.get()), sizeof *data});
    return text;
}

// Where there is no hash to imitate: the strongest that libcrypt has, with a salt of zeros.
std::string default_setting() {
    const char zeros[16] = {};
    crypt_data data{};
    const char* setting =
        ::crypt_gensalt_rn(nullptr, 0, zeros, sizeof zeros, data.output, sizeof data.output);
    return setting != nullptr ? setting : "";
}

}  // namespace

result<password_file> password_file::parse(std::string_view text, std::size_t* bad_line) {
    if (text.size() > limits::policy_file_length_max) return errc::too_long;
    password_file file;
    for (std::size_t number = 1; !text.empty(); ++number) {
        if (bad_line != nullptr) *bad_line = number;
        const auto end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (line.find_first_not_of(" \t") == std::string_view::npos || line.front() == '#')
            continue;
        if (line.size() > limits::policy_line_length_max) return errc::too_long;

        const auto colon = line.find(':');
        if (colon == 0 || colon == std::string_view::npos) return errc::bad_config;
        if (colon > limits::user_name_length_max) return errc::too_long;
        const std::string_view rest = line.substr(colon + 1);
        std::string hash(rest.substr(0, rest.find(':')));
        if (is_locked(hash))
            hash.clear();
        else if (::crypt_checksalt(hash.c_str()) != CRYPT_SALT_OK ||
                 hash.find('\0') != std::string::npos)
            return errc::bad_config;
        if (!hash.empty()) file.stand_ins_.push_back(hash);
        if (!file.hashes_.emplace(line.substr(0, colon), std::move(hash)).second)
            return errc::bad_config;
    }
    if (file.stand_ins_.empty()) file.stand_ins_.push_back(default_setting());
    return file;
}

bool password_file::check(std::string_view user, bytes_view password) const {
    const auto found = hashes_.find(user);
    const bool usable = found != hashes_.end() && !found->second.empty();
    // Whoever is not there or is locked costs what some user costs, and the same one each time.
    const std::string& setting = usable ? found->second : stand_in(user);

    // crypt() stops at a NUL, so a password that holds one is hashed and then refused; so is an
    // empty one, whose hash may stand in the file (PermitEmptyPasswords is "no").
    std::string text(as_text(password));
    const bool whole = text.find('\0') == std::string::npos;
    const std::string hash = hash_of(text, setting);
    wipe({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
    const bool equal = equal_in_constant_time(as_bytes(hash), as_bytes(setting));
    return usable && whole && !password.empty() && !hash.empty() && equal;
}

const std::string& password_file::stand_in(std::string_view user) const {
    return stand_ins_[std::hash<std::string_view>()(user) % stand_ins_.size()];
}

}  // namespace sluice
