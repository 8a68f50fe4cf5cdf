#pragma once

#include "sluice/tools/sluiced_settings.hpp"

#include <boost/system/result.hpp>

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace sluice {

/// What sluiced is started with. The single letters are those of sshd(8), for who puts it in the
/// place of one.
struct sluiced_arguments {
    std::vector<std::string> listen;
    std::vector<std::string> host_keys;
    std::string root;
    std::vector<std::string> authorized_keys;
    std::string users;
    std::string config;
    std::string log_level;
    std::string log_format;
    std::string drain_deadline;
    std::string drain_policy;
    std::vector<std::string> settings;  // -o Keyword=value
    std::vector<std::string> ports;     // -p
    std::string login_grace;            // -g
    std::string login;                  // -C user=...,addr=...
    std::string log_file;               // -E
    bool syslog = false;
    bool test = false;
    bool print = false;
    bool one_connection = false;  // -i
    bool exec = false;
    bool allow_root = false;
    bool read_only = false;
    bool atomic_uploads = false;
    unsigned threads = 0;
};

/// Declares the arguments; `a` outlives the parsing.
void declare(CLI::App& app, sluiced_arguments& a);

/// Arguments become settings in front of the file's: the first value counts. Errors are for an
/// operator.
boost::system::result<sluiced_settings, std::string> read_settings(const sluiced_arguments& a);

}  // namespace sluice
