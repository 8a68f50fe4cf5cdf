// The messages of user authentication: what decodes is the same when written and read again.

#include "sluice/auth/messages.hpp"
#include "sluice/fuzz/fuzz.hpp"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const bytes_view payload{data, size};
    fuzz::round_trip<userauth_request>(payload);
    fuzz::round_trip<userauth_failure>(payload);
    fuzz::round_trip<userauth_success>(payload);
    fuzz::round_trip<userauth_banner>(payload);
    fuzz::round_trip<userauth_pk_ok>(payload);
    fuzz::round_trip<userauth_passwd_changereq>(payload);
    fuzz::round_trip<userauth_info_request>(payload);
    fuzz::round_trip<userauth_info_response>(payload);
    return 0;
}
