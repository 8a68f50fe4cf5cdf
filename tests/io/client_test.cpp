// Connecting, logging in and leaving, against a server in the same process.

#include "sluice/io/client.hpp"

#include "sluice/auth/known_hosts.hpp"
#include "sluice/crypto/key_file.hpp"
#include "sluice/tests/support/client_side.hpp"
#include "sluice/tests/support/running_agent.hpp"
#include "sluice/tests/support/temp_dir.hpp"
#include "sluice/wire/limits.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/write.hpp>

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace sluice {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using test::as_values;
using test::carrier;
using test::run_to_end;
using test::served;

constexpr carrier carriers[] = {carrier::tcp, carrier::socketpair, carrier::memory};

std::string text_of(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
}

// Named: gcc 12 destroys an aggregate twice that is written out within a co_await.
run_options with_input(std::string input) {
    run_options o;
    o.input = std::move(input);
    return o;
}

run_options with_output_max(std::size_t n) {
    run_options o;
    o.output_max = n;
    return o;
}

// --- connecting and running ---------------------------------------------------------------------

TEST(Client, RunsACommandOverWhateverCarriesIt) {
    for (const unsigned threads : {0u, 2u}) {
        for (const carrier over : carriers) {
            SCOPED_TRACE(test::name_of(over));
            SCOPED_TRACE(threads);
            served s(threads);
            s.start();
            EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
                auto [e, c] = co_await test::connect_to(s, over, test::test_options());
                EXPECT_FALSE(e) << e.message();
                if (e) co_return;
                const auto result =
                    co_await c.run("cat; echo to-stderr >&2; exit 7", with_input("hello"));
                EXPECT_EQ(result.out, "hello");
                EXPECT_EQ(result.err, "to-stderr\n");
                EXPECT_EQ(result.exit.status, 7u);
                const auto killed = co_await c.run("kill -TERM $$");
                EXPECT_FALSE(killed.exit.status);
                EXPECT_EQ(killed.exit.signal, "TERM");
                const close_report report = co_await c.close();
                EXPECT_EQ(report.outcome, close_outcome::drained);
                EXPECT_TRUE(report.complete());
                EXPECT_EQ(report.total.channels, 2u);
                EXPECT_EQ(report.total.bytes_sent, 5u);
            }()));
            EXPECT_TRUE(s.until([&] { return s.connections() == 0; }));
        }
    }
}

TEST(Client, CarriesManyMegabytesEachWay) {
    served s(2);
    s.start();
    const std::string data(16 << 20, 'x');
    EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
        auto [e, c] = co_await test::connect_to(s, carrier::memory, test::test_options());
        EXPECT_FALSE(e);
        const auto result = co_await c.run("cat", with_input(data));
        EXPECT_TRUE(result.out == data);
        co_await c.rekey();
        const auto counted = co_await c.run("wc -c", with_input(data));
        EXPECT_EQ(counted.out, "16777216\n");
        EXPECT_TRUE((co_await c.close()).complete());
    }()));
}

TEST(Client, ACommandThatWritesMoreThanIsTakenIsCutOff) {
    served s;
    s.start();
    EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
        auto [e, c] = co_await test::connect_to(s, carrier::memory, test::test_options());
        const auto [too_long, none] =
            co_await c.run("cat /dev/zero", with_output_max(100'000), as_values);
        EXPECT_EQ(too_long, errc::too_long);
        EXPECT_EQ((co_await c.run("echo more", with_output_max(5))).out, "more\n");
        co_await c.close();
    }()));
}

TEST(Client, ACommandWithoutAnEofIsWholeOnlyByItsExitStatus) {
    for (const bool with_status : {true, false}) {
        SCOPED_TRACE(with_status);
        test::scripted s;
        EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
            connection c = co_await s.connect();
            s.server->on_request = [&](const channel_request& request) {
                if (!std::holds_alternative<exec_request>(request)) return;
                const channel_id id = *s.server->opened;
                auto& channels = s.server->channels();
                channels.write(id, wire::buffer::copy_of(as_bytes("output")));
                if (with_status) s.server->send_exit_status_now(7);
                channels.cut(id);
            };
            const auto [e, result] = co_await c.run("x", run_options::usual(), as_values);
            EXPECT_EQ(e, with_status ? error_code() : make_error_code(errc::channel_closed));
            if (with_status) {
                EXPECT_EQ(result.exit.status, 7u);
                EXPECT_EQ(result.out, "output");
                EXPECT_FALSE(result.whole);
            }
            co_await c.close();
        }()));
    }
}

TEST(Client, WhatTheServerRefusesIsAnErrorAndTheRestGoesOn) {
    served s;
    s.start();
    EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
        auto [e, c] = co_await test::connect_to(s, carrier::memory, test::test_options());
        auto [refused, none] = co_await c.open_direct_tcpip("127.0.0.1", 1, as_values);
        EXPECT_EQ(refused, errc::open_refused);
        session one = co_await c.open_session();
        auto [denied] = co_await one.request_subsystem("nonsense", as_values);
        EXPECT_EQ(denied, errc::request_refused);
        co_await one.close();
        EXPECT_EQ((co_await c.run("echo fine")).out, "fine\n");
        co_await c.close();
    }()));
}

TEST(Client, PingsAndRekeysAndTellsTheLogOfEachExchange) {
    served s;
    s.start();
    std::vector<log_record> told;
    connect_options options = test::test_options();
    options.log = [&](const log_record& r) { told.push_back(r); };
    EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
        auto [e, c] = co_await test::connect_to(s, carrier::tcp, options);
        for (int i = 0; i < 3; ++i) {
            co_await c.ping();
            co_await c.rekey();
        }
        co_await c.close();
    }()));
    ASSERT_EQ(told.size(), 4u);
    for (const log_record& r : told) {
        EXPECT_EQ(r.event, "key_exchange");
        EXPECT_EQ(r.level, log_severity::debug);
        for (const auto& [name, value] : r.fields)
            EXPECT_FALSE(value.empty()) << name;
    }
}

