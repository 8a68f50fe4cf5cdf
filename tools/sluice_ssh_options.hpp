#pragma once

#include "sluice/tools/sluice_options.hpp"

#include <boost/system/result.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// The command line of ssh(1). Text in, structs out.
namespace sluice {

/// Where -W leads to.
struct stdio_forward {
    std::string host;
    std::uint16_t port = 0;

    bool operator==(const stdio_forward&) const = default;
};

struct ssh_arguments {
    // Every option that is a setting, in the order in which ssh(1) takes them. The command is the
    // words behind the host, with blanks between.
    client_arguments client;
    std::optional<stdio_forward> stdio;  // -W
    std::string log_file;                // -E; empty: none
    std::optional<std::string> query;    // -Q
    bool version = false;                // -V
    bool print_settings = false;         // -G
    std::vector<std::string> notes;      // options without effect, for -v
};

/// The words behind the program's name. Options may follow the host, up to the command. The error
/// is a text for people.
boost::system::result<ssh_arguments, std::string> ssh_arguments_of(
    std::span<const std::string> words);

/// How ssh(1) is called, for people.
std::string_view ssh_usage();

/// What -Q lists, a line each; nothing where it knows no such list.
std::optional<std::vector<std::string>> ssh_query(std::string_view what);

}  // namespace sluice
