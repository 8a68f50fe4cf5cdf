#pragma once

#include "sluice/auth/server_auth.hpp"
#include "sluice/io/command_launcher.hpp"
#include "sluice/io/login_user.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace sluice {

/// Private to io/: what a program of AuthorizedKeysCommand or AuthorizedPrincipalsCommand has
/// printed of who wants to log in by a key: `program` is its absolute path and its arguments, with
/// the tokens of sshd_config(5); those of a certificate have a value where there is one. Without
/// arguments it is given the user's name. Null where it did not run (a token without a value, a
/// program that others can change), has failed, went beyond limits::policy_file_length_max or
/// `time_max`, or has printed a NUL. Blocks.
std::shared_ptr<const std::string> login_program_output(command_launcher& launcher,
                                                        std::vector<std::string> program,
                                                        std::chrono::milliseconds time_max,
                                                        const auth_question& question,
                                                        login_user& user);

}  // namespace sluice