TEST(Client, PingsServersThatDoNotKnowPing) {
    test::scripted s;
    s.config.transport.extensions.clear();
    EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
        connection c = co_await s.connect();
        session one = co_await c.open_session();
        co_await asio::async_write(one, asio::buffer("sent before", 11), asio::use_awaitable);
        co_await c.ping();
        EXPECT_EQ(s.server->received, "sent before");
        // One whose wait was cancelled keeps its place.
        asio::cancellation_signal cancel;
        std::vector<error_code> told;
        const auto tell = [&](error_code e) { told.push_back(e); };
        c.ping(asio::bind_cancellation_slot(cancel.slot(), tell));
        cancel.emit(asio::cancellation_type::total);
        co_await c.ping();
        EXPECT_EQ(told, std::vector<error_code>{asio::error::operation_aborted});
    }()));
}

// --- not getting there --------------------------------------------------------------------------

TEST(Client, WhereNobodyListensIsTold) {
    served s;
    s.start();
    connect_options options = test::test_options();
    std::vector<connect_failure> failures;
    options.on_failure = [&](const connect_failure& f) { failures.push_back(f); };
    EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
        boost::asio::ip::tcp::acceptor unused(s.context, {asio::ip::address_v4::loopback(), 0});
        options.host = "127.0.0.1";
        options.port = unused.local_endpoint().port();
        unused.close();
        auto [e, c] = co_await connect(s.context.get_executor(), options, as_values);
        EXPECT_EQ(e, asio::error::connection_refused);
        EXPECT_FALSE(c);
    }()));
    ASSERT_EQ(failures.size(), 1u);
    EXPECT_NE(failures[0].text.find("cannot connect to 127.0.0.1 port"), std::string::npos);
}

TEST(Client, WarnsOfWeakAlgorithms) {
    served s;
    s.start();
    std::vector<std::string> warned;
    connect_options options = test::test_options();
    options.log = [&](const log_record& r) {
        if (r.event == "weak_algorithm") warned.push_back(r.fields.at(0).second);
    };
    const auto try_it = [&]() -> asio::awaitable<void> {
        boost::asio::ip::tcp::acceptor unused(s.context, {asio::ip::address_v4::loopback(), 0});
        options.host = "127.0.0.1";
        options.port = unused.local_endpoint().port();
        unused.close();
        auto [e, c] = co_await connect(s.context.get_executor(), options, as_values);
        EXPECT_EQ(e, asio::error::connection_refused);
    };
    EXPECT_TRUE(run_to_end(s, try_it()));
    EXPECT_TRUE(warned.empty());
    options.protocol.transport.ciphers.emplace_back("aes256-cbc");
    options.protocol.auth.public_key_algorithms.emplace_back("ssh-rsa");
    EXPECT_TRUE(run_to_end(s, try_it()));
    EXPECT_EQ(warned, (std::vector<std::string>{"ssh-rsa", "aes256-cbc"}));
}

TEST(Client, AServerThatSaysNothingIsLeftAfterTheTimeout) {
    test::scripted s;
    connect_options options = test::test_options();
    options.protocol.login_timeout = 50ms;
    options.protocol.end.linger = 50ms;
    EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
        auto [a, b] = make_memory_streams(s.context.get_executor(), s.context.get_executor());
        auto [e, c] = co_await connect(std::move(a), options, as_values);
        EXPECT_EQ(e, errc::login_timeout);
    }()));
}

TEST(Client, AConnectThatIsCancelledLeavesNothingBehind) {
    for (const auto type : {asio::cancellation_type::terminal, asio::cancellation_type::partial,
                            asio::cancellation_type::total}) {
        for (const bool in_a_question : {false, true}) {
            SCOPED_TRACE(in_a_question);
            served s;
            if (in_a_question) s.options.protocol.auth.method_chains = {{"password"}};
            s.start();
            connect_options options = test::test_options();
            asio::cancellation_signal cancel;
            bool asked = false;
            bool question_cancelled = false;
            options.on_password =
                [&](client_auth_question) -> asio::awaitable<std::optional<secret_bytes>> {
                asked = true;
                asio::steady_timer never(s.context, asio::steady_timer::time_point::max());
                const auto [e] = co_await never.async_wait(as_values);
                question_cancelled = e == asio::error::operation_aborted;
                co_return std::nullopt;
            };
            options.host = s.address.address().to_string();
            options.port = s.address.port();
            std::optional<error_code> outcome;
            connect(s.context.get_executor(), options,
                    asio::bind_cancellation_slot(cancel.slot(),
                                                 [&](error_code e, connection) { outcome = e; }));
            EXPECT_TRUE(s.until([&] { return in_a_question ? asked : s.connections() == 1; }));
            cancel.emit(type);
            EXPECT_TRUE(s.until([&] { return outcome && s.connections() == 0; }));
            EXPECT_EQ(*outcome, asio::error::operation_aborted);
            EXPECT_EQ(question_cancelled, in_a_question);
            s.stop();
            EXPECT_TRUE(s.nothing_runs());
        }
    }
}

// --- who the server is --------------------------------------------------------------------------

struct host_key_case {
    const char* name;
    host_key_policy policy;
    enum { nobody, itself, another, revoked } known;
    std::optional<host_key_answer> answer;
    bool accepted;
    bool saved;
};

