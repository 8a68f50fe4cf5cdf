#pragma once

#include "sluice/channel/global_requests.hpp"
#include "sluice/channel/open_types.hpp"
#include "sluice/channel/requests.hpp"
#include "sluice/io/authenticator.hpp"

#include <type_traits>

/// Which right of a login decides over what a client may ask of a server, one row for each channel
/// type and request there is: a new one without a row does not compile. Who begins to serve a kind
/// of forwarding gives it a gate, which the tests then hold shut in every way there is.
namespace sluice::test {

enum class gate {
    none,             // it forwards nothing
    not_served,       // nobody may
    port_forwarding,  // session_rights::port_forwarding
};

inline constexpr gate gates_that_open[] = {gate::port_forwarding};

/// The right itself, its options in authorized_keys and its extension of certificates.
struct gate_keeper {
    bool session_rights::*right;
    const char* option;     // takes it away, as "restrict" does
    const char* extension;  // a certificate without it does not give it
};

inline gate_keeper keeper_of(gate g) {
    switch (g) {
    case gate::port_forwarding:
        return {&session_rights::port_forwarding, "no-port-forwarding", "permit-port-forwarding"};
    case gate::none:
    case gate::not_served: break;
    }
    return {};
}

template <class T>
using row = std::type_identity<T>;

constexpr gate gate_of(row<session_channel>) { return gate::none; }
constexpr gate gate_of(row<direct_tcpip_channel>) { return gate::port_forwarding; }
constexpr gate gate_of(row<forwarded_tcpip_channel>) { return gate::not_served; }
constexpr gate gate_of(row<direct_streamlocal_channel>) { return gate::not_served; }
constexpr gate gate_of(row<forwarded_streamlocal_channel>) { return gate::not_served; }
constexpr gate gate_of(row<auth_agent_channel>) { return gate::not_served; }

constexpr gate gate_of(row<tcpip_forward_request>) { return gate::not_served; }
constexpr gate gate_of(row<cancel_tcpip_forward_request>) { return gate::not_served; }
constexpr gate gate_of(row<streamlocal_forward_request>) { return gate::not_served; }
constexpr gate gate_of(row<cancel_streamlocal_forward_request>) { return gate::not_served; }
constexpr gate gate_of(row<no_more_sessions_request>) { return gate::none; }
constexpr gate gate_of(row<hostkeys_request>) { return gate::none; }
constexpr gate gate_of(row<hostkeys_prove_request>) { return gate::none; }
constexpr gate gate_of(row<global_keepalive_request>) { return gate::none; }

constexpr gate gate_of(row<pty_request>) { return gate::not_served; }
constexpr gate gate_of(row<x11_request>) { return gate::not_served; }
constexpr gate gate_of(row<auth_agent_request>) { return gate::not_served; }
constexpr gate gate_of(row<env_request>) { return gate::none; }
constexpr gate gate_of(row<shell_request>) { return gate::none; }
constexpr gate gate_of(row<exec_request>) { return gate::none; }
constexpr gate gate_of(row<subsystem_request>) { return gate::none; }
constexpr gate gate_of(row<window_change_request>) { return gate::none; }
constexpr gate gate_of(row<xon_xoff_request>) { return gate::none; }
constexpr gate gate_of(row<signal_request>) { return gate::none; }
constexpr gate gate_of(row<exit_status_request>) { return gate::none; }
constexpr gate gate_of(row<exit_signal_request>) { return gate::none; }
constexpr gate gate_of(row<break_request>) { return gate::none; }
constexpr gate gate_of(row<eow_request>) { return gate::none; }
constexpr gate gate_of(row<keepalive_request>) { return gate::none; }

}  // namespace sluice::test
