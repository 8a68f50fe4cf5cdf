#pragma once

#include "sluice/channel/global_requests.hpp"
#include "sluice/channel/open_types.hpp"
#include "sluice/channel/requests.hpp"

/// Hosts, paths, commands and variables go on to C interfaces, which end them at a NUL, and to
/// policy, which must look at what is then used. What would be two different things to the two is
/// refused where it comes in: an open by OPEN_FAILURE, a request by a failure.
namespace sluice {

/// Whether all that it names can be what it is to name.
bool is_plain(const channel_open_type& type);
bool is_plain(const channel_request& request);
bool is_plain(const global_request& request);

}  // namespace sluice