TEST(ClientHostKeys, AreJudgedByThePolicy) {
    using enum host_key_policy;
    const host_key_case cases[] = {
        {"strict, unknown", strict, host_key_case::nobody, {}, false, false},
        {"strict, known", strict, host_key_case::itself, {}, true, false},
        {"strict, changed", strict, host_key_case::another, {}, false, false},
        {"new, unknown", accept_new, host_key_case::nobody, {}, true, true},
        {"new, known", accept_new, host_key_case::itself, {}, true, false},
        {"new, changed", accept_new, host_key_case::another, {}, false, false},
        {"new, revoked", accept_new, host_key_case::revoked, {}, false, false},
        {"ask, nobody there", ask, host_key_case::nobody, {}, false, false},
        {"ask, no", ask, host_key_case::nobody, host_key_answer::refuse, false, false},
        {"ask, once", ask, host_key_case::nobody, host_key_answer::accept_once, true, false},
        {"ask, save", ask, host_key_case::nobody, host_key_answer::accept_and_save, true, true},
        {"ask, changed", ask, host_key_case::another, host_key_answer::accept_and_save, false,
         false},
        {"any, unknown", accept_any, host_key_case::nobody, {}, true, true},
        {"any, known", accept_any, host_key_case::itself, {}, true, false},
        {"any, changed", accept_any, host_key_case::another, {}, true, false},
        {"any, revoked", accept_any, host_key_case::revoked, {}, false, false},
    };
    for (const auto& c : cases) {
        for (const bool hashed : {false, true}) {
            SCOPED_TRACE(c.name);
            test::temp_dir dir;
            const std::string file = dir / "made/known_hosts";
            served s;
            s.start();
            connect_options options = test::test_options();
            const auto key = std::exchange(options.host_keys, {}).front();
            options.known_hosts_files = {{file}};
            options.host_keys_unknown = c.policy;
            options.hash_known_hosts = hashed;
            if (c.answer)
                options.on_unknown_host_key = [&](const host_key_question& q) {
                    EXPECT_EQ(q.host, "127.0.0.1");
                    EXPECT_EQ(q.key, key);
                    return *c.answer;
                };
            std::string before;
            const auto known = c.known == host_key_case::another
                                   ? crypto::private_key::generate("ssh-ed25519")->public_half()
                                   : key;
            if (c.known != host_key_case::nobody) {
                before = known_hosts_line("127.0.0.1", s.address.port(), known).value();
                if (c.known == host_key_case::revoked) before = "@revoked " + before;
                before.pop_back();  // a file that ends within a line
                std::filesystem::create_directory(dir / "made");
                std::ofstream(file) << before;
            }
            connect_failure failure;
            options.on_failure = [&](const connect_failure& f) { failure = f; };
            EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
                for (const bool again : {false, true}) {
                    auto [e, connected] = co_await test::connect_to(s, carrier::tcp, options);
                    EXPECT_EQ(!e, c.accepted) << e.message();
                    if (e) {
                        EXPECT_EQ(e, errc::host_key_rejected);
                        EXPECT_NE(failure.text.find(key.fingerprint()), std::string::npos);
                        const bool told = failure.text.find(file + ":1") != std::string::npos;
                        EXPECT_EQ(told, c.known != host_key_case::nobody);
                        co_return;
                    }
                    co_await connected.close();
                    if (!c.saved) break;
                    if (again) break;
                    options.host_keys_unknown = strict;  // it is known from now on
                }
            }()));
            const std::string after = text_of(file);
            EXPECT_EQ(after != before, c.saved);
            const bool named = after.find("127.0.0.1") != std::string::npos;
            EXPECT_EQ(named, c.known != host_key_case::nobody || (c.saved && !hashed));
        }
    }
}

// As ssh(1): where nothing is said of the port, what is known of the host counts, if it is this
// key.
TEST(ClientHostKeys, OfAHostAreThoseOfItsOtherPorts) {
    const auto other = crypto::private_key::generate("ssh-ed25519")->public_half();
    const auto authority = test::test_authority().public_half();
    const auto certified = test::certified_host_key("ssh-ed25519", {"127.0.0.1"});
    const std::string ours = "127.0.0.1 " + test::test_options().host_keys.front().line() + '\n';
    struct {
        const char* name;
        std::string line;  // "PORT" stands for the port
        bool certificate;
        bool accepted;
    } cases[] = {
        {"the host", ours, false, true},
        {"a list", "192.0.2.1," + ours, false, true},
        {"another key of the host", "127.0.0.1 " + other.line() + '\n', false, false},
        {"another key of the port", ours + "[127.0.0.1]:PORT " + other.line() + '\n', false, false},
        {"revoked", "@revoked " + ours, false, false},
        {"an authority", "@cert-authority 127.0.0.1 " + authority.line() + '\n', true, true},
        {"another authority", "@cert-authority 127.0.0.1 " + other.line() + '\n', true, false},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        test::temp_dir dir;
        served s;
        if (c.certificate) s.options.protocol.transport.host_keys = {certified};
        s.start();
        std::string text = c.line;
        if (const auto at = text.find("PORT"); at != text.npos)
            text.replace(at, 4, std::to_string(s.address.port()));
        std::ofstream(dir / "known_hosts") << text;
        connect_options options = test::test_options();
        options.host_keys.clear();
        options.known_hosts_files = {{dir / "known_hosts"}};
        EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
            auto [e, connected] = co_await test::connect_to(s, carrier::tcp, options);
            EXPECT_EQ(e, c.accepted ? error_code() : errc::host_key_rejected);
            if (!e) co_await connected.close();
        }()));
        EXPECT_EQ(text_of(dir / "known_hosts"), text) << "nothing is added";
    }
}

