#include "sluice/auth/known_hosts.hpp"

#include "sluice/auth/address_patterns.hpp"
#include "sluice/auth/policy_line.hpp"
#include "sluice/crypto/base64.hpp"
#include "sluice/crypto/hmac.hpp"
#include "sluice/crypto/signature_algorithms.hpp"
#include "sluice/wire/limits.hpp"
#include "sluice/wire/reader.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <iterator>

namespace sluice {
namespace {

constexpr std::string_view blanks = " \t";
constexpr std::string_view hash_magic = "|1|";
constexpr std::string_view revoked_marker = "@revoked";
constexpr std::string_view unread_fault = "a line that revokes a key cannot be read";
constexpr std::size_t salt_length = crypto::hash_size(crypto::hash_kind::sha1);  // bytes

std::string lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return out;
}

std::string_view take_word(std::string_view& text) {
    text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
    const std::string_view word = text.substr(0, text.find_first_of(blanks));
    text.remove_prefix(word.size());
    return word;
}

bytes hash_of(bytes_view salt, std::string_view name) {
    bytes hash(crypto::hash_size(crypto::hash_kind::sha1));
    crypto::hmac mac(crypto::hash_kind::sha1, salt);
    mac.begin();
    mac.update(as_bytes(name));
    mac.finish(hash);
    return hash;
}

bool is_key_type(std::string_view name) {
    return std::ranges::any_of(crypto::signature_algorithms(),
                               [&](const auto& a) { return a.key_type == name; });
}

// What is in the file for a name must be that name: no pattern, no second field.
bool means_itself(std::string_view host) {
    if (host.empty()) return false;
    return std::ranges::all_of(host, [](char c) {
        return c > ' ' && c != '\x7f' &&
               std::string_view(",*?!|#@[]\"").find(c) == std::string::npos;
    });
}

bool is_revocation(std::string_view line) {
    return equal_ignoring_case(take_word(line), revoked_marker);
}

std::string line_of(std::string_view name, const crypto::public_key& key) {
    return std::string(name) + ' ' + key.line() + '\n';
}

}  // namespace

std::string known_hosts_name(std::string_view host, std::uint16_t port) {
    const std::string name = lower(host);
    return port == ssh_port ? name : '[' + name + "]:" + std::to_string(port);
}

result<std::string> known_hosts_line(std::string_view host, std::uint16_t port,
                                     const crypto::public_key& key) {
    if (!means_itself(host)) return errc::bad_value;
    return line_of(known_hosts_name(host, port), key);
}

result<std::string> hashed_known_hosts_line(std::string_view host, std::uint16_t port,
                                            const crypto::public_key& key,
                                            crypto::random_source& random) {
    if (!means_itself(host)) return errc::bad_value;
    std::array<std::uint8_t, salt_length> salt{};
    random.fill(salt);
    const bytes hash = hash_of(salt, known_hosts_name(host, port));
    return line_of(
        std::string(hash_magic) + crypto::to_base64(salt) + '|' + crypto::to_base64(hash), key);
}

// --- parsing ------------------------------------------------------------------------------------

result<known_hosts> known_hosts::parse(std::string_view text) {
    if (text.size() > limits::known_hosts_length_max) return errc::too_long;
    known_hosts list;
    for (std::size_t number = 1; !text.empty(); ++number) {
        const auto end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.ends_with('\r')) line.remove_suffix(1);
        line.remove_prefix(std::min(line.find_first_not_of(blanks), line.size()));
        if (line.empty() || line.front() == '#') continue;
        auto parsed = parse_line(line);
        if (parsed) {
            parsed->line = number;
            list.entries_.push_back(std::move(*parsed));
            continue;
        }
        if (list.errors_.size() < limits::policy_errors_max)
            list.errors_.push_back({number, parsed.error()});
        if (!is_revocation(line)) continue;
        auto& unread = list.unread_revocations_;
        if (unread.size() == limits::policy_errors_max) {
            unread.back().hosts = "*";  // too many to tell apart
            unread.back().hash.clear();
            continue;
        }
        unread.push_back(unread_revocation(line));
        unread.back().line = number;
    }
    return list;
}

