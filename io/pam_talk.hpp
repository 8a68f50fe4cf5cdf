#pragma once

#include "sluice/io/authenticator.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace sluice {

/// Private to io/: between a thread that a PAM module blocks, and the coroutine that has the user.
class pam_talk : public std::enable_shared_from_this<pam_talk> {
public:
    using responses = std::optional<std::vector<secret_bytes>>;

    // --- of the thread ---

    /// Waits for the user. Nothing when there is nobody left to ask.
    responses ask(auth_prompts prompts);

    /// The last word.
    void finish(login_verdict verdict);

    // --- of the coroutine ---

    struct step {
        std::optional<auth_prompts> prompts{};
        std::optional<login_verdict> verdict{};
    };

    /// `heard` is of the coroutine's executor and is there until `close`.
    void open(boost::asio::steady_timer& heard);

    /// What the thread has come to. Neither: not yet, wait for `heard` to be cancelled.
    step take();
    void answer(std::vector<secret_bytes> said);

    /// Nobody is there any more: the thread is told so, whenever it asks.
    void close();

private:
    void wake();

    std::mutex mutex_;
    std::condition_variable answered_;
    bool open_ = true;
    step next_;
    responses said_;
    boost::asio::steady_timer* heard_ = nullptr;
    boost::asio::any_io_executor executor_;
};

}  // namespace sluice
