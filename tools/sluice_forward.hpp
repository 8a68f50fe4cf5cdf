#pragma once

#include "sluice/tools/sluice_options.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

/// Connections to the one go through the server to the other.
struct forward {
    std::string bind = "127.0.0.1";  // an address; IPv6 without brackets
    std::uint16_t port = 0;          // 0: the system chooses one
    std::string host;                // as the server knows it
    std::uint16_t host_port = 0;

    bool operator==(const forward&) const = default;
};

/// "[BIND:]PORT:HOST:HOSTPORT", IPv6 in brackets, as -L of ssh(1).
std::optional<forward> forward_of(std::string_view text);

struct forward_arguments {
    std::vector<std::string> forwards;
    bool verbose = false;  // -v
};

/// `sluice forward`: listens here and connects there, until it is told to stop or the connection
/// ends. What is under way at a first SIGINT or SIGTERM may finish. Gives the exit status: 0, 255
/// where the connection did not last.
int forward_connections(client_settings settings, const forward_arguments& arguments);

}  // namespace sluice
