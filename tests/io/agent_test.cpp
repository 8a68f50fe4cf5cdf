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

TEST(Rfc9987, OpenSshsAgentTakesWhatWeAddAndTheOtherRequests) {
    running_agent openssh;
    ASSERT_TRUE(openssh.listening()) << "ssh-agent cannot be run";
    const int socket = openssh.connect();
    ASSERT_GE(socket, 0);
    agent_client agent;
    const auto succeeds = [&] {
        const auto reply = converse(agent, socket);
        return reply && std::holds_alternative<agent_success>(*reply);
    };
    const auto listed = [&] {
        agent.request_identities();
        const auto reply = converse(agent, socket);
        return std::get<agent_identities>(reply.value()).identities.size();
    };
    const auto authority = crypto::private_key::generate("ssh-ed25519").value();
    const bytes data(100, 1);
    std::size_t count = 0;
    for (const char* type :
         {"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp521", "ssh-rsa"})
        for (const bool certified : {false, true}) {
            SCOPED_TRACE(type);
            const auto key = crypto::private_key::generate(type).value();
            const auto certificate = crypto::certificate::issue(key.public_half(), {}, authority,
                                                                crypto::system_random())
                                         .value();
            ASSERT_TRUE(certified ? agent.add(key, certificate, "c") : agent.add(key, "c"));
            EXPECT_TRUE(succeeds());
            EXPECT_EQ(listed(), ++count);
            const bool rsa = std::string_view(type) == "ssh-rsa";
            const char* algorithm = rsa ? "rsa-sha2-512" : type;
            agent.request_signature(certified ? certificate.blob() : key.public_half().blob(),
                                    algorithm, data);
            const auto reply = converse(agent, socket);
            ASSERT_TRUE(reply && std::holds_alternative<agent_signature>(*reply));
            EXPECT_TRUE(
                key.public_half().verify(algorithm, data, std::get<agent_signature>(*reply).blob));
        }
    agent.remove_all();
    EXPECT_TRUE(succeeds());
    EXPECT_EQ(listed(), 0u);

    // Constraints: where it may be used is checked on a connection that is bound.
    const auto key = crypto::private_key::generate("ssh-ed25519").value();
    const auto host = crypto::private_key::generate("ssh-ed25519").value();
    const auto other = crypto::private_key::generate("ssh-ed25519").value();
    agent_constraints constraints;
    constraints.lifetime.emplace(1000);
    constraints.confirm = true;
    constraints.hops.push_back({{}, {"", "host", {{host.public_half(), false}}}});
    ASSERT_TRUE(agent.add(key, "restricted", constraints));
    EXPECT_TRUE(succeeds());
    EXPECT_EQ(listed(), 1u);
    agent.lock("word");
    EXPECT_TRUE(succeeds());
    EXPECT_EQ(listed(), 0u);
    agent.unlock("word");
    EXPECT_TRUE(succeeds());
    const bytes session(32, 5);
    const auto bind = [&](const crypto::private_key& as) {
        const bytes signature = as.sign("ssh-ed25519", session).value();
        agent.bind_session({as.public_half().blob(), session, signature, false});
        return succeeds();
    };
    EXPECT_TRUE(bind(host));
    EXPECT_EQ(listed(), 1u);
    EXPECT_FALSE(bind(other)) << "it is bound for a login";
    agent.remove(key.public_half().blob());
    EXPECT_TRUE(succeeds());
    ::close(socket);
}

}  // namespace
}  // namespace sluice
