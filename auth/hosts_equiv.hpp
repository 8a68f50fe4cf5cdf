#pragma once

#include <string_view>

namespace sluice {

/// What a file in the form of hosts.equiv(5) says of a user of another host: "HOST [USER]" a line,
/// and "-HOST" or "HOST -USER" against. The first line that is about both decides. A line without a
/// user is about the one who has the same name in both places. Netgroups ("+@…") are about nobody.
///
/// True where `client_user` of `client_host` may be `user`.
bool hosts_equiv_permits(std::string_view file, std::string_view client_host,
                         std::string_view client_user, std::string_view user);

}  // namespace sluice
