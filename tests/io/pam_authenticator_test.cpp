// libpam itself, with services of our own.

#include "sluice/io/pam_authenticator.hpp"

#include "sluice/tests/support/key_folder.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <functional>

namespace sluice {
namespace {

namespace asio = boost::asio;
using said = std::optional<std::vector<secret_bytes>>;

// What a program of pam_exec says decides: expose_authtok gives it what was typed.
class pam_services {
public:
    pam_services() {
        script("sesame", "#!/bin/sh\n[ \"$(tr -d '\\000')\" = sesame ]\n");
        const std::string asks = "auth required pam_exec.so expose_authtok quiet " + path("sesame");
        service("permit", "auth required pam_permit.so\naccount required pam_permit.so\n");
        service("deny", "auth required pam_deny.so\naccount required pam_permit.so\n");
        // Of services that are not there. libpam (1.5.2) would lose memory without it.
        service("other", "auth required pam_deny.so\naccount required pam_deny.so\n");
        service("ask", asks + "\naccount required pam_permit.so\n");
        script("whatever", "#!/bin/sh\ncat > /dev/null\n");
        service("anything", "auth required pam_exec.so expose_authtok quiet " + path("whatever") +
                                "\naccount required pam_permit.so\n");
        service("locked", asks + "\naccount required pam_deny.so\n");
        // pam_debug gives what its arguments say.
        service("expired", asks +
                               "\naccount required pam_debug.so acct=new_authtok_reqd\n"
                               "password required pam_permit.so\n");
        folder_.write("greeting", "welcome %u\n");
        service("words", asks + "\nauth optional pam_echo.so file=" + path("greeting") +
                             "\naccount required pam_permit.so\n");
    }

    std::string path(std::string_view name) const { return folder_.path(name); }

private:
    void service(std::string_view name, const std::string& lines) { folder_.write(name, lines); }
    void script(std::string_view name, const std::string& text) {
        ::chmod(folder_.write(name, text).c_str(), 0700);
    }

    test::key_folder folder_;
};

class scripted_user final : public conversation {
public:
    using reply = std::function<said(const auth_prompts&)>;
    explicit scripted_user(reply r) : reply_(std::move(r)) {}

    asio::awaitable<said> ask(auth_prompts prompts) override {
        asked.push_back(prompts);
        if (asks_for_ever) {
            asio::steady_timer never(co_await asio::this_coro::executor,
                                     std::chrono::steady_clock::time_point::max());
            waiting();
            co_await never.async_wait(asio::use_awaitable);
        }
        co_return reply_(prompts);
    }

    std::vector<auth_prompts> asked;
    bool asks_for_ever = false;
    std::function<void()> waiting;

private:
    reply reply_;
};

said says(std::string_view text) { return std::vector<secret_bytes>{secret_bytes(as_bytes(text))}; }

login_attempt attempt_of(enum auth_question::kind what, std::string_view password = {}) {
    login_attempt attempt;
    attempt.question.what = what;
    attempt.question.user = "ada";
    attempt.question.password = secret_bytes(as_bytes(password));
    attempt.peer_address = "127.0.0.1";
    return attempt;
}

class PamLogin : public testing::Test {
protected:
    login_verdict run(asio::awaitable<login_verdict> login) {
        login_verdict verdict{.reason = "did not end"};
        asio::io_context context;
        asio::co_spawn(context, std::move(login), [&](std::exception_ptr failed, login_verdict v) {
            verdict = failed ? login_verdict{.reason = "threw"} : std::move(v);
        });
        context.run();
        return verdict;
    }
    pam_authenticator by(std::string service) {
        return {{std::move(service), services_.path("")}, pool_};
    }