// Keys are compared as blobs, so none is parsed here: files hold thousands.
result<known_hosts::entry> known_hosts::parse_line(std::string_view line) {
    if (line.size() > limits::policy_line_length_max) return errc::too_long;
    entry e;
    std::string_view hosts = take_word(line);
    if (hosts.starts_with('@')) {
        if (equal_ignoring_case(hosts, revoked_marker))
            e.mark = marker::revoked;
        else if (hosts == "@cert-authority")
            e.mark = marker::authority;
        else
            return errc::bad_config;
        hosts = take_word(line);
    }
    if (const auto parsed = parse_hosts(hosts, e); !parsed) return parsed.error();

    e.type = take_word(line);
    const auto blob = crypto::from_base64(take_word(line));
    if (!blob) return errc::bad_config;
    e.blob = to_bytes(*blob);
    wire::reader r(e.blob);
    std::string_view type;
    r.read(type);
    if (r.error() || type != e.type) return errc::bad_config;
    if (e.mark == marker::revoked && !crypto::key_type_of_certificate(type).empty()) {
        // A certificate that is revoked stands for its key.
        const auto cert = crypto::certificate::from_blob(e.blob);
        if (!cert) return cert.error();
        e.type = cert->key().type();
        e.blob = cert->key().blob();
        return e;
    }
    if (!is_key_type(e.type)) return errc::unknown_key_type;
    return e;
}

result<> known_hosts::parse_hosts(std::string_view hosts, entry& e) {
    if (hosts.empty()) return errc::bad_config;
    if (!hosts.starts_with('|')) {
        e.hosts = lower(hosts);
        return {};
    }
    if (!hosts.starts_with(hash_magic)) return errc::bad_config;
    hosts.remove_prefix(hash_magic.size());
    const auto bar = hosts.find('|');
    if (bar == std::string_view::npos) return errc::bad_config;
    const auto salt = crypto::from_base64(hosts.substr(0, bar));
    const auto hash = crypto::from_base64(hosts.substr(bar + 1));
    if (!salt || !hash || salt->size() != salt_length || hash->size() != salt_length)
        return errc::bad_config;
    e.salt = to_bytes(*salt);
    e.hash = to_bytes(*hash);
    return {};
}

void known_hosts::append(known_hosts other) {
    for (entry& e : other.entries_) {
        e.file += files_;
        entries_.push_back(std::move(e));
    }
    for (entry& e : other.unread_revocations_) {
        e.file += files_;
        unread_revocations_.push_back(std::move(e));
    }
    files_ += other.files_;
}

// What is known of a line that cannot be read: whom it is about, at best.
known_hosts::entry known_hosts::unread_revocation(std::string_view line) {
    take_word(line);
    entry e;
    e.mark = marker::revoked;
    if (!parse_hosts(take_word(line), e) || e.hosts.starts_with('@')) {
        e = {};
        e.mark = marker::revoked;
        e.hosts = "*";
    }
    return e;
}

// --- looking up ---------------------------------------------------------------------------------

bool known_hosts::covers(const entry& e, std::string_view name) {
    if (!e.hash.empty()) return hash_of(e.salt, name) == e.hash;
    bool covered = false;
    for (std::string_view left = e.hosts;;) {
        const auto comma = left.find(',');
        std::string_view pattern = left.substr(0, comma);
        const bool negated = pattern.starts_with('!');
        if (negated) pattern.remove_prefix(1);
        if (!pattern.empty() && matches_wildcards(name, pattern)) {
            if (negated) return false;
            covered = true;
        }
        if (comma == std::string_view::npos) return covered;
        left.remove_prefix(comma + 1);
    }
}

const known_hosts::entry* known_hosts::unread_revocation_for(std::string_view name) const {
    const auto found =
        std::ranges::find_if(unread_revocations_, [&](const entry& e) { return covers(e, name); });
    return found == unread_revocations_.end() ? nullptr : &*found;
}

known_hosts::match known_hosts::lookup(std::string_view host, std::uint16_t port,
                                       const crypto::public_key& key) const {
    const std::string name = known_hosts_name(host, port);
    if (const entry* unread = unread_revocation_for(name))
        return {verdict::revoked, unread->file, unread->line, unread_fault};
    match found;
    bool same_type = false;
    for (const entry& e : entries_) {
        const bool same_key = e.blob == key.blob();
        // Whether a line is about the server costs more than a glance at its key.
        switch (e.mark) {
        case marker::authority: continue;
        case marker::revoked:
            if (same_key && covers(e, name)) return {verdict::revoked, e.file, e.line};
            continue;
        case marker::none: break;
        }
        if (found.what == verdict::known || !covers(e, name)) continue;
        if (same_key) {
            found = {verdict::known, e.file, e.line};
        } else if (found.what == verdict::unknown || (!same_type && e.type == key.type())) {
            found = {verdict::changed, e.file, e.line};
            same_type = e.type == key.type();
        }
    }
    return found;
}

