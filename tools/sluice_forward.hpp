#pragma once

#include "sluice/io/client.hpp"
#include "sluice/tools/sluice_options.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <cstdint>
#include <memory>
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

/// What is between the colons of an argument such as -L of ssh(1), without the brackets that may
/// stand round a part; nothing where a bracket does not end.
std::optional<std::vector<std::string>> forward_parts(std::string_view text);

/// "[BIND:]PORT:HOST:HOSTPORT", IPv6 in brackets, as -L of ssh(1).
std::optional<forward> forward_of(std::string_view text);

/// Those of LocalForward, an entry for each address to listen on; what cannot be served is said in
/// `faults`.
std::vector<forward> local_forwards_of(const ssh_config& config, std::vector<std::string>& faults);

/// Listeners whose connections go through a server.
class local_forwards {
public:
    local_forwards() = default;
    local_forwards(const local_forwards&) = delete;
    local_forwards& operator=(const local_forwards&) = delete;
    ~local_forwards() { close(); }

    /// Listens as `how` says, for as long as this and the connection live. What goes wrong is told;
    /// false where it does not listen.
    bool add(connection& c, boost::asio::any_io_executor executor, const forward& how,
             bool verbose);
    /// What the last one listens on.
    boost::asio::ip::tcp::endpoint last() const { return listening_.back()->local_endpoint(); }
    /// Nothing new; what is under way goes on.
    void close();

private:
    std::vector<std::shared_ptr<boost::asio::ip::tcp::acceptor>> listening_;
};

struct forward_arguments {
    std::vector<std::string> forwards;
    bool verbose = false;  // -v
};

/// `sluice forward`: listens here and connects there, until it is told to stop or the connection
/// ends. What is under way at a first SIGINT or SIGTERM may finish. Gives the exit status: 0, 255
/// where the connection did not last.
int forward_connections(client_settings settings, const forward_arguments& arguments);

}  // namespace sluice
