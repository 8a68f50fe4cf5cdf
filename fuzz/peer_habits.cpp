// What a peer's identification line says of its habits: any text has an answer.

#include "sluice/transport/peer_habits.hpp"
#include "sluice/fuzz/fuzz.hpp"
#include "sluice/sftp/client_habits.hpp"

#include <string_view>

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view line(reinterpret_cast<const char*>(data), size);
    const peer_habits habits(line);
    expects(habits.none() || line.starts_with("SSH-2.0-"));
    const bool in_exchange = habits.has(peer_habit::channel_messages_in_exchange);
    const bool old = habits.has(peer_habit::plaintext_macs_only);
    expects(old || !habits.has(peer_habit::nist_curves_only));
    expects(habits.none() != (in_exchange || old || habits.has(peer_habit::takes_eow)));
    const sftp::client_habits of_client(line);
    expects(!of_client.has(sftp::client_habit::symlink_as_the_draft) ||
            line.starts_with("SSH-2.0-"));
    return 0;
}
