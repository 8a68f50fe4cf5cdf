// How a client gets to its server: through other servers, by a command, from a certain address.

#include "sluice/io/client.hpp"
#include "sluice/io/command_stream.hpp"
#include "sluice/io/shell_command.hpp"
#include "sluice/tests/support/client_side.hpp"
#include "sluice/tests/support/temp_dir.hpp"
#include "sluice/wire/limits.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <gtest/gtest.h>

#include <signal.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace sluice {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using asio::ip::tcp;
using test::as_values;
using test::run_to_end;
using test::served;

// A server that lets connections through, and what leads to it.
struct way {
    way() {
        s.options.permit_connect = [this](const session_info&, const std::string&, std::uint16_t) {
            return permits ? connect_answer::permit : connect_answer::refuse;
        };
        s.start();
    }

    connect_options there() {
        connect_options o = test::test_options();
        o.host = s.address.address().to_string();
        o.port = s.address.port();
        o.on_failure = [this](const connect_failure& f) { failure = f.text; };
        return o;
    }

    // What comes of connecting and running a command.
    error_code outcome(connect_options o) {
        error_code failed;
        EXPECT_TRUE(run_to_end(s, [&]() -> asio::awaitable<void> {
            auto [e, c] = co_await connect(s.context.get_executor(), std::move(o), as_values);
            failed = e;
            if (e) co_return;
            const auto [broken, result] =
                co_await c.run("echo there", run_options::usual(), as_values);
            EXPECT_FALSE(broken) << broken.message();
            EXPECT_EQ(result.out, "there\n");
            const auto [lost, report] = co_await c.close(as_values);
            EXPECT_EQ(report.outcome, close_outcome::drained);
        }()));
        EXPECT_TRUE(s.until([&] { return s.connections() == 0; }));
        return failed;
    }

    served s;
    bool permits = true;
    std::string failure;
};

TEST(Ways, ThroughOtherServers) {
    for (const std::size_t hops : {1u, 2u, 3u}) {
        SCOPED_TRACE(hops);
        way w;
        auto o = w.there();
        o.jump_hosts.assign(hops, w.there());
        EXPECT_FALSE(w.outcome(std::move(o)));
    }
}

TEST(Ways, AHopThatFailsIsNamed) {
    way w;
    auto o = w.there();
    o.jump_hosts = {w.there()};
    o.jump_hosts[0].host_keys.clear();
    EXPECT_EQ(w.outcome(o), errc::host_key_rejected);
    EXPECT_TRUE(w.failure.starts_with("jump host 127.0.0.1: the ")) << w.failure;

    o.jump_hosts = {w.there()};
    w.permits = false;
    EXPECT_EQ(w.outcome(o), errc::open_refused);
    EXPECT_TRUE(w.failure.starts_with("jump host 127.0.0.1 cannot connect to ")) << w.failure;

    o.jump_hosts.assign(limits::jump_hosts_max + 1, w.there());
    EXPECT_EQ(w.outcome(o), errc::bad_config);
    EXPECT_EQ(w.failure, "too many jump hosts");
}