// As ssh(1) with StrictHostKeyChecking=no: whoever that is may see who we are, and no more.
TEST(ClientHostKeys, AChangedOneThatIsAcceptedGetsNoPasswordsAndForwardsNothing) {
    test::temp_dir dir;
    const std::string file = dir / "known_hosts";
    const auto key = crypto::private_key::generate("ssh-ed25519").value();
    served s;
    bool guessed = false;
    s.options.protocol.auth.method_chains = {{"password"}, {"publickey"}, {"keyboard-interactive"}};
    s.options.logins = std::make_shared<test::test_logins>(
        [&](login_attempt a) -> asio::awaitable<login_verdict> {
            guessed = guessed || a.question.what == auth_question::kind::password;
            const bool in = a.question.key == key.public_half();
            co_return login_verdict{in ? auth_answer::accept : auth_answer::refuse, {}};
        },
        [&](login_attempt, conversation&) -> asio::awaitable<login_verdict> {
            guessed = true;
            co_return login_verdict{};
        });
    s.options.permit_connect = [](const session_info&, const std::string&, std::uint16_t) {
        return connect_answer::permit;
    };
    s.start();
    connect_options options = test::test_options();
    options.host_keys.clear();
    options.known_hosts_files = {{file}};
    options.host_keys_unknown = host_key_policy::accept_any;
    options.password = secret_bytes(as_bytes("sesame"));
    options.on_prompts = [](client_auth_question) {
        return std::optional(std::vector<secret_bytes>());
    };
    std::vector<std::string> events;
    options.log = [&](const log_record& r) {
        if (r.level == log_severity::error) events.emplace_back(r.event);
    };
    const auto other = crypto::private_key::generate("ssh-ed25519")->public_half();
    std::ofstream(file) << known_hosts_line("127.0.0.1", s.address.port(), other).value();
    EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
        auto [denied, nothing] = co_await test::connect_to(s, carrier::tcp, options);
        EXPECT_EQ(denied, errc::auth_denied);
        EXPECT_FALSE(guessed);
        options.keys = {key};
        auto [e, c] = co_await test::connect_to(s, carrier::tcp, options);
        EXPECT_FALSE(e) << e.message();
        if (e) co_return;
        const auto [refused, channel] =
            co_await c.open_direct_tcpip("127.0.0.1", s.address.port(), as_values);
        EXPECT_EQ(refused, errc::host_key_rejected);
        const auto [failed, ran] = co_await c.run("echo there", run_options::usual(), as_values);
        EXPECT_FALSE(failed) << failed.message();
        co_await c.close();
    }()));
    EXPECT_EQ(events, (std::vector<std::string>{"host_key_changed", "host_key_changed"}));
    // A server that is merely new is trusted, as far as one may.
    std::ofstream(file, std::ios::trunc) << "";
    EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
        options.keys.clear();
        auto [e, c] = co_await test::connect_to(s, carrier::tcp, options);
        EXPECT_TRUE(guessed);
    }()));
}

TEST(ClientHostKeys, AreNotKeptInDevNullAndThatIsNoNews) {
    served s;
    s.start();
    connect_options options = test::test_options();
    options.host_keys.clear();
    options.known_hosts_files = {{"/dev/null"}};
    options.host_keys_unknown = host_key_policy::accept_any;
    std::vector<std::string> events;
    options.log = [&](const log_record& r) {
        if (r.level != log_severity::debug) events.emplace_back(r.event);
    };
    EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
        auto [e, c] = co_await test::connect_to(s, carrier::tcp, options);
        EXPECT_FALSE(e) << e.message();
        if (!e) co_await c.close();
    }()));
    EXPECT_TRUE(events.empty());
}

TEST(ClientHostKeys, ANewOneIsAppendedOnALineOfItsOwn) {
    test::temp_dir dir;
    const std::string file = dir / "known_hosts";
    const auto other = crypto::private_key::generate("ssh-ed25519")->public_half();
    std::ofstream(file) << "other.example " << other.line();  // no line end
    served s;
    s.start();
    connect_options options = test::test_options();
    options.host_keys.clear();
    options.known_hosts_files = {{file}};
    options.host_keys_unknown = host_key_policy::accept_new;
    EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
        auto [e, c] = co_await test::connect_to(s, carrier::tcp, options);
        EXPECT_FALSE(e);
        co_await c.close();
    }()));
    const auto hosts = known_hosts::parse(text_of(file));
    EXPECT_EQ(hosts->size(), 2u);
    EXPECT_TRUE(hosts->errors().empty());
}

// What could not be read might have said anything: an error is never consent.
TEST(ClientHostKeys, AreNotNewWhereTheFilesCannotBeRead) {
    for (const bool too_long : {false, true}) {
        test::temp_dir dir;
        const std::string first = dir / "known_hosts";
        const std::string second = dir / "unreadable";
        if (too_long) {
            std::ofstream(second).put('\n');
            std::filesystem::resize_file(second, limits::known_hosts_length_max + 1);
        } else {
            std::filesystem::create_directory(second);
        }
        served s;
        s.start();
        connect_options options = test::test_options();
        const auto key = std::exchange(options.host_keys, {}).front();
        options.host_keys_unknown = host_key_policy::accept_new;
        connect_failure failure;
        options.on_failure = [&](const connect_failure& f) { failure = f; };
        EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
            for (const auto& files : {std::vector{first, second}, std::vector{second, first}}) {
                options.known_hosts_files = files;
                auto [e, c] = co_await test::connect_to(s, carrier::tcp, options);
                EXPECT_EQ(e, errc::host_key_rejected);
                EXPECT_NE(failure.text.find("cannot be read"), std::string::npos);
            }
            // A key that is known all the same is known.
            std::ofstream(first) << known_hosts_line("127.0.0.1", s.address.port(), key).value();
            auto [e, c] = co_await test::connect_to(s, carrier::tcp, options);
            EXPECT_FALSE(e) << e.message();
            if (!e) co_await c.close();
        }()));
    }
}

