#include "sluice/io/authenticator.hpp"

#include <algorithm>
#include <iterator>

namespace sluice {

std::optional<std::string_view> internal_sftp_arguments(std::string_view command) {
    constexpr std::string_view name = "internal-sftp";
    if (!command.starts_with(name)) return std::nullopt;
    command.remove_prefix(name.size());
    const auto options = std::min(command.find_first_not_of(" \t"), command.size());
    if (options == 0 && !command.empty()) return std::nullopt;  // of a longer name
    return command.substr(options);
}

bool restrict(session_rights& rights, session_rights more) {
    if (rights.forced_command && more.forced_command &&
        *rights.forced_command != *more.forced_command)
        return false;
    if (more.forced_command) rights.forced_command = std::move(more.forced_command);
    if (!more.home_directory.empty()) rights.home_directory = std::move(more.home_directory);
    if (more.groups) rights.groups = std::move(more.groups);
    std::ranges::move(more.environment, std::back_inserter(rights.environment));
    rights.port_forwarding = rights.port_forwarding && more.port_forwarding;
    if (!rights.permit_open) {
        rights.permit_open = std::move(more.permit_open);
    } else if (more.permit_open) {
        std::erase_if(*rights.permit_open, [&](const open_destination& d) {
            return std::ranges::find(*more.permit_open, d) == more.permit_open->end();
        });
    }
    return true;
}

boost::asio::awaitable<login_verdict> authenticator::converse(login_attempt, conversation&) {
    co_return login_verdict{};
}

boost::asio::awaitable<std::optional<auth_policy>> authenticator::policy(login_attempt) {
    co_return std::nullopt;
}

}  // namespace sluice
