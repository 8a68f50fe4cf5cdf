#include "sluice/io/pam_talk.hpp"

#include <boost/asio/post.hpp>

#include <utility>

namespace asio = boost::asio;

namespace sluice {

pam_talk::responses pam_talk::ask(auth_prompts prompts) {
    std::unique_lock lock(mutex_);
    if (!open_) return std::nullopt;
    said_.reset();
    next_.prompts = std::move(prompts);
    wake();
    answered_.wait(lock, [&] { return said_ || !open_; });
    return open_ ? std::exchange(said_, std::nullopt) : std::nullopt;
}

void pam_talk::finish(login_verdict verdict) {
    const std::lock_guard lock(mutex_);
    next_.verdict = std::move(verdict);
    wake();
}

// Under the lock: as long as the talk is open, the executor is good.
void pam_talk::wake() {
    if (!open_) return;
    asio::post(executor_, [self = shared_from_this()] {
        const std::lock_guard lock(self->mutex_);
        if (self->heard_ != nullptr) self->heard_->cancel();
    });
}

void pam_talk::open(asio::steady_timer& heard) {
    const std::lock_guard lock(mutex_);
    heard_ = &heard;
    executor_ = heard.get_executor();
}

pam_talk::step pam_talk::take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(next_, step{});
}

void pam_talk::answer(std::vector<secret_bytes> said) {
    const std::lock_guard lock(mutex_);
    said_ = std::move(said);
    answered_.notify_all();
}

void pam_talk::close() {
    const std::lock_guard lock(mutex_);
    open_ = false;
    said_.reset();
    heard_ = nullptr;
    // The thread may outlive the context of this.
    executor_ = {};
    answered_.notify_all();
}

}  // namespace sluice