TEST(Ways, CancellingBehindAHopLeavesNothing) {
    way w;
    tcp::acceptor silent(w.s.context, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    auto o = w.there();
    o.jump_hosts = {w.there()};
    o.port = silent.local_endpoint().port();
    asio::cancellation_signal enough;
    std::optional<error_code> failed;
    connect(
        w.s.context.get_executor(), std::move(o),
        asio::bind_cancellation_slot(enough.slot(), [&](error_code e, connection) { failed = e; }));
    tcp::socket accepted(w.s.context);
    bool arrived = false;
    silent.async_accept(accepted, [&](error_code) { arrived = true; });
    EXPECT_TRUE(w.s.until([&] { return arrived; }));
    enough.emit(asio::cancellation_type::terminal);
    EXPECT_TRUE(w.s.until([&] { return failed.has_value(); }));
    EXPECT_TRUE(*failed);
    EXPECT_TRUE(w.s.until([&] { return w.s.connections() == 0; }));
}

// --- by a command -------------------------------------------------------------------------------

// Joins its standard streams and a port, and writes its number to a file.
std::string relay_script(const test::temp_dir& folder, std::uint16_t port, bool ignores_hangup) {
    const std::string path = (folder / "relay.sh").string();
    std::ofstream(path) << (ignores_hangup ? "trap '' HUP\n" : "") << "echo $$ > "
                        << folder.path().string() << "/pid\nexec 3<>/dev/tcp/127.0.0.1/" << port
                        << "\ncat <&3 &\ncat >&3\n"
                        << (ignores_hangup ? "exec sleep 100\n" : "wait\n");
    return "bash " + path;
}

bool gone(const test::temp_dir& folder) {
    pid_t pid = 0;
    std::ifstream((folder / "pid").string()) >> pid;
    EXPECT_GT(pid, 0);
    return ::kill(pid, 0) != 0;
}

TEST(Ways, ByACommandThatEndsWithTheConnection) {
    for (const bool ignores_hangup : {false, true}) {
        SCOPED_TRACE(ignores_hangup);
        test::temp_dir folder;
        way w;
        auto o = w.there();
        o.proxy_command = relay_script(folder, o.port, ignores_hangup);
        o.port = 1;  // not asked
        o.host = "nowhere.invalid";
        EXPECT_FALSE(w.outcome(o));
        EXPECT_TRUE(w.s.until([&] { return gone(folder); }));
    }
}

TEST(Ways, ACommandThatEndsEarlyIsALostConnection) {
    way w;
    auto o = w.there();
    o.proxy_command = "true";
    EXPECT_EQ(w.outcome(o), errc::connection_lost);
    EXPECT_EQ(w.failure, "the proxy command ended with status 0: true");
    o.proxy_command = "sh -c 'echo no SSH here; exec sleep 100'";
    o.connect_timeout = 100ms;
    EXPECT_TRUE(w.outcome(o));  // it is we who left
    EXPECT_EQ(w.failure.find("proxy"), std::string::npos) << w.failure;
}

TEST(Ways, ACommandThatDoesNotStartIsSaidToBe) {
    way w;
    auto o = w.there();
    o.proxy_command = "/no/such/program";  // the shell says so, on our standard error
    EXPECT_EQ(w.outcome(o), errc::connection_lost);
    EXPECT_EQ(w.failure, "the proxy command ended with status 127: /no/such/program");

    const char* const before = std::getenv("SHELL");
    const std::string shell = before != nullptr ? before : "";
    ::setenv("SHELL", "/no/such/shell", 1);
    EXPECT_EQ(w.outcome(o), boost::system::errc::no_such_file_or_directory);
    if (before != nullptr)
        ::setenv("SHELL", shell.c_str(), 1);
    else
        ::unsetenv("SHELL");
    EXPECT_TRUE(w.failure.starts_with("cannot run the proxy command: ")) << w.failure;
}

TEST(Ways, ACommandEndsThoughNobodyRunsItsExecutor) {
    test::temp_dir folder;
    {
        asio::io_context context;
        const auto stream = start_command_stream(
            context.get_executor(),
            "sh -c 'echo $$ > " + (folder / "pid").string() + "; exec sleep 100'");
        ASSERT_TRUE(stream);
        while (!std::ifstream((folder / "pid").string()).good()) {
        }
        std::string number;
        while (!(std::ifstream((folder / "pid").string()) >> number)) {
        }
    }
    EXPECT_TRUE(gone(folder));
}

// What a command has said when it has closed its output.
std::string said_by(byte_stream& stream) {
    std::string text;
    std::array<std::uint8_t, 256> space{};
    for (;;) {
        error_code e;
        const std::size_t n = stream.read_some(space, e);
        text += as_text(bytes_view(space).first(n));
        if (e && e != asio::error::would_block) return text;
    }
}

// As of ssh(1): a program may open /dev/stdin, and what looks at a socket would take ours for the
// way to its peer.
TEST(Ways, ACommandHasPipes) {
    asio::io_context context;
    const auto stream = start_command_stream(
        context.get_executor(), "sh -c 'test -p /dev/stdin && test -p /dev/stdout && echo pipes'");
    ASSERT_TRUE(stream);
    EXPECT_EQ(said_by(**stream), "pipes\n");
}

TEST(Ways, ACommandThatIsGoneIsAnErrorAndNoSignal) {
    asio::io_context context;
    const auto stream = start_command_stream(context.get_executor(), "true");
    ASSERT_TRUE(stream);
    said_by(**stream);
    struct sigaction usual {};
    struct sigaction before {};
    usual.sa_handler = SIG_DFL;
    ASSERT_EQ(::sigaction(SIGPIPE, &usual, &before), 0);
    error_code e;
    while (!e || e == asio::error::would_block) {
        e = {};
        (*stream)->write_some(as_bytes("x"), e);
    }
    EXPECT_EQ(e, asio::error::broken_pipe);
    // Nor is one left for later, and a mask is as it was.
    ::sigset_t set;
    ASSERT_EQ(::sigpending(&set), 0);
    EXPECT_EQ(::sigismember(&set, SIGPIPE), 0);
    ASSERT_EQ(::pthread_sigmask(SIG_BLOCK, nullptr, &set), 0);
    EXPECT_EQ(::sigismember(&set, SIGPIPE), 0);
    // One that somebody else has raised and holds back stays his.
    ::sigset_t held;
    ::sigemptyset(&held);
    ::sigaddset(&held, SIGPIPE);
    ASSERT_EQ(::pthread_sigmask(SIG_BLOCK, &held, nullptr), 0);
    ::raise(SIGPIPE);
    (*stream)->write_some(as_bytes("x"), e);
    EXPECT_EQ(e, asio::error::broken_pipe);
    const timespec no_time{};
    EXPECT_EQ(::sigtimedwait(&held, nullptr, &no_time), SIGPIPE);
    ASSERT_EQ(::pthread_sigmask(SIG_UNBLOCK, &held, nullptr), 0);
    ASSERT_EQ(::sigaction(SIGPIPE, &before, nullptr), 0);
}

TEST(Ways, ShellCommandsTellHowTheyEnd) {
    EXPECT_EQ(run_shell_command("exit 3").value(), 3);
    EXPECT_EQ(run_shell_command("kill -9 $$").value(), 128 + 9);
    EXPECT_EQ(run_shell_command("read x; test -z \"$x\"").value(), 0);  // there is no input
}

// --- to servers that say nothing ---------------------------------------------------------------

// TCP is connected, and that was all. Or a command runs, or a server in between has connected.
TEST(Ways, ConnectTimeoutIsForTheKeyExchangeToo) {
    way w;
    tcp::acceptor silent(w.s.context, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    const auto port = silent.local_endpoint().port();
    auto there = w.there();
    there.port = port;
    there.connect_timeout = 500ms;
    there.protocol.login_timeout = 1h;
    there.protocol.end.linger = 100ms;
    auto by_command = there;
    by_command.proxy_command = "sleep 1000";
    auto by_jump = there;
    by_jump.jump_hosts = {w.there()};
    auto to_silent_jump = w.there();
    to_silent_jump.jump_hosts = {there};
    const auto silence = "no key exchange with [127.0.0.1]:" + std::to_string(port) + " in time";
    for (const auto& o : {there, by_command, by_jump}) {
        EXPECT_EQ(w.outcome(o), errc::login_timeout);
        EXPECT_EQ(w.failure, silence);
    }
    EXPECT_EQ(w.outcome(to_silent_jump), errc::login_timeout);
    EXPECT_EQ(w.failure, "jump host 127.0.0.1: " + silence);
}

// --- by TCP -------------------------------------------------------------------------------------

TEST(Ways, FromAnAddressOfOurs) {
    way w;
    auto o = w.there();
    o.bind_address = "127.0.0.1";
    o.family = address_family::v4;
    EXPECT_FALSE(w.outcome(o));
    o.bind_address.clear();
    o.bind_interface = "lo";
    EXPECT_FALSE(w.outcome(o));
    const struct {
        void (*change)(connect_options& o);
        const char* text;
    } cases[] = {
        {[](connect_options& c) { c.family = address_family::v6; }, "cannot resolve 127.0.0.1"},
        {[](connect_options& c) { c.bind_address = "192.0.2.1"; },
         "cannot use the address 192.0.2.1"},
        {[](connect_options& c) { c.bind_interface = "none-such"; },
         "cannot use an address of none-such"},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.text);
        o = w.there();
        c.change(o);
        EXPECT_TRUE(w.outcome(o));
        EXPECT_TRUE(w.failure.starts_with(c.text)) << w.failure;
    }
}

TEST(Ways, SeveralAttemptsFindAServerThatComesLater) {
    way w;
    auto o = w.there();
    tcp::acceptor later(w.s.context);
    later.open(tcp::v4());
    later.bind(tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    o.port = later.local_endpoint().port();
    EXPECT_TRUE(w.outcome(o));  // nobody listens
    o.connection_attempts = 100;
    tcp::socket accepted(w.s.context);
    bool arrived = false;
    asio::steady_timer begin(w.s.context, 500ms);
    begin.async_wait([&](error_code) {
        later.listen();
        later.async_accept(accepted, [&](error_code e) { arrived = !e; });
    });
    std::optional<error_code> failed;
    asio::cancellation_signal enough;
    connect(
        w.s.context.get_executor(), std::move(o),
        asio::bind_cancellation_slot(enough.slot(), [&](error_code e, connection) { failed = e; }));
    EXPECT_TRUE(w.s.until([&] { return arrived || failed; }));
    EXPECT_TRUE(arrived);
    enough.emit(asio::cancellation_type::terminal);
    EXPECT_TRUE(w.s.until([&] { return failed.has_value(); }));
}

// --- by which name ------------------------------------------------------------------------------

TEST(Ways, AnAliasIsWhatKnownHostsGoesBy) {
    test::temp_dir folder;
    way w;
    auto o = w.there();
    o.host_keys.clear();
    o.known_hosts_files = {(folder / "known_hosts").string()};
    o.host_keys_unknown = host_key_policy::accept_new;
    o.host_key_alias = "alias";
    EXPECT_FALSE(w.outcome(o));
    std::stringstream text;
    text << std::ifstream((folder / "known_hosts").string()).rdbuf();
    EXPECT_TRUE(text.str().starts_with("alias ssh-")) << text.str();
    o.host_keys_unknown = host_key_policy::strict;
    EXPECT_FALSE(w.outcome(o));
    o.host_key_alias = "other";
    EXPECT_EQ(w.outcome(o), errc::host_key_rejected);
}

}  // namespace
}  // namespace sluice
