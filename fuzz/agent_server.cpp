// A client of our agent that sends anything: whole requests with a length of their own, cut however
// the first byte says. The agent holds a key for anything, one that is confirmed, one that expires
// and one for a single host.

#include "sluice/auth/agent_server.hpp"
#include "sluice/fuzz/fuzz.hpp"
#include "sluice/wire/writer.hpp"

#include <vector>

using namespace sluice;

namespace {

class counting final : public crypto::random_source {
public:
    void fill(mutable_bytes_view out) override {
        for (auto& b : out)
            b = next_++;
    }

private:
    std::uint8_t next_ = 0;
};

// Made once: what is looked for is in the conversation, not in the keys.
const std::vector<crypto::private_key>& keys() {
    static const std::vector<crypto::private_key> made = [] {
        std::vector<crypto::private_key> list;
        for (int i = 0; i < 4; ++i)
            list.push_back(crypto::private_key::generate("ssh-ed25519").value());
        return list;
    }();
    return made;
}

// A passphrase costs as much time as a hundred other requests: two of them an input.
constexpr unsigned passphrases_max = 2;

std::vector<std::uint8_t> run(bytes_view requests, std::size_t chunk, bool confirmed) {
    unsigned passphrases = 0;
    counting random;
    agent_keyring keyring(random);
    const auto& k = keys();
    agent_time time{};
    expects(keyring.add({k[0]}).has_value());
    expects(keyring.add({.key = k[1], .confirm = true}).has_value());
    expects(keyring.add({.key = k[2], .expires = time.now + std::chrono::seconds(3)}).has_value());
    agent_hop hop;
    hop.to = {"ada", "host", {{k[3].public_half(), false}}};
    expects(keyring.add({.key = k[3], .hops = {hop}}).has_value());

    agent_server server(keyring);
    std::vector<std::uint8_t> kinds;  // of replies
    fuzz::input in(requests.data(), requests.size());
    while (!in.empty()) {
        // Two bytes of length. A key of ours in place of the first two bytes of a marked request.
        const std::size_t size = in.position() & 0x7fff;
        bytes message = to_bytes(in.take(size));
        if (message.size() > 2 && message[0] == 13 && message[1] == 0xff) {
            bytes blob{13};
            wire::writer(blob).write(bytes_view(k[message[2] % 4].public_half().blob()));
            message.erase(message.begin(), message.begin() + 3);
            message.insert(message.begin(), blob.begin(), blob.end());
        }
        const bool has_passphrase = message.size() > 5 && (message[0] == 22 || message[0] == 23);
        if (has_passphrase && ++passphrases > passphrases_max) continue;
        bytes framed;
        wire::writer(framed).write(bytes_view(message));
        bytes_view left = framed;
        while (!left.empty()) {
            const auto space = server.input_space();
            if (space.empty()) return kinds;
            const std::size_t n = std::min({space.size(), left.size(), chunk});
            std::ranges::copy(left.first(n), space.begin());
            left = left.subspan(n);
            if (!server.commit_input(n, time)) {
                expects(server.input_space().empty());
                return kinds;
            }
        }
        if (server.question() != nullptr) server.answer(confirmed, time);
        expects(server.output().size() >= 5);
        kinds.push_back(server.output()[4]);
        server.consume_output(server.output().size());
        expects(server.take_record().has_value());
        time.now += std::chrono::milliseconds(500);
    }
    return kinds;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::input in(data, size);
    const std::uint8_t choice = in.byte();
    const bytes_view requests = in.rest();
    const bool confirmed = (choice & 1) != 0;
    expects(run(requests, 1u + (choice >> 1), confirmed) == run(requests, 1 << 20, confirmed));
    return 0;
}
