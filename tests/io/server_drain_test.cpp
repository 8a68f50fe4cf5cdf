// A server's way to its end: draining, cutting, and what the reports say.

#include "sluice/sftp/codec.hpp"
#include "sluice/sftp/requests.hpp"
#include "sluice/tests/support/memory_filesystem.hpp"
#include "sluice/tests/support/ssh_client.hpp"
#include "sluice/tests/support/temp_dir.hpp"

#include <gtest/gtest.h>

#include <signal.h>

#include <fstream>

namespace sluice {
namespace {

using namespace std::chrono_literals;
using test::served;
using test::ssh_client;

struct draining {
    explicit draining(std::function<void(server_options&)> set = {}) {
        s.options.command_directory = dir.path();
        s.options.protocol.end.linger = 200ms;
        s.options.handler_grace = 100ms;
        s.options.on_closed = [this](const connection_info&, const close_report& r) {
            reports.push_back(r);
        };
        if (set) set(s.options);
        s.start();
    }
    std::shared_ptr<ssh_client> log_in() {
        auto client = ssh_client::connect(s);
        expects(client->log_in());
        return client;
    }
    std::uint32_t start(ssh_client& c, std::string_view command) {
        const auto number = c.open();
        EXPECT_TRUE(c.exec(number, command));
        return number;
    }
    std::uint32_t start_command_that_waits(ssh_client& c) {
        const auto number = start(c, "echo $$ > pid; echo ready; read line; echo $line; exit 3");
        EXPECT_TRUE(s.until([&] { return c.sessions[number].out == "ready\n"; }));
        return number;
    }
    void drain(std::chrono::nanoseconds deadline, drain_policy policy = {}) {
        s.drain({deadline, policy}, [this](const server_report& r) { report = r; });
    }
    bool done() {
        return s.until([&] { return report.has_value(); });
    }
    bool process_gone() {
        pid_t pid = 0;
        std::ifstream(dir / "pid") >> pid;
        return pid != 0 && ::kill(pid, 0) != 0 && errno == ESRCH;
    }

