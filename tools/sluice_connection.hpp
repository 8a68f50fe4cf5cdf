#pragma once

#include "sluice/io/client.hpp"
#include "sluice/tools/sluice_options.hpp"
#include "sluice/tools/sluice_text.hpp"

#include <unistd.h>

#include <functional>
#include <string_view>

/// What all commands of `sluice` have in common: one connection, from its begin to its end.
namespace sluice {

inline constexpr int exit_no_session = 255;  // no connection, or nothing that it was for; as ssh(1)

/// Says on standard error what is wrong, in one line: what it holds of a server's is
/// written out, and on a terminal each line of it begins with our name.
void complain(std::string_view text);

struct work_done {
    int status = exit_no_session;
    close_outcome outcome = close_outcome::lost;  // of the connection
};

/// Connects, gives the connection to `work`, and closes it in order. What there is to tell of it
/// goes to standard error, and what servers tell people before the login to `banners`.
work_done with_connection(client_settings settings, bool verbose,
                          std::function<boost::asio::awaitable<int>(connection&)> work,
                          int banners = STDERR_FILENO);

}  // namespace sluice
