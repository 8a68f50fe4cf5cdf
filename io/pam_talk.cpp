#include "sluice/io/pam_talk.hpp"

#include <utility>

namespace sluice {

pam_talk::responses pam_talk::ask(auth_prompts prompts) {
    std::unique_lock lock(mutex_);
    if (!open_) return std::nullopt;
    said_.reset();
    next_.prompts = std::move(prompts);
    word_.send();
    answered_.wait(lock, [&] { return said_ || !open_; });
    return open_ ? std::exchange(said_, std::nullopt) : std::nullopt;
}

void pam_talk::finish(login_verdict verdict) {
    const std::lock_guard lock(mutex_);
    next_.verdict = std::move(verdict);
    word_.send();
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
    answered_.notify_all();
}

}  // namespace sluice
