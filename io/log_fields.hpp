#pragma once

#include "sluice/io/log.hpp"

namespace sluice {

/// Private to io/: cuts each value at limits::log_field_length_max bytes, a character of UTF-8 as a
/// whole, and says behind it how long it was: a peer's text can be as long as a packet.
void cut_fields(log_record& record);

}  // namespace sluice
