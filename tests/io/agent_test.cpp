// agent_client against OpenSSH's agent, over its socket.

#include "sluice/auth/agent.hpp"

#include "sluice/tests/support/running_agent.hpp"

#include <unistd.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

namespace sluice {
namespace {

using test::running_agent;

// Sends what waits, and reads until the next reply.
std::optional<agent_reply> converse(agent_client& agent, int socket) {
    for (;;) {
        while (!agent.output().empty()) {
            const auto n = ::write(socket, agent.output().data(), agent.output().size());
            if (n <= 0) return std::nullopt;
            agent.consume_output(static_cast<std::size_t>(n));
        }
        auto reply = agent.next();
        if (!reply) return std::nullopt;
        if (*reply) return std::move(*reply);
        const auto space = agent.prepare_input(4096);
        const auto n = ::read(socket, space.data(), space.size());
        if (n <= 0) return std::nullopt;
        agent.commit_input(static_cast<std::size_t>(n));
    }
}

TEST(Rfc9987, OpenSshsAgentListsAndSigns) {
    running_agent openssh;
    ASSERT_TRUE(openssh.listening()) << "ssh-agent cannot be run";
    const std::array keys{crypto::private_key::generate("ssh-ed25519").value(),
                          crypto::private_key::generate("ecdsa-sha2-nistp384").value(),
                          crypto::private_key::generate("ssh-rsa", 2048).value()};
    for (std::size_t i = 0; i < keys.size(); ++i)
        ASSERT_TRUE(openssh.add(keys[i], "key-" + std::to_string(i)));
    const int socket = openssh.connect();
    ASSERT_GE(socket, 0);

    agent_client agent;
    agent.request_identities();
    const auto listed = converse(agent, socket);
    ASSERT_TRUE(listed && std::holds_alternative<agent_identities>(*listed));
    const auto& identities = std::get<agent_identities>(*listed).identities;
    ASSERT_EQ(identities.size(), keys.size());
    for (std::size_t i = 0; i < keys.size(); ++i) {
        EXPECT_EQ(identities[i].key_blob, keys[i].public_half().blob());
        EXPECT_EQ(identities[i].comment, "key-" + std::to_string(i));
    }

    // All at once: the replies come in order.
    const bytes data(5000, 7);
    struct {
        std::size_t key;
        const char* algorithm;
    } cases[] = {
        {0, "ssh-ed25519"}, {1, "ecdsa-sha2-nistp384"}, {2, "rsa-sha2-256"}, {2, "rsa-sha2-512"}};
    for (const auto& c : cases)
        agent.request_signature(keys[c.key].public_half().blob(), c.algorithm, data);
    for (const auto& c : cases) {
        SCOPED_TRACE(c.algorithm);
        const auto signature = converse(agent, socket);
        ASSERT_TRUE(signature && std::holds_alternative<agent_signature>(*signature));
        EXPECT_TRUE(keys[c.key].public_half().verify(c.algorithm, data,
                                                     std::get<agent_signature>(*signature).blob));
    }

    const auto stranger = crypto::private_key::generate("ssh-ed25519").value();
    agent.request_signature(stranger.public_half().blob(), "ssh-ed25519", data);
    const auto refused = converse(agent, socket);
    ASSERT_TRUE(refused);
    EXPECT_TRUE(std::holds_alternative<agent_refusal>(*refused));
    EXPECT_EQ(agent.pending(), 0u);
    ::close(socket);
}

}  // namespace
}  // namespace sluice
