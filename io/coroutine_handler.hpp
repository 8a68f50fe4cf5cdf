#pragma once

#include "sluice/io/mux_port.hpp"
#include "sluice/io/session_handler.hpp"
#include "sluice/io/task_scope.hpp"

#include <exception>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace sluice {

/// Private to io/: serves a channel by a coroutine, which it owns. When that returns the channel
/// is closed, where it is not yet.
class coroutine_handler final : public channel_handler {
public:
    /// What serves: it keeps what it needs, so that it may outlive us when a context is destroyed.
    using task = std::function<boost::asio::awaitable<void>(std::shared_ptr<session_core> channel,
                                                            std::stop_token stop)>;

    /// `failed` is told what the coroutine threw.
    coroutine_handler(mux_port& port, const task& serve, std::function<void(std::string)> failed);

    void on_data(bytes_view data, std::uint32_t extended_type) override;
    void on_eof() override;
    void on_writable() override;
    void on_eow() override;
    void on_drain(const drain_policy& policy) override;
    void on_closed() override;
    void cancel() override;

private:
    void ended(std::exception_ptr thrown);
    void finish_if_over();

    mux_port& port_;
    std::function<void(std::string)> failed_;
    task_scope scope_;
    std::shared_ptr<session_core> core_;
    bool returned_ = false;
    bool closed_ = false;
};

/// Runs an application's session handler: EOF, the exit status and CLOSE follow what it returns,
/// 255 what it throws.
coroutine_handler::task serve_session(session_handler serve, session_info who, std::string what,
                                      std::vector<std::pair<std::string, std::string>> environment);

}  // namespace sluice
