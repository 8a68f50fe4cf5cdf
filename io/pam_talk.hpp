#pragma once

#include "sluice/io/authenticator.hpp"
#include "sluice/io/thread_word.hpp"

#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace sluice {

/// Private to io/: between a thread that a PAM module blocks, and the coroutine that has the user.
class pam_talk {
public:
    using responses = std::optional<std::vector<secret_bytes>>;

    /// `word` is how the thread says that there is something to take.
    explicit pam_talk(thread_word::sender word) : word_(std::move(word)) {}

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

    /// What the thread has come to.
    step take();
    void answer(std::vector<secret_bytes> said);

    /// Nobody is there any more: the thread is told so, whenever it asks.
    void close();

private:
    const thread_word::sender word_;
    std::mutex mutex_;
    std::condition_variable answered_;
    bool open_ = true;
    step next_;
    responses said_;
};

}  // namespace sluice
