#pragma once

#include "sluice/sftp/driver.hpp"
#include "sluice/sftp/server.hpp"
#include "sluice/tests/sim/actor.hpp"
#include "sluice/tests/sim/random.hpp"
#include "sluice/tests/support/memory_filesystem.hpp"

#include <map>
#include <string>

namespace sluice::sim {

/// Serves SFTP on a channel out of memory, as io's service does it: sftp::server and its driver,
/// with a disk that may be slow.
class sftp_host final : public performer {
public:
    sftp_host(stage& world, conversation& c, side own);
    ~sftp_host() override;

    void open() override {}
    void on_asked(channel_id id) override;
    void on_event(const channel_event& event) override;
    void on_wake(wake why) override;
    // By the policy of its plan, or it is closed or cut.
    void on_drain() override;
    void on_connection_end(error_code error) override;

    std::uint32_t chunk_bytes() const override { return 1 << 20; }
    std::string settled() const override;

private:
    void pump();
    void pump_once();
    void close();
    void over();

    random draws_;
    test::memory_filesystem files_;
    sftp::server server_;
    sftp::driver driver_;
    bool lost_ = false;
    bool disk_alarm_ = false;
    bool pumping_ = false;
    bool again_ = false;
};

/// A client that does what its sftp_plan says, byte by byte: the messages are written here.
class sftp_user final : public performer {
public:
    sftp_user(stage& world, conversation& c, side own);

    void open() override;
    void on_asked(channel_id) override {}
    void on_event(const channel_event& event) override;
    void on_wake(wake why) override;
    void on_drain() override;
    void on_connection_end(error_code error) override;

    std::uint32_t chunk_bytes() const override { return 1 << 20; }
    std::string settled() const override;

private:
    enum class step { starting, opening, writing, closing, reopening, reading, reclosing, done };
    struct asked {
        step what;
        std::uint64_t offset = 0;
        std::uint64_t size = 0;
    };

    void work();
    void ask();
    void flush();
    void on_packet(bytes_view packet);
    void on_status(const asked& r, std::uint32_t code);
    static bool is_new_work(const asked& r);
    bool may_stop() const;
    void close();
    void over();
    template <class M>
    void send(const M& message, step what, std::uint64_t offset = 0, std::uint64_t size = 0);
    void check(bool holds, std::string_view what);
    sftp_file& file() { return c_.sftp.files.back(); }

    const sftp_plan& plan_;
    bool draining_ = false;
    step step_ = step::starting;
    std::uint32_t next_id_ = 1;
    std::map<std::uint32_t, asked> unanswered_;
    bytes handle_;
    std::uint64_t offset_ = 0;  // of the next WRITE or READ
    bytes output_;              // that has found no room
    bytes input_;               // of a packet that is not whole
};

}  // namespace sluice::sim
