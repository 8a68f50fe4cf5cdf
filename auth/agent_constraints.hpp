#pragma once

#include "sluice/crypto/certificate.hpp"
#include "sluice/crypto/key.hpp"
#include "sluice/wire/bytes.hpp"
#include "sluice/wire/error.hpp"
#include "sluice/wire/reader.hpp"
#include "sluice/wire/writer.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace sluice {

/// A host key that a hop is known by: the key itself, or the authority of its certificates.
struct agent_host_key {
    crypto::public_key key;
    bool is_ca = false;
};

/// One end of a hop. An empty name: the machine that the agent runs on.
struct agent_hop_end {
    std::string user_name{};  // pattern; empty: any
    std::string hostname{};   // that certificates must be for
    std::vector<agent_host_key> host_keys{};
};

/// A way that a key may be used on: to log in at `to` from `from` (OpenSSH's PROTOCOL.agent §2,
/// ssh-add -h).
struct agent_hop {
    agent_hop_end from{};
    agent_hop_end to{};
};

/// A constraint of another name; what its contents are belongs to that.
struct agent_constraint_extension {
    std::string name;
    bytes contents;  // not wrapped
};

/// How a key that is added to an agent may be used (RFC 9987 §3.2.7).
struct agent_constraints {
    std::optional<std::chrono::duration<std::uint32_t>> lifetime{};
    bool confirm = false;           // the user is asked each time
    std::vector<agent_hop> hops{};  // restrict-destination-v00@openssh.com; none: anywhere
    std::vector<agent_constraint_extension> extensions{};  // "sk-provider@openssh.com"

    bool empty() const { return !lifetime && !confirm && hops.empty() && extensions.empty(); }
};

void write_agent_constraints(wire::writer& out, const agent_constraints& constraints);

/// Reads them up to the end of a message. Errors: bad_value for a constraint that is not known, one
/// that is given twice, and a hop that makes no sense; too_long above limits::agent_hops_max and
/// agent_hop_keys_max; those of keys and of the encoding.
result<agent_constraints> read_agent_constraints(wire::reader& in);

}  // namespace sluice
