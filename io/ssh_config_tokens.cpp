#include "sluice/io/ssh_config_tokens.hpp"

#include "sluice/crypto/hash.hpp"
#include "sluice/wire/limits.hpp"

#include <algorithm>

namespace sluice {
namespace {

expansion_error fail(std::string text) { return {errc::bad_config, std::move(text)}; }

expansion_error too_long() { return {errc::too_long, "too long with what is expanded"}; }

std::string in_hexadecimal(bytes_view data) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    for (const std::uint8_t b : data) {
        text += digits[b >> 4];
        text += digits[b & 15];
    }
    return text;
}

// The variable that begins at the front with "${", which is taken from there.
expanded_text take_variable(std::string_view& text, const ssh_config_system& system) {
    const auto close = text.find('}');
    if (close == text.npos) return fail("a ${ that does not end");
    const std::string_view name = text.substr(2, close - 2);
    if (name.empty()) return fail("${} names no variable");
    const auto value = system.environment ? system.environment(name) : std::nullopt;
    if (!value) return fail("the variable " + std::string(name) + " is not set");
    text.remove_prefix(close + 1);
    return *value;
}

}  // namespace

ssh_config_tokens::ssh_config_tokens(const ssh_config& config, std::string_view host,
                                     const ssh_config_system& system)
    : system_(system) {
    const std::string port = std::to_string(config.port.value_or(22));
    const std::string user = config.user.value_or(system.local_user);
    const std::string joined = system.local_host + std::string(host) + port + user;
    values_ = {
        {'C', in_hexadecimal(crypto::digest(crypto::hash_kind::sha1, as_bytes(joined)))},
        {'d', system.home},
        {'h', std::string(host)},
        {'i', system.user_id},
        {'k', config.host_key_alias.value_or(config.host)},
        {'L', system.local_host.substr(0, system.local_host.find('.'))},
        {'l', system.local_host},
        {'n', config.host},
        {'p', port},
        {'r', user},
        {'T', "NONE"},  // the interface of a tunnel
        {'u', system.local_user},
    };
}

expanded_text ssh_config_tokens::percent(std::string_view text, std::string_view known) const {
    return replace(text, known, false);
}

expanded_text ssh_config_tokens::percent_and_environment(std::string_view text) const {
    return replace(text, usual, true);
}

expanded_text ssh_config_tokens::path(std::string_view text) const {
    const auto anchored = with_home(text, system_);
    if (!anchored) return anchored;
    return percent_and_environment(*anchored);
}

expanded_text ssh_config_tokens::replace(std::string_view text, std::string_view known,
                                         bool environment) const {
    std::string out;
    while (!text.empty()) {
        if (environment && text.starts_with("${")) {
            const auto value = take_variable(text, system_);
            if (!value) return value;
            out += *value;
        } else if (text.front() != '%') {
            out += text.front();
            text.remove_prefix(1);
        } else {
            if (text.size() == 1) return fail("a % at the end");
            const char token = text[1];
            const auto value =
                std::ranges::find(values_, token, &std::pair<char, std::string>::first);
            if (token == '%')
                out += '%';
            else if (known.find(token) == known.npos || value == values_.end())
                return fail("no token %" + std::string(1, token) + " here");
            else
                out += value->second;
            text.remove_prefix(2);
        }
        if (out.size() > limits::ssh_config_text_length_max) return too_long();
    }
    return out;
}

expanded_text with_environment(std::string_view text, const ssh_config_system& system) {
    std::string out;
    while (!text.empty()) {
        if (text.starts_with("${")) {
            const auto value = take_variable(text, system);
            if (!value) return value;
            out += *value;
        } else {
            out += text.front();
            text.remove_prefix(1);
        }
        if (out.size() > limits::ssh_config_text_length_max) return too_long();
    }
    return out;
}

expanded_text with_home(std::string_view path, const ssh_config_system& system) {
    if (!path.starts_with('~')) return std::string(path);
    path.remove_prefix(1);
    const auto slash = std::min(path.find('/'), path.size());
    const std::string user(path.substr(0, slash));
    path.remove_prefix(slash);
    std::string home = system.home;
    if (!user.empty()) {
        const auto found = system.home_of ? system.home_of(user) : std::nullopt;
        if (!found) return fail("no user " + user + " here");
        home = *found;
    }
    while (home.ends_with('/'))
        home.pop_back();
    // "~" alone is printed with its slash, as by ssh(1).
    return home + (path.empty() ? "/" : std::string(path));
}

}  // namespace sluice
