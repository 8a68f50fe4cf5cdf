#pragma once

#include "sluice/io/ssh_config_lines.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace sluice {

/// What a list of algorithms in ssh_config(5) chooses from.
enum class algorithm_kind { cipher, mac, kex, host_key, public_key, ca_signature };

/// Whether the list makes sense: names that we have, or that OpenSSH has. Keys may be patterns.
ssh_config_fault check_algorithms(algorithm_kind kind, std::string_view list);

/// The list with +, - and ^ and patterns worked out; empty: our default. It may name algorithms of
/// OpenSSH's that we do not have. An empty result is a fault of the list.
std::vector<std::string> resolve_algorithms(algorithm_kind kind, std::string_view list);

/// Those of the list that we have.
std::vector<std::string> usable_algorithms(algorithm_kind kind, std::string_view list);

/// "a,b,c" in pieces.
std::vector<std::string> split_at_commas(std::string_view list);

}  // namespace sluice