// KnownHostsCommand: its lines count behind those of the files, and without an answer nobody does.
TEST(ClientHostKeys, MayBeKnownBesideTheFiles) {
    const auto other = crypto::private_key::generate("ssh-ed25519")->public_half();
    using reason = known_hosts_question::reason;
    for (const char* said :
         {"it", "another", "revoked", "nothing", "throws", "fails", "fails first"}) {
        SCOPED_TRACE(said);
        test::temp_dir dir;
        served s;
        s.start();
        connect_options options = test::test_options();
        const auto key = std::exchange(options.host_keys, {}).front();
        options.known_hosts_files = {{dir / "known_hosts"}};
        options.host_keys_unknown = host_key_policy::accept_new;
        const std::string name = known_hosts_name("127.0.0.1", s.address.port());
        std::vector<reason> reasons;
        options.on_known_hosts = [&](known_hosts_question q) -> std::optional<std::string> {
            reasons.push_back(q.why);
            EXPECT_EQ(q.name, name);
            EXPECT_EQ(q.key.has_value(), q.why == reason::host_name);
            const std::string_view what = said;
            if (what == "throws") throw std::runtime_error("no");
            if (what == "fails" && q.why == reason::host_name) return std::nullopt;
            if (what == "fails first" && q.why == reason::order) return std::nullopt;
            if (what == "nothing") return "";
            if (what == "revoked") return "@revoked " + name + " " + key.line() + "\n";
            return name + " " + (what == "another" ? other : key).line() + "\n";
        };
        connect_failure failure;
        options.on_failure = [&](const connect_failure& f) { failure = f; };
        const bool good = said == std::string_view("it") || said == std::string_view("nothing");
        EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
            auto [e, c] = co_await test::connect_to(s, carrier::tcp, options);
            EXPECT_EQ(e, good ? error_code() : errc::host_key_rejected);
            if (!e) co_await c.close();
        }()));
        EXPECT_EQ(reasons.front(), reason::order);
        EXPECT_EQ(reasons.size(),
                  said == std::string_view("throws") || said == std::string_view("fails first")
                      ? 1U
                      : 2U);
        EXPECT_EQ(std::filesystem::exists(dir / "known_hosts"), said == std::string_view("nothing"))
            << "only a key that nobody knows is saved";
        if (said == std::string_view("another")) {
            EXPECT_NE(failure.text.find("beside the files:1"), std::string::npos) << failure.text;
        }
        if (said == std::string_view("fails")) {
            EXPECT_NE(failure.text.find("has failed"), std::string::npos) << failure.text;
        }
    }
}

TEST(ClientHostKeys, AKeyThatCannotBeSavedIsUsedAndLogged) {
    served s;
    s.start();
    connect_options options = test::test_options();
    options.host_keys.clear();
    options.known_hosts_files = {{"/proc/no/such/file"}};
    options.host_keys_unknown = host_key_policy::accept_new;
    std::vector<std::string> events;
    options.log = [&](const log_record& r) {
        if (r.level != log_severity::debug) events.emplace_back(r.event);
    };
    EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
        auto [e, c] = co_await test::connect_to(s, carrier::tcp, options);
        EXPECT_FALSE(e);
        co_await c.close();
    }()));
    EXPECT_EQ(events, std::vector<std::string>{"host_key_not_saved"});
}

// --- who we are ---------------------------------------------------------------------------------

secret_bytes secret(std::string_view text) { return secret_bytes(as_bytes(text)); }

// Admits by password "sesame", or by one key.
std::shared_ptr<test::test_logins> logins(std::optional<crypto::public_key> key = {}) {
    return std::make_shared<test::test_logins>(
        [key](login_attempt a) -> asio::awaitable<login_verdict> {
            bool in = a.question.user == "ada";
            if (a.question.what == auth_question::kind::password)
                in = in && as_text(a.question.password) == "sesame";
            else
                in = in && key && a.question.key == key;
            co_return login_verdict{in ? auth_answer::accept : auth_answer::refuse, {}};
        });
}

TEST(ClientLogin, ByPassword) {
    unsigned asked = 0;
    const auto third_time_lucky = [&](client_auth_question q) -> std::optional<secret_bytes> {
        EXPECT_EQ(q.attempt, ++asked);
        return secret(asked < 3 ? "wrong" : "sesame");
    };
    const auto slowly = [](client_auth_question) -> asio::awaitable<std::optional<secret_bytes>> {
        asio::steady_timer timer(co_await asio::this_coro::executor, 1ms);
        co_await timer.async_wait(asio::use_awaitable);
        co_return secret("sesame");
    };
    const auto no = [](client_auth_question) { return std::optional<secret_bytes>(); };
    const auto throws = [](client_auth_question) -> std::optional<secret_bytes> {
        throw std::runtime_error("no terminal");
    };
    served s;
    s.options.protocol.auth.method_chains = {{"password"}};
    s.options.logins = logins();
    s.start();
    connect_options options = test::test_options();
    connect_failure failure;
    options.on_failure = [&](const connect_failure& f) { failure = f; };
    EXPECT_EQ(log_in(s, options), errc::auth_denied);
    EXPECT_EQ(failure.can_continue, "password");
    EXPECT_NE(failure.text.find("password"), std::string::npos);
    options.on_password = third_time_lucky;
    EXPECT_FALSE(log_in(s, options));
    options.on_password = slowly;
    EXPECT_FALSE(log_in(s, options));
    options.on_password = no;
    EXPECT_EQ(log_in(s, options), errc::auth_denied);
    options.on_password = throws;
    EXPECT_EQ(log_in(s, options), errc::auth_denied);
    options.password = secret("sesame");
    EXPECT_FALSE(log_in(s, options));
    options.password = secret("wrong");
    EXPECT_EQ(log_in(s, options), errc::auth_denied);
    EXPECT_FALSE(s.log_holds("sesame"));
}

