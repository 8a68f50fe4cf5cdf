#pragma once

#include "sluice/io/authenticator.hpp"
#include "sluice/wire/clock.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <optional>
#include <vector>

namespace sluice {

/// Private to io/: one keyboard-interactive login, between the coroutine that asks and the endpoint
/// that carries it.
class login_conversation final : public conversation {
public:
    /// `send` hands prompts to the endpoint, which has a question that they answer.
    login_conversation(boost::asio::any_io_executor strand, std::function<void(auth_prompts)> send);

    boost::asio::awaitable<std::optional<std::vector<secret_bytes>>> ask(
        auth_prompts prompts) override;

    /// The client has answered.
    void on_responses(std::vector<secret_bytes> responses);

    /// There is nobody left to ask: now, and whenever it is tried.
    void abandon();
    bool abandoned() const { return abandoned_; }

    /// When the client said something last: it has begun, or answered.
    time_point answered_at() const { return answered_at_; }

private:
    std::function<void(auth_prompts)> send_;
    boost::asio::steady_timer heard_;  // never expires: cancelled when something came
    std::optional<std::vector<secret_bytes>> responses_;
    bool abandoned_ = false;
    time_point answered_at_;
};

}  // namespace sluice
