#include "sluice/io/login_conversation.hpp"

#include "sluice/io/clock.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <utility>

namespace asio = boost::asio;

namespace sluice {

login_conversation::login_conversation(asio::any_io_executor strand,
                                       std::function<void(auth_prompts)> send)
    : send_(std::move(send)),
      heard_(std::move(strand), std::chrono::steady_clock::time_point::max()),
      answered_at_(now()) {}

asio::awaitable<std::optional<std::vector<secret_bytes>>> login_conversation::ask(
    auth_prompts prompts) {
    if (abandoned_) co_return std::nullopt;
    responses_.reset();
    send_(std::move(prompts));
    // The connection may end by what was sent.
    if (!abandoned_ && !responses_) {
        error_code cancelled;
        co_await heard_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    }
    co_return std::exchange(responses_, std::nullopt);
}

void login_conversation::on_responses(std::vector<secret_bytes> responses) {
    responses_ = std::move(responses);
    answered_at_ = now();
    heard_.cancel();
}

void login_conversation::abandon() {
    abandoned_ = true;
    responses_.reset();
    heard_.cancel();
}

}  // namespace sluice
