// What only the program around an endpoint can do wrong ends the program, and goes no further.

#include "sluice/crypto/key.hpp"
#include "sluice/tests/endpoint/endpoint_pair.hpp"
#include "sluice/wire/limits.hpp"

#include <gtest/gtest.h>

namespace sluice {
namespace {

using test::endpoint_pair;

constexpr const char* broken = "expectation broken";

std::vector<crypto::public_key> keys(std::size_t count) {
    return std::vector<crypto::public_key>(
        count, crypto::private_key::generate("ssh-ed25519").value().public_half());
}

TEST(OwnMistakesDeathTest, ProofIsAskedForOnceAtATimeAndOfAsManyKeysAsThereMayBe) {
    endpoint_pair pair;
    pair.log_in();
    EXPECT_DEATH(pair.client->ask_for_proof({}), broken);
    EXPECT_DEATH(pair.client->ask_for_proof(keys(limits::host_keys_max + 1)), broken);
    pair.client->ask_for_proof(keys(limits::host_keys_max));
    EXPECT_DEATH(pair.client->ask_for_proof(keys(1)), broken);
    EXPECT_DEATH(pair.client->ask_for_proof({}), broken);
    pair.run();  // answered
    pair.client->ask_for_proof(keys(1));
}

TEST(OwnMistakesDeathTest, AHostKeyIsJudgedWhileItIsAskedAbout) {
    endpoint_pair pair;
    pair.start();
    EXPECT_DEATH(pair.client->accept_host_key(pair.now), broken);
    EXPECT_DEATH(pair.client->refuse_host_key(pair.now), broken);
    pair.run();
    ASSERT_TRUE(pair.client->authenticated());
    EXPECT_DEATH(pair.client->accept_host_key(pair.now), broken);
    EXPECT_DEATH(pair.client->refuse_host_key(pair.now), broken);
}

TEST(OwnMistakesDeathTest, WhatWasNotAskedIsNotAnswered) {
    endpoint_pair pair;
    pair.start();
    EXPECT_DEATH(pair.client->answer(auth_declined{}, pair.now), broken);
    EXPECT_DEATH(pair.server->answer(auth_answer::accept, pair.now), broken);
    pair.run();
    ASSERT_TRUE(pair.client->authenticated());
    EXPECT_DEATH(pair.client->answer(auth_declined{}, pair.now), broken);
    EXPECT_DEATH(pair.server->answer(auth_answer::accept, pair.now), broken);
}

TEST(OwnMistakesDeathTest, ThereAreNoChannelsBeforeTheLogin) {
    endpoint_pair pair;
    pair.start();
    EXPECT_DEATH(static_cast<void>(pair.client->channels()), broken);
    const server_endpoint& server = *pair.server;
    EXPECT_DEATH(static_cast<void>(server.channels()), broken);
    pair.run();
    static_cast<void>(pair.client->channels());
    static_cast<void>(server.channels());
}

}  // namespace
}  // namespace sluice
