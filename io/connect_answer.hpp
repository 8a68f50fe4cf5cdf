#pragma once

namespace sluice {

/// Whether a user may have the server connect to somewhere; the least of several answers counts.
enum class connect_answer {
    refuse,
    by_address,  // asked again with each address that the name has; those permitted are tried
    permit,
};

}  // namespace sluice
