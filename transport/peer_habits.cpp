#include "sluice/transport/peer_habits.hpp"

#include "sluice/wire/peer_program.hpp"

#include <array>

namespace sluice {
namespace {

struct known_habit {
    wire::peer_program program;
    peer_habit habit;
};

constexpr std::array known_habits{
    // Goes on with the data of its channels under the old keys until its own NEWKEYS.
    known_habit{{"AsyncSSH_", {}, {{2, 10}}}, peer_habit::channel_messages_in_exchange},

    // Its own request; others are known to disconnect on it (OpenSSH PROTOCOL 2.1).
    known_habit{{"OpenSSH", {}, {}}, peer_habit::takes_eow},

    // As released up to then. The library of curl, PHP and others.
    known_habit{{"libssh2_", {}, {{1, 10}}}, peer_habit::plaintext_macs_only},

    // SSH.NET and Posh-SSH: with others from 2024.0 on, some releases of which still say 0.0.1.
    known_habit{{"Renci.SshNet.SshClient.", {}, {{0, 0}}}, peer_habit::plaintext_macs_only},

    // As last released by its first maintainer; those after him write JSCH_.
    known_habit{{"JSCH-", {}, {{0, 1}}}, peer_habit::plaintext_macs_only},
    known_habit{{"JSCH-", {}, {{0, 1}}}, peer_habit::nist_curves_only},
};

}  // namespace

peer_habits::peer_habits(std::string_view identification) {
    for (const auto& known : known_habits)
        if (known.program.is(identification)) bits_ |= static_cast<std::uint32_t>(known.habit);
}

}  // namespace sluice