TEST(ClientLogin, ByAKeyInMemoryOrInAFile) {
    for (const char* type : {"ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"}) {
        SCOPED_TRACE(type);
        const auto key = crypto::private_key::generate(type, 2048).value();
        served s;
        s.options.protocol.auth.method_chains = {{"publickey"}};
        s.options.logins = logins(key.public_half());
        s.start();
        connect_options options = test::test_options();
        EXPECT_EQ(log_in(s, options), errc::auth_denied);
        const auto stranger = crypto::private_key::generate("ssh-ed25519").value();
        options.keys = {stranger};
        EXPECT_EQ(log_in(s, options), errc::auth_denied);
        options.keys = {stranger, key};
        EXPECT_FALSE(log_in(s, options));

        test::temp_dir dir;
        const std::string file = dir / "id";
        options.keys = {};
        options.identity_files = {{dir / "absent", file}};
        std::vector<std::string> events;
        options.log = [&](const log_record& r) {
            if (r.level != log_severity::debug) events.emplace_back(r.event);
        };
        std::ofstream(file) << crypto::write_private_key(key, {}, crypto::system_random()).value();
        std::filesystem::permissions(file, std::filesystem::perms(0644));
        EXPECT_EQ(log_in(s, options), errc::auth_denied);
        EXPECT_EQ(events.size(), 2u);  // one is not there, one is open to all
        std::filesystem::permissions(file, std::filesystem::perms(0600));
        EXPECT_FALSE(log_in(s, options));
    }
}

TEST(ClientLogin, ByAnEncryptedKeyFile) {
    const auto key = crypto::private_key::generate("ssh-ed25519").value();
    for (const bool public_half_beside : {false, true}) {
        SCOPED_TRACE(public_half_beside);
        test::temp_dir dir;
        const std::string file = dir / "id";
        std::ofstream(file) << crypto::write_private_key(key, {.passphrase = "open", .rounds = 1},
                                                         crypto::system_random())
                                   .value();
        std::filesystem::permissions(file, std::filesystem::perms(0600));
        if (public_half_beside) std::ofstream(file + ".pub") << key.public_half().line() << '\n';
        served s;
        s.options.protocol.auth.method_chains = {{"publickey"}};
        s.options.logins = logins(key.public_half());
        s.start();
        connect_options options = test::test_options();
        options.identity_files = {{file}};
        EXPECT_EQ(log_in(s, options), errc::auth_denied);
        unsigned asked = 0;
        options.on_passphrase = [&](const std::string& path) -> std::optional<secret_bytes> {
            EXPECT_EQ(path, file);
            return secret(++asked < 3 ? "shut" : "open");
        };
        EXPECT_FALSE(log_in(s, options));
        EXPECT_EQ(asked, 3u);
        options.on_passphrase = [&](const std::string&) { return std::optional(secret("shut")); };
        EXPECT_EQ(log_in(s, options), errc::auth_denied);
        // Who is not let in with that key is not asked, where that can be known.
        asked = 0;
        options.user = "eve";
        options.on_passphrase = [&](const std::string&) {
            ++asked;
            return std::optional(secret("open"));
        };
        EXPECT_EQ(log_in(s, options), errc::auth_denied);
        EXPECT_EQ(asked, 0u);
    }
}

TEST(ClientLogin, ByAnAgent) {
    test::running_agent agent;
    ASSERT_TRUE(agent.listening()) << "ssh-agent cannot be run";
    const auto key = crypto::private_key::generate("ssh-ed25519").value();
    const auto other = crypto::private_key::generate("ssh-rsa", 2048).value();
    ASSERT_TRUE(agent.add(other, "other"));
    ASSERT_TRUE(agent.add(key, "wanted"));
    served s;
    s.options.protocol.auth.method_chains = {{"publickey"}};
    s.options.logins = logins(key.public_half());
    s.start();
    connect_options options = test::test_options();
    std::vector<std::string> events;
    options.log = [&](const log_record& r) {
        if (r.level != log_severity::debug) events.emplace_back(r.event);
    };
    options.agent_socket = agent.path();
    EXPECT_FALSE(log_in(s, options));

    // Only what is named, here by its public half.
    options.identities_only = true;
    EXPECT_EQ(log_in(s, options), errc::auth_denied);
    test::temp_dir dir;
    std::ofstream(dir / "id.pub") << key.public_half().line() << '\n';
    options.identity_files = {{dir / "id"}};
    EXPECT_FALSE(log_in(s, options));

    events.clear();
    options.identities_only = false;
    options.identity_files.emplace();
    options.agent_socket = dir / "nobody";
    EXPECT_EQ(log_in(s, options), errc::auth_denied);
    options.agent_socket = std::string(200, 'x');
    EXPECT_EQ(log_in(s, options), errc::auth_denied);
    EXPECT_EQ(events, (std::vector<std::string>{"agent_unusable", "agent_unusable"}));
}

