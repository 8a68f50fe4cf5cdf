// An agent that answers anything. The first byte says what was asked; how the bytes are cut makes
// no difference.

#include "sluice/auth/agent.hpp"
#include "sluice/fuzz/fuzz.hpp"

using namespace sluice;

namespace {

struct outcome {
    std::vector<agent_reply> replies;
    error_code error;
};

outcome run(std::uint8_t asked, bytes_view data, std::size_t chunk) {
    agent_client agent;
    for (int i = 0; i < 4; ++i)
        switch (asked >> (2 * i) & 3) {
        case 0: agent.request_signature(data.first(data.size() / 2), "rsa-sha2-256", data); break;
        case 1: agent.request_identities(); break;
        case 2: agent.query(); break;
        case 3: agent.extend("x@y", data); break;
        }
    outcome out;
    while (!data.empty() && !out.error) {
        const bytes_view piece = data.first(std::min(chunk, data.size()));
        data = data.subspan(piece.size());
        std::ranges::copy(piece, agent.prepare_input(piece.size()).begin());
        agent.commit_input(piece.size());
        for (;;) {
            auto reply = agent.next();
            if (!reply) out.error = reply.error();
            if (!reply || !*reply) break;
            out.replies.push_back(std::move(**reply));
        }
    }
    expects(out.replies.size() + agent.pending() == 4);
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::input in(data, size);
    const std::uint8_t asked = in.byte();
    const bytes_view replies = in.rest();
    const outcome whole = run(asked, replies, replies.size());
    const outcome cut = run(asked, replies, 3);
    expects(whole.error == cut.error && whole.replies.size() == cut.replies.size());
    for (std::size_t i = 0; i < whole.replies.size(); ++i)
        expects(whole.replies[i].index() == cut.replies[i].index());
    return 0;
}
