// Very many short commands, 64 at once, over a few connections: burst [COMMANDS [SEED]].
//
// Every one must end, with the status or signal that is its own, with all of its output. Two
// servers run in this process, on two threads: one starts commands itself, one by a helper. At the
// end both drain, and no child is left. Words on standard error and exit status 1 say what failed.

#include "sluice/crypto/key.hpp"
#include "sluice/io/client.hpp"
#include "sluice/io/command_helper.hpp"
#include "sluice/io/server.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <future>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace asio = boost::asio;
using namespace sluice;
using namespace std::chrono_literals;

namespace {

constexpr auto as_values = asio::as_tuple(asio::use_awaitable);
constexpr auto patience = 90s;  // for any one of them, which takes a tenth of a second
constexpr std::size_t connections_of_a_server = 4;
constexpr std::size_t sessions_of_a_connection = 8;
constexpr unsigned server_threads = 2;

struct kind {
    const char* name;
    const char* command;  // N stands for the status
    std::size_t input;
    std::string_view output;
    const char* signal = "";
    bool reads_late = false;    // nothing of the output until the command has ended
    bool sends_signal = false;  // TERM, from the client
    bool leaves_input = false;  // no EOF
};

constexpr std::array<char, 10'000> zeros = [] {
    std::array<char, 10'000> text{};
    text.fill('0');
    return text;
}();
constexpr std::string_view many_zeros(zeros.data(), zeros.size());