    pam_services services_;
    asio::thread_pool pool_{2};
};

TEST_F(PamLogin, ModulesDecide) {
    scripted_user nobody([](const auth_prompts&) { return said(); });
    auto permit = by("permit");
    EXPECT_TRUE(
        accepts(run(permit.converse(attempt_of(auth_question::kind::interactive), nobody)).answer));
    auto deny = by("deny");
    const auto denied = run(deny.converse(attempt_of(auth_question::kind::interactive), nobody));
    EXPECT_FALSE(accepts(denied.answer));
    EXPECT_EQ(denied.reason, "Authentication failure");
    EXPECT_TRUE(nobody.asked.empty());
    auto absent = by("no-such-service");
    EXPECT_FALSE(
        accepts(run(absent.converse(attempt_of(auth_question::kind::interactive), nobody)).answer));
}

TEST_F(PamLogin, TheUserIsAsked) {
    auto ask = by("ask");
    for (const std::string_view word : {"sesame", "wrong", ""}) {
        SCOPED_TRACE(word);
        scripted_user user([&](const auth_prompts&) { return says(word); });
        const auto verdict = run(ask.converse(attempt_of(auth_question::kind::interactive), user));
        EXPECT_EQ(accepts(verdict.answer), word == "sesame") << verdict.reason;
        ASSERT_EQ(user.asked.size(), 1U);
        ASSERT_EQ(user.asked[0].prompts.size(), 1U);
        EXPECT_FALSE(user.asked[0].prompts[0].echo);
        EXPECT_EQ(verdict.reason.find("wrong"), std::string::npos) << "nothing typed is told";
    }
}

TEST_F(PamLogin, WhatCannotBeGivenToPamIsRefused) {
    auto ask = by("ask");
    const std::string nul("sesame\0x", 8);
    for (const said& given :
         {said(std::vector<secret_bytes>()), says(nul), says(std::string(600, 'x')), said()}) {
        scripted_user user([&](const auth_prompts&) { return given; });
        EXPECT_FALSE(
            accepts(run(ask.converse(attempt_of(auth_question::kind::interactive), user)).answer));
    }
    auto with_nul = attempt_of(auth_question::kind::interactive);
    with_nul.question.user = std::string("ada\0x", 5);
    scripted_user user([](const auth_prompts&) { return says("sesame"); });
    EXPECT_FALSE(accepts(run(ask.converse(with_nul, user)).answer));
    EXPECT_TRUE(user.asked.empty());
}

// Whatever a module thinks of it.
TEST_F(PamLogin, AnEmptyPasswordOpensNothing) {
    auto anything = by("anything");
    for (const std::string_view word : {"x", ""}) {
        SCOPED_TRACE(word);
        scripted_user user([&](const auth_prompts&) { return says(word); });
        const auto asked =
            run(anything.converse(attempt_of(auth_question::kind::interactive), user));
        EXPECT_EQ(accepts(asked.answer), !word.empty()) << asked.reason;
        const auto sent = run(anything.check(attempt_of(auth_question::kind::password, word)));
        EXPECT_EQ(accepts(sent.answer), !word.empty()) << sent.reason;
    }
}

TEST_F(PamLogin, WordsOfModulesAreShown) {
    auto words = by("words");
    scripted_user user([](const auth_prompts& p) {
        return p.prompts.empty() ? said(std::vector<secret_bytes>()) : says("sesame");
    });
    EXPECT_TRUE(
        accepts(run(words.converse(attempt_of(auth_question::kind::interactive), user)).answer));
    ASSERT_EQ(user.asked.size(), 2U);
    EXPECT_NE(user.asked[1].instruction.find("welcome ada"), std::string::npos)
        << user.asked[0].instruction << "|" << user.asked[1].instruction;
}

TEST_F(PamLogin, AccountsAreChecked) {
    scripted_user user([](const auth_prompts&) { return says("sesame"); });
    auto locked = by("locked");
    const auto verdict = run(locked.converse(attempt_of(auth_question::kind::interactive), user));
    EXPECT_FALSE(accepts(verdict.answer));
    EXPECT_TRUE(verdict.reason.starts_with("account: ")) << verdict.reason;
    // Also alone, where a key has been the proof.
    const auto key = attempt_of(auth_question::kind::public_key);
    EXPECT_FALSE(accepts(run(locked.check_account(key)).answer));
    auto deny = by("deny");
    EXPECT_TRUE(accepts(run(deny.check_account(key)).answer)) << "no module is asked to identify";
}

TEST_F(PamLogin, AnExpiredPasswordIsChangedWhereSomebodyIsThereToDoIt) {
    scripted_user user([](const auth_prompts&) { return says("sesame"); });
    auto expired = by("expired");
    EXPECT_TRUE(
        accepts(run(expired.converse(attempt_of(auth_question::kind::interactive), user)).answer));
    EXPECT_FALSE(
        accepts(run(expired.check(attempt_of(auth_question::kind::password, "sesame"))).answer));
    EXPECT_FALSE(
        accepts(run(expired.check_account(attempt_of(auth_question::kind::public_key))).answer));
}

TEST_F(PamLogin, APasswordAnswersTheOneQuestion) {
    auto ask = by("ask");
    EXPECT_TRUE(
        accepts(run(ask.check(attempt_of(auth_question::kind::password, "sesame"))).answer));
    EXPECT_FALSE(
        accepts(run(ask.check(attempt_of(auth_question::kind::password, "wrong"))).answer));
    EXPECT_FALSE(accepts(run(ask.check(attempt_of(auth_question::kind::public_key))).answer));
    EXPECT_FALSE(accepts(run(ask.check(attempt_of(auth_question::kind::none))).answer));
}

// A connection that ends while a module waits: the coroutine is cancelled, and the thread ends.
TEST_F(PamLogin, AThreadThatWaitsEndsWithItsConversation) {
    auto ask = by("ask");
    for (int i = 0; i < 5; ++i) {  // more often than there are threads
        asio::io_context context;
        asio::cancellation_signal cancel;
        scripted_user user([](const auth_prompts&) { return says("sesame"); });
        user.asks_for_ever = true;
        user.waiting = [&] {
            asio::post(context, [&] { cancel.emit(asio::cancellation_type::terminal); });
        };
        bool ended = false;
        asio::co_spawn(context, ask.converse(attempt_of(auth_question::kind::interactive), user),
                       asio::bind_cancellation_slot(
                           cancel.slot(), [&](std::exception_ptr, const login_verdict& v) {
                               ended = true;
                               EXPECT_FALSE(accepts(v.answer));
                           }));
        context.run();
        EXPECT_TRUE(ended);
    }
    pool_.join();  // hangs if one is left
}

// The same where the context goes away under it.
TEST_F(PamLogin, AThreadThatWaitsEndsWithItsContext) {
    auto ask = by("ask");
    scripted_user user([](const auth_prompts&) { return says("sesame"); });
    user.asks_for_ever = true;
    {
        asio::io_context context;
        user.waiting = [&] { context.stop(); };
        asio::co_spawn(context, ask.converse(attempt_of(auth_question::kind::interactive), user),
                       [](std::exception_ptr, const login_verdict&) {});
        context.run();
        EXPECT_EQ(user.asked.size(), 1U);
    }
    pool_.join();
}

}  // namespace
}  // namespace sluice
