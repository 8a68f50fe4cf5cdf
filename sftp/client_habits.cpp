#include "sluice/sftp/client_habits.hpp"

#include "sluice/wire/peer_program.hpp"

#include <array>

namespace sluice::sftp {
namespace {

struct known_habit {
    wire::peer_program program;
    client_habit habit;
};

// These send OpenSSH's order to OpenSSH, and to a few others by name, which we are not.
constexpr std::array known_habits{
    // All versions so far; paramiko's servers get OpenSSH's order too.
    known_habit{{"AsyncSSH_", {}, {}}, client_habit::symlink_as_the_draft},

    // All versions; the older ones have a "-" there.
    known_habit{{"libssh_", {}, {}}, client_habit::symlink_as_the_draft},
    known_habit{{"libssh-", {}, {}}, client_habit::symlink_as_the_draft},

    // The last releases of 1.0, 2.0 and 3.0. Earlier ones of them send OpenSSH's order to all, but
    // say the same two numbers; 0.3 and older are not of these.
    known_habit{{"phpseclib_", {{1, 0}}, {}}, client_habit::symlink_as_the_draft},

    // node's ssh2, all versions; dropbear's servers get OpenSSH's order too.
    known_habit{{"ssh2js", {}, {}}, client_habit::symlink_as_the_draft},

    // All versions, unless its user says otherwise.
    known_habit{{"WinSCP_", {}, {}}, client_habit::symlink_as_the_draft},
};

}  // namespace

client_habits::client_habits(std::string_view identification) {
    for (const auto& known : known_habits)
        if (known.program.is(identification)) bits_ |= static_cast<std::uint32_t>(known.habit);
}

}  // namespace sluice::sftp
