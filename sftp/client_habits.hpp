#pragma once

#include <cstdint>
#include <string_view>

namespace sluice::sftp {

/// What some clients do that others do not, as bits. Whatever depends on who the client is asks for
/// one of these by its name; which programs have it is for the table in the .cpp to say.
enum class client_habit : std::uint32_t {
    /// Sends SSH_FXP_SYMLINK with linkpath first, as the draft has it (§6.10), unless the server
    /// identifies itself as OpenSSH.
    symlink_as_the_draft = 1u << 0,
};

/// The habits of the program that such an identification line names (RFC 4253 §4.2). The line is
/// the client's word: a habit never makes anything possible that its login does not.
class client_habits {
public:
    client_habits() = default;
    explicit client_habits(std::string_view identification);

    bool has(client_habit habit) const { return (bits_ & static_cast<std::uint32_t>(habit)) != 0; }

private:
    std::uint32_t bits_ = 0;
};

}  // namespace sluice::sftp