known_hosts::match known_hosts::lookup(std::string_view host, std::uint16_t port,
                                       const crypto::certificate& cert, std::int64_t system_seconds,
                                       std::span<const std::string> signature_algorithms) const {
    const std::string name = known_hosts_name(host, port);
    const std::string principal = lower(host);
    if (const entry* unread = unread_revocation_for(name))
        return {verdict::revoked, unread->file, unread->line, unread_fault};
    const bytes& authority = cert.signature_key().blob();
    match found;
    for (const entry& e : entries_) {
        const bool same_authority = e.blob == authority;
        switch (e.mark) {
        case marker::none: continue;
        case marker::revoked:
            if ((same_authority || e.blob == cert.key().blob() || e.blob == cert.blob()) &&
                covers(e, name))
                return {verdict::revoked, e.file, e.line};
            continue;
        case marker::authority: break;
        }
        if (found.what == verdict::known || !same_authority || !covers(e, name)) continue;
        found = {verdict::known, e.file, e.line};
        const auto judged =
            cert.judge({.kind = crypto::certificate_kind::host,
                        .principal = principal,
                        .system_seconds = static_cast<std::uint64_t>(system_seconds),
                        .for_all_is_enough = true,
                        .signature_algorithms = signature_algorithms});
        if (judged == crypto::certificate::verdict::good) continue;
        found.what = verdict::unknown;
        found.fault = to_text(judged);
    }
    return found;
}

std::vector<std::string> known_hosts::ordered(const std::vector<std::string>& algorithms,
                                              std::string_view host, std::uint16_t port) const {
    const std::string name = known_hosts_name(host, port);
    std::vector<std::string_view> types;
    for (const entry& e : entries_)
        if (e.mark == marker::none && std::ranges::find(types, e.type) == types.end() &&
            covers(e, name))
            types.push_back(e.type);
    const bool has_authority = std::ranges::any_of(
        entries_, [&](const entry& e) { return e.mark == marker::authority && covers(e, name); });
    const auto is_known = [&](const std::string& algorithm) {
        const auto* known = crypto::find_signature_algorithm(algorithm);
        if (known == nullptr) return false;
        return known->certified() ? has_authority
                                  : std::ranges::find(types, known->key_type) != types.end();
    };
    std::vector<std::string> sorted;
    std::ranges::copy_if(algorithms, std::back_inserter(sorted), is_known);
    std::ranges::copy_if(algorithms, std::back_inserter(sorted), std::not_fn(is_known));
    return sorted;
}

known_hosts::update known_hosts::changes_for(std::string_view host, std::uint16_t port,
                                             std::span<const bytes_view> announced) const {
    const std::string name = known_hosts_name(host, port);
    const auto is_announced = [&](const bytes& blob) {
        return std::ranges::any_of(
            announced, [&](bytes_view other) { return std::ranges::equal(other, blob); });
    };
    update changes;
    std::vector<bytes_view> known;
    for (const entry& e : entries_) {
        const bool about_it = covers(e, name);
        if (e.mark == marker::authority && about_it) return {};
        if (e.mark != marker::none) continue;
        if (!about_it) {
            if (is_announced(e.blob)) return {};
            continue;
        }
        known.emplace_back(e.blob);
        if (e.file != 0 || is_announced(e.blob)) continue;
        if (e.hash.empty() && e.hosts != name) return {};
        changes.forget.push_back(e.line);
    }
    for (const bytes_view blob : announced) {
        const auto same = [&](bytes_view other) { return std::ranges::equal(other, blob); };
        if (std::ranges::any_of(known, same)) continue;
        auto key = crypto::public_key::from_blob(blob);
        if (!key || lookup(host, port, *key).what == verdict::revoked) continue;
        known.push_back(blob);
        changes.learn.push_back(std::move(*key));
    }
    return changes;
}

std::vector<crypto::public_key> known_hosts::authorities(std::string_view host,
                                                         std::uint16_t port) const {
    const std::string name = known_hosts_name(host, port);
    std::vector<crypto::public_key> keys;
    for (const entry& e : entries_) {
        if (e.mark != marker::authority || !covers(e, name)) continue;
        auto key = crypto::public_key::from_blob(e.blob);
        if (key && lookup(host, port, *key).what != verdict::revoked)
            keys.push_back(std::move(*key));
    }
    return keys;
}

}  // namespace sluice
