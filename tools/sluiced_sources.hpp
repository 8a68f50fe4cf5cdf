#pragma once

#include "sluice/tools/sluiced_config.hpp"
#include "sluice/tools/sluiced_values.hpp"

/// What settings say of sources: addresses, or blocks of them.
namespace sluice {

/// For the library.
source_options source_options_from(const sluiced_config& config);

namespace settings {

/// A number, or none.
struct source_startups {
    static config_fault read(const words& w, std::optional<unsigned>& out);
    static lines write(const std::optional<unsigned>& most);
};

/// bits:bits, of IPv4 and IPv6; the second may be left out.
struct net_block {
    static config_fault read(const words& w, net_block_size& out);
    static lines write(const net_block_size& size);
};

/// yes, no, or name:value words. Lines add up; the first value of a name counts.
struct penalties {
    static config_fault read(const words& w, penalty_setting& out);
    static lines write(const penalty_setting& penalties);
};

/// Addresses, wildcards and blocks with commas between them, or none.
struct address_list {
    static config_fault read(const words& w, std::string& out);
    static lines write(const std::string& list);
};

}  // namespace settings
}  // namespace sluice