constexpr kind kinds[] = {
    {"unread input", "exit N", 5'000, ""},
    {"unread input that does not end", "exit N", 5'000, "", "", false, false, true},
    {"more input than a pipe holds", "exit N", 150'000, ""},
    {"some of the input", "read x; exit N", 100'000, ""},
    {"input closed", "exec <&-; exit N", 20'000, ""},
    {"unread output", "printf %010000d 0; exit N", 0, many_zeros, "", true},
    {"output", "printf %010000d 0; exit N", 0, many_zeros},
    {"killed", "kill -KILL $$", 2'000, "", "KILL"},
    {"killed by the client", "read x; exit 1", 0, "", "TERM", false, true, true},
    {"daemonised", "sleep 0.1 & exit N", 2'000, ""},
    {"output after the end", "{ sleep 0.05; echo late; } & exit N", 0, "late\n"},
};

struct everybody final : authenticator {
    asio::awaitable<login_verdict> check(login_attempt) override {
        co_return login_verdict{auth_answer::accept, {}};
    }
};

[[noreturn]] void fail(const std::string& text) {
    std::fprintf(stderr, "burst: %s\n", text.c_str());
    std::_Exit(1);
}

class one_server {
public:
    explicit one_server(std::shared_ptr<command_launcher> launcher) {
        server_options options;
        options.protocol.transport.host_keys = {
            make_host_key(crypto::private_key::generate("ssh-ed25519").value())};
        options.protocol.auth.method_chains = {{"none"}};
        options.logins = std::make_shared<everybody>();
        options.exec = true;
        // One that has told its end is still there for a moment.
        options.sessions_max = 8 * sessions_of_a_connection;
        options.launcher = std::move(launcher);
        host_key = options.protocol.transport.host_keys.front()->blob();
        server_.emplace(executor_, std::move(options));
        address = server_->listen({asio::ip::address_v4::loopback(), 0}).value();
        for (unsigned i = 0; i < server_threads; ++i)
            threads_.emplace_back([this] { context_.run(); });
    }

    // Every command has ended, so this takes no time.
    void drain() {
        std::promise<void> drained;
        asio::post(executor_,
                   [&] { server_->drain({}, [&](const server_report&) { drained.set_value(); }); });
        if (drained.get_future().wait_for(patience) != std::future_status::ready)
            fail("a drain does not return");
        asio::post(executor_, asio::use_future([this] { server_.reset(); })).get();
        guard_.reset();
        for (auto& thread : threads_)
            thread.join();
    }

    bytes host_key;
    asio::ip::tcp::endpoint address;

private:
    asio::io_context context_;
    asio::executor_work_guard<asio::io_context::executor_type> guard_ =
        asio::make_work_guard(context_);
    asio::any_io_executor executor_ = asio::make_strand(context_);
    std::optional<server> server_;
    std::vector<std::thread> threads_;
};

class burst {
public:
    burst(std::size_t commands, std::uint64_t seed)
        : commands_(commands), engine_(seed), timer_(context_) {}

    void run(const std::vector<const one_server*>& servers) {
        for (const one_server* server : servers)
            for (std::size_t i = 0; i < connections_of_a_server; ++i)
                asio::co_spawn(context_, one_connection(*server), rethrow);
        asio::co_spawn(context_, watch(), rethrow);
        context_.run();
        if (ended_ != commands_) fail("not every command was run");
    }

private:
    static void rethrow(std::exception_ptr thrown) {
        if (thrown) std::rethrow_exception(thrown);
    }

    asio::awaitable<void> one_connection(const one_server& server) {
        connect_options o;
        o.host = server.address.address().to_string();
        o.port = server.address.port();
        o.user = "ada";
        o.known_hosts_files.emplace();
        o.host_keys = {crypto::public_key::from_blob(server.host_key).value()};
        o.identity_files.emplace();
        o.agent_socket = "";
        auto [e, c] = co_await sluice::connect(context_.get_executor(), std::move(o), as_values);
        if (e) fail("no connection: " + e.message());
        std::size_t running = sessions_of_a_connection;
        asio::steady_timer all_done(context_, asio::steady_timer::time_point::max());
        for (std::size_t i = 0; i < sessions_of_a_connection; ++i)
            asio::co_spawn(context_, one_after_the_other(c), [&](std::exception_ptr thrown) {
                rethrow(thrown);
                if (--running == 0) all_done.cancel();
            });
        static_cast<void>(co_await all_done.async_wait(as_values));
        static_cast<void>(co_await c.close(as_values));
        if (ended_ == commands_) timer_.cancel();
    }

    asio::awaitable<void> one_after_the_other(connection& c) {
        while (begun_ < commands_) {
            const std::size_t number = begun_++;
            const kind& what = kinds[engine_() % std::size(kinds)];
            const auto status = static_cast<std::uint32_t>(engine_() % 256);
            const std::string name = std::to_string(number) + " (" + what.name + ")";
            pending_.insert(name);
            const std::string wrong = co_await one_command(c, what, status);
            if (!wrong.empty()) fail("command " + name + ": " + wrong);
            pending_.erase(name);
            ++ended_;
        }
    }

    // What was wrong, if anything.
    static asio::awaitable<std::string> one_command(connection& c, const kind& what,
                                                    std::uint32_t status) {
        auto [unopened, session] = co_await c.open_session(as_values);
        if (unopened) co_return "no session: " + unopened.message();
        std::string command = what.command;
        if (const auto at = command.find('N'); at != command.npos)
            command.replace(at, 1, std::to_string(status));
        const auto [refused] = co_await session.request_exec(command, as_values);
        if (refused) co_return "refused: " + refused.message();

        const std::string input(what.input, 'i');
        for (std::size_t at = 0; at < input.size();) {
            const auto [e, n] = co_await session.async_write_some(
                asio::buffer(input.data() + at, input.size() - at), as_values);
            if (e) break;  // it has ended already
            at += n;
        }
        if (!what.leaves_input) session.send_eof();
        if (what.sends_signal) session.send_signal("TERM");

        std::optional<exit_result> exit;
        if (what.reads_late) {
            auto [e, told] = co_await session.wait_exit(as_values);
            if (e) co_return "no end: " + e.message();
            exit = std::move(told);
        }
        std::string output;
        for (error_code e; !e;) {
            std::array<char, 4096> space;
            const auto [failed, n] =
                co_await session.async_read_some(asio::buffer(space), as_values);
            output.append(space.data(), n);
            e = failed;
            if (e && e != asio::error::eof) co_return "no end of output: " + e.message();
        }
        if (output != what.output) co_return std::to_string(output.size()) + " bytes of output";
        if (!exit) {
            auto [e, told] = co_await session.wait_exit(as_values);
            if (e) co_return "no end: " + e.message();
            exit = std::move(told);
        }
        if (exit->signal != what.signal) co_return "signal " + exit->signal;
        if (*what.signal == '\0' && exit->status != status)
            co_return exit->status ? "status " + std::to_string(*exit->status) : "no status";
        const auto [unclosed, report] = co_await session.close(as_values);
        if (unclosed) co_return "not closed: " + unclosed.message();
        co_return "";
    }

    // Commands that never end are named.
    asio::awaitable<void> watch() {
        for (std::size_t before = ended_; ended_ != commands_; before = ended_) {
            timer_.expires_after(patience);
            const auto [over] = co_await timer_.async_wait(as_values);
            if (over || ended_ != before) continue;
            std::string text = "these do not end:";
            for (const std::string& name : pending_)
                text += " " + name;
            fail(text);
        }
    }

    const std::size_t commands_;
    std::mt19937_64 engine_;
    asio::io_context context_{1};
    asio::steady_timer timer_;
    std::size_t begun_ = 0;
    std::size_t ended_ = 0;
    std::set<std::string> pending_;
};

}  // namespace

int main(int argc, char** argv) {
    const std::size_t commands = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 5'000;
    const std::uint64_t seed =
        argc > 2 ? std::strtoull(argv[2], nullptr, 10) : std::random_device()();
    std::printf("burst %zu %llu\n", commands, static_cast<unsigned long long>(seed));
    std::fflush(stdout);

    auto helper = command_helper::fork();  // before there are threads
    if (!helper) fail("no helper: " + helper.error().message());
    const pid_t helper_pid = helper->pid();
    auto launcher = std::move(*helper).launcher(std::nullopt);
    if (!launcher) fail("no launcher: " + launcher.error().message());
    one_server own(make_own_launcher());
    one_server helped(std::move(*launcher));
    burst(commands, seed).run({&own, &helped});
    own.drain();
    helped.drain();

    int status = 0;
    if (::waitpid(helper_pid, &status, 0) != helper_pid || status != 0)
        fail("the helper ended with status " + std::to_string(status));
    if (::waitpid(-1, nullptr, WNOHANG) != -1 || errno != ECHILD)
        fail("a child was not waited for");
    std::printf("%zu commands have ended\n", commands);
    return 0;
}