TEST(ClientLogin, ByAKeyThatIsElsewhere) {
    const auto key = crypto::private_key::generate("ssh-rsa", 2048).value();
    const auto stranger = crypto::private_key::generate("ssh-ed25519").value();
    served s;
    s.options.protocol.auth.method_chains = {{"publickey"}};
    s.options.logins = logins(key.public_half());
    s.start();
    std::vector<std::string> asked;
    const auto plainly = [&](signing_question q) -> std::optional<bytes> {
        asked.push_back(q.algorithm);
        return key.sign(q.algorithm, q.data).value();
    };
    const auto slowly = [&](signing_question q) -> asio::awaitable<std::optional<bytes>> {
        co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
        co_return plainly(std::move(q));
    };
    const auto wrongly = [&](const signing_question& q) -> std::optional<bytes> {
        asked.push_back(q.algorithm);
        return stranger.sign("ssh-ed25519", q.data).value();
    };
    const auto not_at_all = [&](const signing_question& q) -> std::optional<bytes> {
        asked.push_back(q.algorithm);
        return std::nullopt;
    };
    const auto throws = [&](const signing_question& q) -> std::optional<bytes> {
        asked.push_back(q.algorithm);
        throw std::runtime_error("no");
    };
    struct {
        const char* name;
        sluice::asked<std::optional<bytes>, signing_question> sign;
        error_code want;
    } cases[] = {{"plainly", plainly, {}},
                 {"slowly", slowly, {}},
                 {"wrongly", wrongly, errc::auth_denied},
                 {"not at all", not_at_all, errc::auth_denied},
                 {"throws", throws, errc::auth_denied}};
    for (auto& c : cases) {
        SCOPED_TRACE(c.name);
        asked.clear();
        connect_options options = test::test_options();
        options.external_keys.push_back({stranger.public_half(), not_at_all});
        options.external_keys.push_back({key.public_half(), c.sign});
        EXPECT_EQ(log_in(s, options), c.want);
        EXPECT_EQ(asked, std::vector<std::string>{"rsa-sha2-512"})
            << "only for the key that the server would accept";
    }
}

TEST(ClientLogin, ASignatureThatIsWaitedForIsCancelledWithTheConnect) {
    const auto key = crypto::private_key::generate("ssh-ed25519").value();
    served s;
    s.options.protocol.auth.method_chains = {{"publickey"}};
    s.options.logins = logins(key.public_half());
    s.start();
    connect_options options = test::test_options();
    bool asked = false;
    bool told = false;
    options.external_keys.push_back(
        {key.public_half(), [&](signing_question) -> asio::awaitable<std::optional<bytes>> {
             asked = true;
             asio::steady_timer never(s.context, asio::steady_timer::time_point::max());
             const auto [e] = co_await never.async_wait(as_values);
             told = e == asio::error::operation_aborted;
             co_return std::nullopt;
         }});
    options.host = s.address.address().to_string();
    options.port = s.address.port();
    asio::cancellation_signal cancel;
    std::optional<error_code> outcome;
    connect(s.context.get_executor(), options,
            asio::bind_cancellation_slot(cancel.slot(),
                                         [&](error_code e, connection) { outcome = e; }));
    EXPECT_TRUE(s.until([&] { return asked; }));
    cancel.emit(asio::cancellation_type::total);
    EXPECT_TRUE(s.until([&] { return outcome && s.connections() == 0; }));
    EXPECT_EQ(*outcome, asio::error::operation_aborted);
    EXPECT_TRUE(told);
}

TEST(ClientLogin, BothWaysWhereBothAreAskedFor) {
    const auto key = crypto::private_key::generate("ssh-ed25519").value();
    served s;
    s.options.protocol.auth.method_chains = {{"publickey", "password"}};
    s.options.logins = logins(key.public_half());
    s.options.protocol.auth.banner = "Authorised people only.\r\n";
    s.start();
    connect_options options = test::test_options();
    options.keys = {key};
    std::string banner;
    options.on_banner = [&](std::string_view text) { banner = text; };
    EXPECT_EQ(log_in(s, options), errc::auth_denied);
    options.password = secret("sesame");
    EXPECT_FALSE(log_in(s, options));
    EXPECT_EQ(banner, "Authorised people only.\r\n");
}

// --- cancelling, and the end --------------------------------------------------------------------

TEST(Client, ARunThatIsCancelledLeavesTheRestUsable) {
    served s;
    s.start();
    EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
        auto [e, c] = co_await test::connect_to(s, carrier::memory, test::test_options());
        for (const auto type : {asio::cancellation_type::terminal, asio::cancellation_type::partial,
                                asio::cancellation_type::total}) {
            asio::cancellation_signal cancel;
            std::optional<error_code> outcome;
            c.run("echo started >&2; exec sleep 1000", {},
                  asio::bind_cancellation_slot(
                      cancel.slot(), [&](error_code ended, run_result) { outcome = ended; }));
            asio::steady_timer timer(s.context, 20ms);
            co_await timer.async_wait(asio::use_awaitable);
            EXPECT_FALSE(outcome);
            cancel.emit(type);
            while (!outcome) {
                timer.expires_after(1ms);
                co_await timer.async_wait(asio::use_awaitable);
            }
            EXPECT_EQ(*outcome, asio::error::operation_aborted);
            EXPECT_EQ((co_await c.run("echo fine")).out, "fine\n");
        }
        EXPECT_TRUE((co_await c.close()).complete());
    }()));
}