    test::temp_dir dir;
    served s;
    std::vector<close_report> reports;
    std::optional<server_report> report;
};

TEST(ServerDrain, ACommandIsWaitedForAndIdleConnectionsLeave) {
    draining d;
    const auto busy = d.log_in();
    const auto idle = d.log_in();
    const auto number = d.start_command_that_waits(*busy);
    d.drain(60s);
    EXPECT_TRUE(idle->ends_with_fin());
    EXPECT_EQ(idle->disconnected, 11u);
    EXPECT_FALSE(busy->ended());
    const auto refused = busy->open();
    EXPECT_EQ(busy->sessions[refused].refused, open_failure::administratively_prohibited);
    EXPECT_FALSE(d.report);

    busy->write_data(number, "finished in time\n");
    EXPECT_TRUE(busy->finish(number));
    EXPECT_EQ(busy->sessions[number].out, "ready\nfinished in time\n");
    EXPECT_EQ(busy->sessions[number].exit_status, 3u);
    EXPECT_TRUE(busy->sessions[number].eof);
    EXPECT_TRUE(busy->ends_with_fin());
    EXPECT_EQ(busy->disconnected, 11u);

    ASSERT_TRUE(d.done());
    EXPECT_EQ(d.report->connections, 2u);
    EXPECT_EQ(d.report->cut, 0u);
    ASSERT_EQ(d.reports.size(), 2u);
    for (const auto& r : d.reports) {
        EXPECT_EQ(r.outcome, close_outcome::drained);
        EXPECT_TRUE(r.complete());
    }
    EXPECT_EQ(d.reports[1].total.channels, 1u) << "a refused open is no channel";
    EXPECT_EQ(d.reports[1].channels.at(0).numbers.exit_status, 3u);
    EXPECT_EQ(d.reports[1].total.bytes_sent, 23u);
}

TEST(ServerDrain, NobodyConnectsAnyMore) {
    draining d;
    const auto client = d.log_in();
    d.start_command_that_waits(*client);
    d.drain(60s);
    boost::asio::ip::tcp::socket socket(d.s.context);
    error_code e;
    socket.connect(d.s.address, e);
    EXPECT_EQ(e, boost::asio::error::connection_refused);
}

TEST(ServerDrain, WhatIsLeftAtTheDeadlineIsCut) {
    draining d;
    const auto client = d.log_in();
    const auto number = d.start_command_that_waits(*client);
    d.drain(200ms);
    EXPECT_TRUE(client->ends_with_fin());
    EXPECT_TRUE(client->sessions[number].closed);
    EXPECT_EQ(client->sessions[number].exit_status, std::nullopt);
    EXPECT_EQ(client->disconnected, 11u);
    ASSERT_TRUE(d.done());
    EXPECT_EQ(d.report->cut, 1u);
    EXPECT_EQ(d.reports.at(0).outcome, close_outcome::deadline);
    EXPECT_EQ(d.reports.at(0).tasks_cancelled, 1u);
    EXPECT_EQ(d.reports.at(0).tasks_not_returned, 0u);
    EXPECT_TRUE(d.process_gone());
}

TEST(ServerDrain, CommandsAreHungUpWhereThePolicySaysSo) {
    draining d;
    const auto client = d.log_in();
    const auto number =
        d.start(*client, "trap 'echo bye; exit 4' HUP; echo ready; while :; do sleep 0.01; done");
    ASSERT_TRUE(d.s.until([&] { return client->sessions[number].out == "ready\n"; }));
    d.drain(60s, {sftp::drain_policy::finish_handles, true});
    EXPECT_TRUE(client->finish(number));
    EXPECT_EQ(client->sessions[number].out, "ready\nbye\n");
    EXPECT_EQ(client->sessions[number].exit_status, 4u);
    ASSERT_TRUE(d.done());
    EXPECT_EQ(d.report->cut, 0u);
}

TEST(ServerDrain, AStopWhileDrainingIsACut) {
    draining d;
    const auto client = d.log_in();
    d.start_command_that_waits(*client);
    d.drain(60s);
    d.s.context.run_for(50ms);
    EXPECT_FALSE(d.report);
    d.s.stop();
    ASSERT_TRUE(d.done());
    EXPECT_EQ(d.report->cut, 1u);
    EXPECT_EQ(d.reports.at(0).outcome, close_outcome::cut);
    EXPECT_TRUE(d.process_gone());
}

TEST(ServerDrain, ALoginThatIsNotFinishedHasNothingToLose) {
    draining d;
    const auto client = ssh_client::connect(d.s);
    ASSERT_TRUE(client->exchange_keys());
    d.drain(60s);
    EXPECT_TRUE(client->ends_with_fin());
    ASSERT_TRUE(d.done());
    EXPECT_EQ(d.report->connections, 1u);
    EXPECT_EQ(d.report->cut, 0u);
}

// Close-and-drain, acceptance 7: DISCONNECT does not overtake what came before it.
TEST(ServerDrain, DataBeforeDisconnectReachesTheCommand) {
    for (const bool with_eof : {true, false}) {
        SCOPED_TRACE(with_eof);
        draining d([](server_options& o) { o.handler_grace = 30s; });
        const auto client = d.log_in();
        const auto number = d.start(*client, "sleep 0.3; cat > got; echo $? > status");
        const std::string piece(30'000, 'x');
        for (int i = 0; i < 50; ++i)  // 1.5 MB, within the window
            client->write_data(number, piece);
        if (with_eof) client->send_eof(number);
        client->send(wire::encoded(disconnect{11, "", {}}));
        ASSERT_TRUE(d.s.until([&] { return d.s.connections() == 0; }));
        EXPECT_EQ(std::filesystem::file_size(d.dir / "got"), 1'500'000u);
        EXPECT_TRUE(std::filesystem::exists(d.dir / "status"));
        ASSERT_EQ(d.reports.size(), 1u);
        EXPECT_EQ(d.reports[0].outcome, close_outcome::peer_closed);
        EXPECT_EQ(d.reports[0].tasks_cancelled, 0u);
        EXPECT_EQ(d.reports[0].total.bytes_received, 1'500'000u);
    }
}

// --- SFTP ---------------------------------------------------------------------------------------

template <class M>
bytes framed(const M& packet) {
    bytes encoded;
    sftp::encode(packet, encoded);
    bytes out;
    wire::writer(out).write(bytes_view(encoded));
    return out;
}

struct draining_sftp : draining {
    draining_sftp()
        : draining([this](server_options& o) {
              o.filesystem = [this](const session_info&, auto) {
                  auto made = std::make_unique<test::memory_filesystem>();
                  files = made.get();
                  return made;
              };
          }) {
        client = log_in();
        number = client->open();
        expects(client->request(number, subsystem_request{"sftp"}));
        say(sftp::fxp_init{3, {}});
    }
    template <class M>
    void say(const M& packet) {
        client->write_data(number, as_text(framed(packet)));
    }
    std::string& replies() { return client->sessions[number].out; }
    /// Waits for a reply to that request; gives the packet's type and what follows its id.
    std::string reply(std::uint32_t id) {
        std::string found;
        s.until([&] {
            for (std::string_view left = replies(); left.size() >= 4;) {
                const auto length =
                    static_cast<std::size_t>(static_cast<unsigned char>(left[2]) * 256u +
                                             static_cast<unsigned char>(left[3]));
                if (left.size() < 4 + length) return client->ended();
                const std::string_view packet = left.substr(4, length);
                if (packet[0] != 2 && static_cast<std::uint8_t>(packet[4]) == id)
                    found = std::string(packet.substr(0, 1)) + std::string(packet.substr(5));
                left.remove_prefix(4 + length);
            }
            return !found.empty() || client->ended();
        });
        return found;
    }

    test::memory_filesystem* files = nullptr;
    std::shared_ptr<ssh_client> client;
    std::uint32_t number = 0;
};

TEST(ServerDrain, AnSftpSessionIsStoppedBetweenFiles) {
    draining_sftp d;
    d.say(sftp::fxp_open{1, "upload", sftp::fxf_write | sftp::fxf_creat | sftp::fxf_trunc, {}});
    const std::string opened = d.reply(1);
    ASSERT_EQ(opened.at(0), 102) << "HANDLE";
    const bytes handle = to_bytes(as_bytes(std::string_view(opened).substr(5)));
    d.drain(60s);
    d.s.context.run_for(20ms);

    d.say(sftp::fxp_open{2, "another", sftp::fxf_write | sftp::fxf_creat, {}});
    const std::string refused = d.reply(2);
    EXPECT_EQ(refused.at(0), 101) << "STATUS";
    EXPECT_NE(refused.find("server is draining"), std::string::npos);
    d.say(sftp::fxp_write{3, handle, 0, as_bytes("whole")});
    d.say(sftp::fxp_close{4, handle});
    EXPECT_EQ(d.reply(3).substr(0, 5), std::string("\x65\0\0\0\0", 5)) << "OK";
    EXPECT_EQ(d.reply(4).substr(0, 5), std::string("\x65\0\0\0\0", 5)) << "OK";
    EXPECT_TRUE(d.client->finish(d.number));
    EXPECT_TRUE(d.client->sessions[d.number].eof);
    EXPECT_EQ(d.client->sessions[d.number].exit_status, 0u);
    EXPECT_TRUE(d.client->ends_with_fin());
    EXPECT_EQ(d.client->disconnected, 11u);
    ASSERT_TRUE(d.done());
    EXPECT_EQ(d.report->cut, 0u);
    EXPECT_EQ(d.report->total.files_committed, 1u);
    const auto& session = d.reports.at(0).sftp_sessions.at(0);
    EXPECT_EQ(session.bytes_written, 5u);
    EXPECT_EQ(session.requests_refused, 1u);
}

// Whoever leaves by himself was not cut, whatever he leaves behind.
TEST(ServerDrain, AClientThatLeavesByItselfIsNotCut) {
    for (const bool with_goodbye : {false, true}) {
        SCOPED_TRACE(with_goodbye);
        draining_sftp d;
        d.say(sftp::fxp_open{1, "upload", sftp::fxf_write | sftp::fxf_creat, {}});
        ASSERT_EQ(d.reply(1).at(0), 102) << "HANDLE";
        d.drain(60s);
        d.s.context.run_for(20ms);
        if (with_goodbye) {
            d.client->leave();
            EXPECT_TRUE(d.client->ends_with_fin());
        }
        d.client->close();
        ASSERT_TRUE(d.done());
        EXPECT_EQ(d.report->connections, 1u);
        EXPECT_EQ(d.report->cut, 0u);
        EXPECT_EQ(d.report->left, 1u);
        EXPECT_EQ(d.report->total.files_abandoned, 1u);
    }
}

TEST(ServerDrain, AFileThatIsOpenAtTheDeadlineIsAbandoned) {
    draining_sftp d;
    d.say(sftp::fxp_open{1, "upload", sftp::fxf_write | sftp::fxf_creat | sftp::fxf_trunc, {}});
    ASSERT_EQ(d.reply(1).at(0), 102) << "HANDLE";
    d.drain(200ms);
    EXPECT_TRUE(d.client->ends_with_fin());
    ASSERT_TRUE(d.done());
    EXPECT_EQ(d.report->cut, 1u);
    EXPECT_EQ(d.report->total.files_abandoned, 1u);
    EXPECT_EQ(d.reports.at(0).outcome, close_outcome::deadline);
    EXPECT_EQ(d.reports.at(0).sftp_sessions.at(0).handles_left_open, 1u);
}

}  // namespace
}  // namespace sluice
