#pragma once

#include "sluice/wire/error.hpp"

#include <string_view>
#include <vector>

/// What a service manager and a service say to each other: sd_listen_fds(3) and sd_notify(3), of
/// which the protocols are documented and stable. Spoken here and not through libsystemd, so that
/// no more than these few lines run in the server.
namespace sluice {

/// The listening sockets that were handed over (LISTEN_PID, LISTEN_FDS); none where the variables
/// are not there, or are not for this process. They are not inherited by what we start, and the
/// variables are gone afterwards. Call it before there are threads.
std::vector<int> take_listen_sockets();

/// Tells the service manager of a new state, such as "READY=1" or "STOPPING=1". Does nothing where
/// there is none (no NOTIFY_SOCKET). Errors: those of the system; invalid_argument for an address
/// that is not one.
error_code notify_service_manager(std::string_view state);

}  // namespace sluice
