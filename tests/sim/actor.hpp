#pragma once

#include "sluice/channel/mux.hpp"
#include "sluice/tests/sim/model.hpp"

#include <deque>
#include <string_view>

namespace sluice::sim {

/// What an actor is woken for.
enum class wake : std::uint8_t { open, accept, write, consume, request, answer, end, close, cut };

/// Where actors live: a clock, one end's channels, and an alarm.
class stage {
public:
    virtual ~stage() = default;
    virtual time_point now() const = 0;
    virtual mux& channels(side s) = 0;
    virtual void wake_at(time_point when, std::size_t conversation, side who, wake why) = 0;
    virtual verdict& told() = 0;
};

/// The application of one side of one channel.
class performer {
public:
    performer(stage& world, conversation& c, side own)
        : world_(world), c_(c), own_(own), me_(c.of(own)), peer_(c.of(other(own))) {}
    virtual ~performer() = default;

    virtual void open() = 0;                   // opener
    virtual void on_asked(channel_id id) = 0;  // acceptor
    virtual void on_event(const channel_event& event) = 0;
    virtual void on_wake(wake why) = 0;
    virtual void on_drain() = 0;
    /// The connection is over; every stream that has not ended ends with `error`.
    virtual void on_connection_end(error_code error) = 0;

    /// From the OPEN to the end.
    bool live() const { return live_; }
    bool waits_for_room() const { return waits_for_room_; }
    std::uint64_t held() const { return held_; }  // bytes read and not consumed
    virtual std::uint32_t chunk_bytes() const = 0;
    /// When all is over: what is left or wrong, or nothing.
    virtual std::string settled() const { return {}; }

protected:
    mux& channels() { return world_.channels(own_); }

    stage& world_;
    conversation& c_;
    const side own_;
    channel_side& me_;
    channel_side& peer_;
    bool live_ = false;
    bool waits_for_room_ = false;
    std::uint64_t held_ = 0;
};

/// Writes, reads, asks and ends as its plan says, and holds every event against the model.
class actor final : public performer {
public:
    actor(stage& world, conversation& c, side own);

    void open() override;
    void on_asked(channel_id id) override;
    void on_event(const channel_event& event) override;
    void on_wake(wake why) override;
    void on_drain() override;
    void on_connection_end(error_code error) override;

    std::uint32_t chunk_bytes() const override { return plan_.chunk_bytes; }

private:
    struct piece {
        std::uint64_t size;
        time_point due;
    };

    struct question {
        bool success;  // how it will be answered
        time_point due;
    };

    void begin(channel_id id);
    void on_opened();
    void start();
    void on_data(const channel_data_event& event);
    void on_request(const channel_request_event& event);
    void on_reply(bool success);
    void on_eof();
    void on_closed(const channel_report& report);
    void work();
    void write();
    void echo();
    bool all_written() const;
    void maybe_end();
    void finish();
    void consume(std::uint64_t n);
    void consume_due();
    void send_request();
    void answer_due();
    void close();
    void cut();
    void stop(bool cut);
    void over();
    void check(bool holds, std::string_view what);

    const side_plan& plan_;
    bool started_ = false;
    bool room_told_ = false;
    bool end_waits_ = false;
    time_point began_{};
    time_point may_write_{};
    std::uint64_t chunks_ = 0;
    std::uint64_t echoed_ = 0;
    std::deque<piece> later_;
    unsigned requests_sent_ = 0;
    std::deque<bool> replies_expected_;
    std::deque<question> unanswered_;
};

}  // namespace sluice::sim