TEST(Client, WhatIsPendingEndsWithTheConnection) {
    const struct {
        const char* name;
        std::function<void(test::scripted&, connection&)> end;
        error_code want;
    } cases[] = {
        {"lost", [](test::scripted& s, connection&) { s.server->lose(); }, errc::connection_lost},
        {"peer's goodbye",
         [](test::scripted& s, connection&) {
             s.server->end().cut(disconnect_reason::by_application, "enough", now());
             s.server->run();
         },
         errc::channel_closed},  // the goodbye closes channels first
        {"cut", [](test::scripted&, connection& c) { c.cut(); }, errc::cancelled},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        test::scripted s;
        EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
            connection connected = co_await s.connect();
            session one = co_await connected.open_session();
            std::vector<error_code> read, exits, closes, asked;
            bytes space(100);
            one.async_read_some(asio::buffer(space),
                                [&](error_code e, std::size_t) { read.push_back(e); });
            one.wait_exit([&](error_code e, exit_result) { exits.push_back(e); });
            std::vector<close_report> reports;
            for (int i = 0; i < 2; ++i)
                connected.closed([&](error_code e, close_report r) {
                    closes.push_back(e);
                    reports.push_back(std::move(r));
                });
            co_await connected.ping();
            c.end(s, connected);
            const close_report report = co_await connected.closed();
            EXPECT_EQ(read, std::vector<error_code>{c.want});
            EXPECT_EQ(exits.size(), 1u);
            EXPECT_EQ(closes, std::vector<error_code>(2));
            EXPECT_EQ(reports.size(), 2u);
            EXPECT_EQ(report.total.channels, 1u);
            EXPECT_FALSE(report.outcome == close_outcome::drained);
            // Nothing can be begun any more, and says so.
            auto [dead, none] = co_await connected.open_session(as_values);
            EXPECT_TRUE(dead);
            auto [no_ping] = co_await connected.ping(as_values);
            EXPECT_EQ(no_ping, dead);
            auto [no_read, n] = co_await one.async_read_some(asio::buffer(space), as_values);
            EXPECT_EQ(no_read, c.want);
            EXPECT_NE(no_read, asio::error::eof);
        }()));
    }
}

TEST(Acceptance25, AWaitForTheEndThatIsCancelledCancelsOnlyTheWait) {
    served s;
    s.start();
    EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
        auto [e, c] = co_await test::connect_to(s, carrier::memory, test::test_options());
        session held = co_await c.open_session();
        asio::cancellation_signal cancel;
        std::optional<error_code> first;
        std::optional<close_report> second;
        c.drain(60s, asio::bind_cancellation_slot(
                         cancel.slot(), [&](error_code ended, close_report) { first = ended; }));
        c.closed([&](error_code, close_report r) { second = std::move(r); });
        cancel.emit(asio::cancellation_type::terminal);
        asio::steady_timer timer(s.context, 10ms);
        co_await timer.async_wait(asio::use_awaitable);
        EXPECT_EQ(first, error_code(asio::error::operation_aborted));
        EXPECT_FALSE(second);  // somebody holds a session
        auto [draining, none] = co_await c.open_session(as_values);
        EXPECT_EQ(draining, errc::draining);
        held = {};
        const close_report report = co_await c.closed();
        EXPECT_EQ(report.outcome, close_outcome::drained);
        EXPECT_TRUE(second);
    }()));
}

TEST(Client, ADrainThatPassesItsDeadlineCutsAndSaysWhat) {
    test::scripted s;
    s.config.channels.window_size = 1000;
    EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
        connection c = co_await s.connect();
        s.server->reads = false;
        session stuck = co_await c.open_session();
        const bytes data(3000);
        co_await stuck.async_write_some(asio::buffer(data));
        stuck = {};
        const close_report report = co_await c.drain(50ms);
        EXPECT_EQ(report.outcome, close_outcome::deadline);
        EXPECT_FALSE(report.complete());
        EXPECT_EQ(report.total.bytes_sent, 1000u);
        EXPECT_EQ(report.total.bytes_undelivered, 2000u);
    }()));
}

TEST(Client, DroppingTheHandleLeavesWhenTheLastSessionIsClosed) {
    served s;
    s.start();
    EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
        auto [e, c] = co_await test::connect_to(s, carrier::memory, test::test_options());
        session kept = co_await c.open_session();
        co_await kept.request_exec("cat");
        c = {};
        co_await kept.async_write_some(asio::buffer("still here", 10));
        bytes space(10);
        EXPECT_EQ(co_await kept.async_read_some(asio::buffer(space)), 10u);
        EXPECT_EQ(s.connections(), 1u);
    }()));
    EXPECT_TRUE(s.until([&] { return s.connections() == 0; }));
    s.stop();
    EXPECT_TRUE(s.nothing_runs());
}

// A handler may hold the object that it waits for: neither must stay behind.
TEST(Client, WhatWaitsGoesWithItsContext) {
    const auto witness = std::make_shared<int>();
    {
        test::scripted s;
        EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
            const auto c = std::make_shared<connection>(co_await s.connect());
            const auto one = std::make_shared<session>(co_await c->open_session());
            const auto space = std::make_shared<bytes>(100);
            s.server->go_silent();
            const auto held = [c, one, space, witness](error_code, auto&&...) {};
            one->async_read_some(asio::buffer(*space), held);
            one->wait_exit(held);
            one->request_shell(held);
            c->closed(held);
            c->ping(held);
            c->rekey(held);
            c->open_session(held);
            asio::co_spawn(
                s.context,
                [](auto still, auto) -> asio::awaitable<void> { co_await still->closed(); }(
                                         c, witness),
                asio::detached);
            for (int i = 0; i < 100; ++i)
                co_await asio::post(s.context, asio::use_awaitable);
        }()));
        EXPECT_GT(witness.use_count(), 5);
    }
    EXPECT_EQ(witness.use_count(), 1);
}

TEST(Client, KeepaliveNoticesADeadServer) {
    test::scripted s;
    EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
        connect_options options = test::test_options();
        options.protocol.keepalive_interval = 20ms;
        connection c = co_await s.connect(options);
        s.server->go_silent();
        const close_report report = co_await c.closed();
        EXPECT_EQ(report.outcome, close_outcome::lost);
        EXPECT_EQ(report.error, errc::keepalive_timeout);
    }()));
}

}  // namespace
}  // namespace sluice
