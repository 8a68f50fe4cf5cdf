#pragma once

#include "sluice/io/byte_stream.hpp"
#include "sluice/io/session.hpp"

#include <memory>

namespace sluice {

/// A channel as what carries another connection: one that goes through a server
/// (open_direct_tcpip), or through a command there. That connection lives on the strand of this
/// one, and this one waits for it when it drains. Stderr is thrown away.
std::unique_ptr<byte_stream> make_channel_stream(session channel);

}  // namespace sluice
