#pragma once

#include "sluice/tools/sluiced_config.hpp"
#include "sluice/tools/sluiced_match.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

/// The text of settings, there and back: keywords and values as in sshd_config(5). Text in, plain
/// structs out; no file is opened here.
namespace sluice {

/// What each list of algorithms is when nothing is said, and what it may hold at all.
struct algorithm_choice {
    std::vector<std::string> defaults;
    std::vector<std::string> supported;  // empty: the defaults
};

struct algorithm_choices {
    algorithm_choice kex;
    algorithm_choice host_key;
    algorithm_choice pubkey;
    algorithm_choice hostbased;
    algorithm_choice ca_signature;
    algorithm_choice cipher;
    algorithm_choice mac;
};

struct config_error {
    std::string file;
    std::size_t line = 0;  // from 1; 0: about the file as a whole
    std::string keyword;   // as it was written
    std::string text;

    /// "sluiced.conf:7: MaxAuthTries: expected a number from 1 to 1000, not 'many'"
    std::string message() const;
};

/// A line of a Match block: good, and its keyword may stand there.
struct match_line {
    std::size_t row = 0;  // of the table of keywords
    std::vector<std::string> values;
};

/// A line that is taken without effect, or in part, or a file that a setting names and that is left
/// out. Of lines, one for each keyword.
struct setting_note {
    std::string file;
    std::size_t line = 0;  // from 1; 0: of a file that is left out
    std::string keyword;   // as it was written
    std::string text;      // why

    /// "sshd_config:7: X11Forwarding: X11 is not forwarded"
    std::string message() const;
};

struct match_block {
    std::vector<match_condition> conditions;  // all must hold; none: `Match all`
    std::vector<match_line> lines;

    bool holds(const login_facts& login) const;
};

struct sluiced_settings {
    sluiced_config base;  // what holds where no block says otherwise
    std::vector<match_block> blocks;
    algorithm_choices algorithms;
    std::vector<setting_note> notes;

    /// What holds for a login: the first value that a matching block has, else that of `base`.
    /// Keywords that add up do so over all matching blocks, in place of `base`.
    sluiced_config effective(const login_facts& login) const;

    /// Whether who is in which group matters to a login (Match Group, AllowGroups and the like).
    bool ask_for_groups() const;

    /// What may hold for somebody, as far as single keywords go: `base`, then with the lines of
    /// each block.
    std::vector<sluiced_config> all() const;
};

/// The same as `effective`, without a copy where no block of Match holds.
std::shared_ptr<const sluiced_config> effective_for(
    const std::shared_ptr<const sluiced_settings>& settings, const login_facts& login);

/// A file, or what stands for one. The name is for messages.
struct config_text {
    std::string name;
    std::string text;
};

/// Gives the files that a pattern of Include means, in their order, or says what is wrong.
using include_reader =
    std::function<boost::system::result<std::vector<config_text>, std::string>(const std::string&)>;

/// Reads settings, of several texts one after the other; each begins outside of Match. The first
/// value of a keyword counts; AcceptEnv, AllowGroups, AllowUsers, DenyGroups, DenyUsers,
/// HostCertificate, HostKey, ListenAddress, PerSourcePenalties, Port and Subsystem add up. Without
/// `include`, Include is an error.
boost::system::result<sluiced_settings, config_error> read_sluiced_settings(
    const std::vector<config_text>& texts, const algorithm_choices& algorithms,
    const include_reader& include = {});

/// The port of a ListenAddress without one, where no Port is said either.
inline constexpr std::uint16_t sshd_port = 22;

/// Where a server listens: each ListenAddress with each Port that it stands for.
std::vector<listen_address> addresses_with_ports(const sluiced_config& config);

/// A line for each setting, keywords in lower case, as `sshd -T`: a ListenAddress has its port.
/// Read back, it means the same.
std::string to_text(const sluiced_config& config);

}  // namespace sluice
