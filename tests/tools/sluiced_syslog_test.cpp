// SyslogFacility and --syslog: lines go to a daemon of syslog, and nobody waits for one.

#include "sluice/tools/sluiced_syslog.hpp"

#include "sluice/io/file_descriptor.hpp"
#include "sluice/tests/support/temp_dir.hpp"
#include "sluice/tools/sluiced_log.hpp"

#include <gtest/gtest.h>

#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <regex>
#include <string>

namespace sluice {
namespace {

using std::chrono::minutes;

// What a daemon has received; its socket is gone with it.
class syslog_daemon {
public:
    explicit syslog_daemon(const std::string& path) : path_(path) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::ranges::copy(path, address.sun_path);
        EXPECT_EQ(
            ::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    }
    ~syslog_daemon() { ::unlink(path_.c_str()); }

    std::string receive() const {
        std::array<char, 64 * 1024> text{};
        const ssize_t n = ::recv(socket_.get(), text.data(), text.size(), 0);
        return {text.data(), static_cast<std::size_t>(std::max<ssize_t>(n, 0))};
    }

private:
    const std::string path_;
    file_descriptor socket_{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
};

class Syslog : public testing::Test {
protected:
    const test::temp_dir dir_;
    const std::string path_ = (dir_ / "log").string();
    const std::shared_ptr<syslog_socket> socket_ = std::make_shared<syslog_socket>(path_);
    sluiced_log_options options_{.syslog_facility = LOG_LOCAL3};
};

TEST_F(Syslog, LinesAreAsSyslogWritesThem) {
    const auto when = std::chrono::system_clock::from_time_t(1'700'000'000);
    const std::regex form("<38>Nov 1[45] \\d\\d:\\d\\d:20 sluiced\\[678\\]: ");
    const auto header = syslog_header(LOG_AUTH, log_severity::info, when, 678);
    EXPECT_TRUE(std::regex_match(header, form)) << header;
    const auto early = std::chrono::system_clock::from_time_t(1'700'000'000 - 9 * 86'400);
    EXPECT_EQ(syslog_header(LOG_AUTH, log_severity::error, early, 1).substr(0, 9), "<35>Nov  ");
    EXPECT_EQ(syslog_header(LOG_LOCAL7, log_severity::debug, when, 1).substr(0, 5), "<191>");
    EXPECT_EQ(syslog_header(LOG_DAEMON, log_severity::verbose, when, 1).substr(0, 4), "<30>");
}

TEST_F(Syslog, EachLineIsADatagram) {
    const syslog_daemon daemon(path_);
    EXPECT_FALSE(socket_->connect());
    const auto lines = make_log_writer(options_, socket_);
    const auto log = make_sluiced_log(options_, lines);
    log({log_severity::info, "login", {{"user", "a\nb"}}});
    log({log_severity::error, "closed", {}});
    const std::string process = "sluiced[" + std::to_string(::getpid()) + "]: ";
    const std::string first = daemon.receive();
    EXPECT_TRUE(first.starts_with("<158>")) << first;
    EXPECT_TRUE(first.ends_with(process + "info login user=\"a\\nb\"")) << first;
    const std::string second = daemon.receive();
    EXPECT_TRUE(second.starts_with("<155>") && second.ends_with(process + "error closed"));
    EXPECT_TRUE(lines->flush(minutes(5)));
}

TEST_F(Syslog, ADaemonThatComesBackIsFound) {
    EXPECT_TRUE(socket_->connect()) << "there is none";
    const auto lines = make_log_writer(options_, socket_);
    lines->write("lost");
    EXPECT_TRUE(lines->flush(minutes(5))) << "nobody waits for it";
    for (int i = 0; i < 3; ++i) {
        const syslog_daemon daemon(path_);
        lines->write("kept");
        EXPECT_EQ(daemon.receive(), "kept");
    }
    lines->write("lost");
    EXPECT_TRUE(lines->flush(minutes(5)));
}

TEST_F(Syslog, ADaemonThatTakesNothingStopsNobody) {
    const syslog_daemon daemon(path_);
    EXPECT_FALSE(socket_->connect());
    const auto lines = make_log_writer(options_, socket_);
    for (int i = 0; i < 10'000; ++i)
        lines->write(std::string(1000, 'x'));
    EXPECT_GT(lines->dropped(), 0U);
    EXPECT_FALSE(lines->flush(std::chrono::milliseconds(1)));
}

TEST_F(Syslog, APathThatCannotBeIsAnError) {
    EXPECT_EQ(syslog_socket(std::string(200, 'a')).connect(), errc::too_long);
}

}  // namespace
}  // namespace sluice
