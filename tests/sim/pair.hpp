#pragma once

#include "sluice/endpoint/client_endpoint.hpp"
#include "sluice/endpoint/server_endpoint.hpp"
#include "sluice/tests/sim/actor.hpp"
#include "sluice/tests/sim/link.hpp"
#include "sluice/tests/sim/model.hpp"
#include "sluice/tests/sim/scenario.hpp"
#include "sluice/tests/sim/sftp_actors.hpp"
#include "sluice/tests/sim/tap.hpp"

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <vector>

namespace sluice::sim {

/// A client's and a server's endpoint, the link between them, what happens to it and the
/// applications of both, on one clock that only this moves. Nothing sleeps, and nothing is drawn
/// but from the scenario's seed: the same scenario is the same run.
class simulation final : private stage {
public:
    explicit simulation(const scenario& s);
    ~simulation() override;

    /// Lets everything happen until both ends are closed, a property is broken or the time is up;
    /// then holds the whole run against the model. The first property broken, or nothing.
    const std::string& run();

    // --- what became of it ---

    const scenario& plan() const { return scenario_; }
    const std::vector<std::unique_ptr<conversation>>& conversations() const {
        return conversations_;
    }
    const endpoint& end(side s) const { return *ends_[s].machine; }
    const close_report& report(side s) const { return ends_[s].report; }
    const tap& wire(side s) const { return *ends_[s].watch; }
    time_point closed_at(side s) const { return ends_[s].closed_at; }
    time_point logged_in_at() const { return logged_in_at_; }
    error_code error(side s) const { return ends_[s].error; }
    std::string ladder_text() const { return ladder_.text(); }
    std::uint64_t events() const { return events_; }
    bool reset_seen(side s) const { return ends_[s].saw_reset; }

private:
    struct end_state {
        std::unique_ptr<random> draws;
        client_config client_settings;
        server_config server_settings;
        std::optional<client_endpoint> as_client;
        std::optional<server_endpoint> as_server;
        endpoint* machine = nullptr;
        std::unique_ptr<tap> watch;
        std::optional<pipe> out;

        error_code error;          // of poll
        bool input_ended = false;  // and it was told
        bool socket_open = true;
        bool told_end = false;  // its actors know
        bool saw_reset = false;
        time_point reads_from{};  // stalled until
        time_point drained_by = time_point::max();
        time_point first_drain = time_point::max();
        time_point end_seen = time_point::max();  // FIN, RST or DISCONNECT came
        time_point closed_at = time_point::max();
        close_report report;
        std::map<channel_id, std::size_t> numbers;  // of conversations
    };
    struct alarm {
        time_point when;
        std::uint64_t order;  // in which they were set
        std::size_t conversation;
        side who;
        wake why;
        bool operator>(const alarm& o) const {
            return std::pair(when, order) > std::pair(o.when, o.order);
        }
    };

    // stage
    time_point now() const override { return now_; }
    mux& channels(side s) override { return ends_[s].machine->channels(); }
    void wake_at(time_point when, std::size_t conversation, side who, wake why) override;
    verdict& told() override { return verdict_; }

    void set_up(side s);
    performer& actor_of(std::size_t conversation, side s) { return *actors_[2 * conversation + s]; }

    time_point next_time() const;
    void happen();
    void on_incident(const incident& i);

    // The driver of one end; true when it moved any bytes.
    void pump_both();
    bool pump(side s);
    void poll(side s);
    void poll_client();
    void poll_server();
    void on_channel_event(side s, channel_event& event);
    void on_open(side s, channel_id id);
    void on_login();
    bool write(side s);
    bool read(side s);
    void close_socket(side s);
    void discard(side s);
    void tell_end(side s);
    void drain(side s, duration deadline);

    // What must hold, in check.cpp.
    void check_idle(side s);
    void check_channel_idle(side s, const conversation& c, const wire_channel& w);
    void check_end();
    void check_end_of(side s);
    void check_totals(side s);
    void check_conversation(const conversation& c, side s);
    channel_report report_of(const conversation& c, side s) const;
    void check_deadlines();
    void require(bool holds, side s, std::string_view what);

    scenario scenario_;
    time_point now_{};
    verdict verdict_;
    ladder ladder_;
    std::array<end_state, 2> ends_;
    std::vector<std::unique_ptr<conversation>> conversations_;
    std::vector<std::unique_ptr<performer>> actors_;
    std::priority_queue<alarm, std::vector<alarm>, std::greater<>> alarms_;
    std::uint64_t alarms_set_ = 0;
    std::size_t next_incident_ = 0;
    std::uint64_t events_ = 0;
    time_point logged_in_at_ = time_point::max();
    bool silent_ = false;
    unsigned globals_sent_ = 0;
    std::deque<bool> globals_expected_;
    unsigned pings_sent_ = 0;
    unsigned pongs_seen_ = 0;
};

}  // namespace sluice::sim
