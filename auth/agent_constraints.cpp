#include "sluice/auth/agent_constraints.hpp"

#include "sluice/wire/limits.hpp"

namespace sluice {
namespace {

// RFC 9987 §6.2
constexpr std::uint8_t constrain_lifetime = 1;
constexpr std::uint8_t constrain_confirm = 2;
constexpr std::uint8_t constrain_extension = 255;

constexpr std::string_view restrict_destination = "restrict-destination-v00@openssh.com";

// Each list, each constraint in it and each of its ends is a string of its own, which OpenSSH's
// PROTOCOL.agent does not say.

void write_end(wire::writer& w, const agent_hop_end& end) {
    const auto mark = w.begin_string();
    w.write(end.user_name);
    w.write(end.hostname);
    w.write("");  // reserved
    for (const agent_host_key& one : end.host_keys) {
        w.write(bytes_view(one.key.blob()));
        w.write(one.is_ca);
    }
    w.end_string(mark);
}

void write_hops(wire::writer& w, const std::vector<agent_hop>& hops) {
    const auto list = w.begin_string();
    for (const agent_hop& hop : hops) {
        const auto mark = w.begin_string();
        write_end(w, hop.from);
        write_end(w, hop.to);
        w.write("");  // reserved
        w.end_string(mark);
    }
    w.end_string(list);
}

result<agent_hop_end> read_end(bytes_view packed) {
    wire::reader r(packed);
    std::string_view user_name;
    std::string_view hostname;
    bytes_view reserved;
    r.read(user_name);
    r.read(hostname);
    r.read(reserved);
    if (r.error()) return r.error();
    if (!reserved.empty()) return errc::bad_value;
    agent_hop_end end{std::string(user_name), std::string(hostname), {}};
    while (!r.at_end()) {
        bytes_view blob;
        bool is_ca = false;
        r.read(blob);
        r.read(is_ca);
        if (r.error()) return r.error();
        if (end.host_keys.size() == limits::agent_hop_keys_max) return errc::too_long;
        auto key = crypto::public_key::from_blob(blob);
        // A host may have keys of types that we do not know. None of them can be shown to us.
        if (!key && key.error() == errc::unknown_key_type) continue;
        if (!key) return key.error();
        end.host_keys.push_back({std::move(*key), is_ca});
    }
    return end;
}

result<agent_hop> read_hop(bytes_view packed) {
    wire::reader r(packed);
    bytes_view from;
    bytes_view to;
    bytes_view reserved;
    r.read(from);
    r.read(to);
    r.read(reserved);
    if (r.error()) return r.error();
    if (!r.at_end()) return errc::trailing_bytes;
    if (!reserved.empty()) return errc::bad_value;
    auto first = read_end(from);
    if (!first) return first.error();
    auto second = read_end(to);
    if (!second) return second.error();
    const bool from_somewhere = !first->hostname.empty();
    if (!first->user_name.empty() || from_somewhere == first->host_keys.empty() ||
        second->hostname.empty() || second->host_keys.empty())
        return errc::bad_value;
    return agent_hop{std::move(*first), std::move(*second)};
}

result<std::vector<agent_hop>> read_hops(bytes_view packed) {
    std::vector<agent_hop> hops;
    for (wire::reader r(packed); !r.at_end();) {
        bytes_view one;
        r.read(one);
        if (r.error()) return r.error();
        if (hops.size() == limits::agent_hops_max) return errc::too_long;
        auto hop = read_hop(one);
        if (!hop) return hop.error();
        hops.push_back(std::move(*hop));
    }
    // No way at all would read as "anywhere" later.
    if (hops.empty()) return errc::bad_value;
    return hops;
}

result<> read_one(wire::reader& in, agent_constraints& into) {
    std::uint8_t type = 0;
    in.read(type);
    switch (type) {
    case constrain_lifetime: {
        std::uint32_t seconds = 0;
        in.read(seconds);
        if (into.lifetime) return errc::bad_value;
        into.lifetime.emplace(seconds);
        break;
    }
    case constrain_confirm:
        if (into.confirm) return errc::bad_value;
        into.confirm = true;
        break;
    case constrain_extension: {
        std::string_view name;
        bytes_view packed;
        in.read(name);
        if (in.error()) return in.error();
        // How long one of another name is cannot be known.
        if (name != restrict_destination || !into.hops.empty()) return errc::bad_value;
        in.read(packed);
        if (in.error()) return in.error();
        auto hops = read_hops(packed);
        if (!hops) return hops.error();
        into.hops = std::move(*hops);
        break;
    }
    default: return errc::bad_value;
    }
    if (in.error()) return in.error();
    return {};
}

}  // namespace

void write_agent_constraints(wire::writer& out, const agent_constraints& constraints) {
    if (constraints.lifetime) {
        out.write(constrain_lifetime);
        out.write(constraints.lifetime->count());
    }
    if (constraints.confirm) out.write(constrain_confirm);
    for (const agent_constraint_extension& one : constraints.extensions) {
        out.write(constrain_extension);
        out.write(one.name);
        out.append(one.contents);
    }
    if (constraints.hops.empty()) return;
    out.write(constrain_extension);
    out.write(restrict_destination);
    write_hops(out, constraints.hops);
}

result<agent_constraints> read_agent_constraints(wire::reader& in) {
    agent_constraints constraints;
    while (!in.at_end()) {
        const auto read = read_one(in, constraints);
        if (!read) return read.error();
    }
    return constraints;
}

}  // namespace sluice
