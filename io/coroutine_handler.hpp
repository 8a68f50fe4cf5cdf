#pragma once

#include "sluice/io/mux_port.hpp"
#include "sluice/io/session_handler.hpp"
#include "sluice/io/task_scope.hpp"

#include <functional>
#include <memory>
#include <string>

namespace sluice {

/// Private to io/: serves a session by a coroutine, which it owns.
class coroutine_handler final : public channel_handler {
public:
    struct begun {
        session_info who;
        std::string what;
        std::vector<std::pair<std::string, std::string>> environment;
    };
    /// `failed` is told what a handler threw.
    coroutine_handler(mux_port& port, session_handler serve, begun how,
                      std::function<void(std::string)> failed);

    void on_data(bytes_view data, std::uint32_t extended_type) override;
    void on_eof() override;
    void on_writable() override;
    void on_eow() override;
    void on_drain(const drain_policy& policy) override;
    void on_closed() override;
    void cancel() override;

private:
    // The coroutine's own, so that it may outlive us when a context is destroyed.
    struct state;

    static boost::asio::awaitable<void> run(std::shared_ptr<state> s);
    void ended(std::exception_ptr thrown);
    void finish_if_over();

    mux_port& port_;
    std::function<void(std::string)> failed_;
    task_scope scope_;
    std::shared_ptr<session_core> core_;
    std::shared_ptr<state> state_;
    bool returned_ = false;
    bool closed_ = false;
};

}  // namespace sluice
