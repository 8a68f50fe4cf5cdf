// How much of an environment a session may be given.

#include "sluice/tests/support/ssh_client.hpp"
#include "sluice/wire/limits.hpp"

#include <gtest/gtest.h>

#include <string>

namespace sluice {
namespace {

struct one_session {
    one_session() {
        s.options.accepted_environment = {"*"};
        s.start();
        client = test::ssh_client::connect(s);
        expects(client->log_in());
        number = client->open();
    }
    bool set(std::string_view name, std::string_view value) {
        return client->request(number, env_request{name, value});
    }
    std::string output_of(std::string_view command) {
        EXPECT_TRUE(client->exec(number, command));
        EXPECT_TRUE(client->finish(number));
        return client->sessions[number].out;
    }

    test::served s;
    std::shared_ptr<test::ssh_client> client;
    std::uint32_t number = 0;
};

TEST(SessionEnvironment, VariablesAreCapped) {
    one_session one;
    for (std::size_t i = 0; i < limits::environment_variables_max; ++i)
        ASSERT_TRUE(one.set("V" + std::to_string(i), "x")) << i;
    EXPECT_FALSE(one.set("MORE", "x"));
    EXPECT_FALSE(one.set("V0", "y")) << "nor is one changed";
    EXPECT_EQ(one.output_of("env | grep -c '^V[0-9]*=x$'; env | grep -c '^MORE='"),
              std::to_string(limits::environment_variables_max) + "\n0\n")
        << "the command has those that were taken";
}

TEST(SessionEnvironment, BytesAreCapped) {
    constexpr std::size_t piece = limits::environment_bytes_max / 4;
    one_session one;
    for (const char* name : {"A", "B", "C"})
        EXPECT_TRUE(one.set(name, std::string(piece - 1, 'x')));
    EXPECT_FALSE(one.set("D", std::string(piece, 'x'))) << "one byte too many, with its name";
    EXPECT_EQ(one.output_of("echo ${#A} ${#B} ${#C} ${#D}"),
              std::to_string(piece - 1) + " " + std::to_string(piece - 1) + " " +
                  std::to_string(piece - 1) + " 0\n");

    one_session full;
    for (const char* name : {"A", "B", "C", "D"})
        EXPECT_TRUE(full.set(name, std::string(piece - 1, 'x')));
    EXPECT_FALSE(full.set("E", "")) << "names count";

    // A session's own: another of the same connection has its whole share.
    const auto other = full.client->open();
    EXPECT_TRUE(full.client->request(other, env_request{"E", "x"}));
}

}  // namespace
}  // namespace sluice
