// What the steps of a login leave of its rights, and what an authenticator does that says nothing.

#include "sluice/io/authenticator.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sluice {
namespace {

namespace asio = boost::asio;
using text = std::optional<std::string>;
using destinations = std::optional<std::vector<open_destination>>;
using list = std::vector<open_destination>;

TEST(SessionRights, OneCommandIsForcedOrNobodyComesIn) {
    const struct {
        text first;
        text second;
        bool together;
        text want;
    } cases[] = {
        {std::nullopt, std::nullopt, true, std::nullopt},
        {"a", std::nullopt, true, "a"},
        {std::nullopt, "a", true, "a"},
        {"a", "a", true, "a"},
        {"a", "b", false, "a"},
        {"a", "", false, "a"},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.first.value_or("none") + " and " + c.second.value_or("none"));
        session_rights rights;
        rights.forced_command = c.first;
        session_rights more;
        more.forced_command = c.second;
        EXPECT_EQ(restrict(rights, more), c.together);
        EXPECT_EQ(rights.forced_command, c.want);
    }
}

TEST(SessionRights, ForwardingIsWhatAllPermit) {
    for (const bool first : {false, true})
        for (const bool second : {false, true}) {
            session_rights rights;
            rights.port_forwarding = first;
            session_rights more;
            more.port_forwarding = second;
            EXPECT_TRUE(restrict(rights, more));
            EXPECT_EQ(rights.port_forwarding, first && second);
        }
}

TEST(SessionRights, DestinationsAreThoseThatAllPermit) {
    const open_destination web{"a", 80};
    const open_destination mail{"a", 25};
    const open_destination all{"a", std::nullopt};
    const struct {
        const char* name;
        destinations first;
        destinations second;
        destinations want;
    } cases[] = {
        {"anywhere and anywhere", std::nullopt, std::nullopt, std::nullopt},
        {"anywhere and some", std::nullopt, list{web, mail}, list{web, mail}},
        {"some and anywhere", list{web, mail}, std::nullopt, list{web, mail}},
        {"some of them", list{web, mail}, list{mail}, list{mail}},
        {"more than them", list{mail}, list{web, mail}, list{mail}},
        {"others", list{web}, list{mail}, list{}},
        {"nowhere", list{}, list{web}, list{}},
        {"and nowhere", list{web}, list{}, list{}},
        {"nowhere and anywhere", list{}, std::nullopt, list{}},
        {"anywhere and nowhere", std::nullopt, list{}, list{}},
        {"another host's port", list{web}, list{{"b", 80}}, list{}},
        {"literally: all ports are not one", list{web}, list{all}, list{}},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        session_rights rights;
        rights.permit_open = c.first;
        session_rights more;
        more.permit_open = c.second;
        EXPECT_TRUE(restrict(rights, more));
        EXPECT_EQ(rights.permit_open, c.want);
    }
}

TEST(SessionRights, VariablesOfAllStepsAreSetInTheirOrder) {
    session_rights rights;
    rights.environment = {{"A", "1"}, {"B", "2"}};
    session_rights more;
    more.environment = {{"A", "3"}, {"C", "4"}};
    EXPECT_TRUE(restrict(rights, more));
    EXPECT_EQ(rights.environment, (std::vector<std::pair<std::string, std::string>>{
                                      {"A", "1"}, {"B", "2"}, {"A", "3"}, {"C", "4"}}));
}

class checks_only final : public authenticator {
    asio::awaitable<login_verdict> check(login_attempt) override {
        co_return login_verdict{.answer = auth_answer::accept};
    }
};

class asks_nobody final : public conversation {
    asio::awaitable<std::optional<std::vector<secret_bytes>>> ask(auth_prompts) override {
        ADD_FAILURE() << "asked";
        co_return std::nullopt;
    }
};

TEST(Authenticator, WhoDoesNotConverseLetsNobodyInByIt) {
    checks_only logins;
    authenticator& as_used = logins;
    asks_nobody user;
    asio::io_context context;
    auto verdict = asio::co_spawn(context, as_used.converse({}, user), asio::use_future);
    context.run();
    EXPECT_FALSE(accepts(verdict.get().answer));
    auto policy = asio::co_spawn(context, as_used.policy({}), asio::use_future);
    context.restart();
    context.run();
    EXPECT_FALSE(policy.get()) << "all users log in as the server says";
}

}  // namespace
}  // namespace sluice
