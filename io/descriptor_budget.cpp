#include "sluice/io/descriptor_budget.hpp"

#include "sluice/wire/expects.hpp"
#include "sluice/wire/limits.hpp"

#include <algorithm>

namespace sluice {

descriptor_share& descriptor_share::operator=(descriptor_share&& other) noexcept {
    if (this == &other) return *this;
    give_back();
    account_ = std::move(other.account_);
    n_ = other.n_;
    return *this;
}

void descriptor_share::give_back() {
    if (const auto account = std::exchange(account_, nullptr)) account->give_back(n_);
}

descriptor_budget::caps descriptor_budget::caps_within(std::size_t process_limit) {
    const std::size_t process = process_limit / 2;
    const std::size_t user = std::min(process / 2, limits::descriptors_of_user_max);
    return {process, user, std::min(user / 2, limits::descriptors_of_connection_max)};
}

std::shared_ptr<descriptor_budget> descriptor_budget::make(const caps& most) {
    return std::shared_ptr<descriptor_budget>(new descriptor_budget(most));
}

std::shared_ptr<descriptor_account> descriptor_budget::account(const std::string& user) {
    const std::lock_guard lock(mutex_);
    const auto entry = users_.try_emplace(user).first;
    ++entry->second.accounts;
    return std::shared_ptr<descriptor_account>(new descriptor_account(shared_from_this(), entry));
}

std::size_t descriptor_budget::in_use() const {
    const std::lock_guard lock(mutex_);
    return in_use_;
}

descriptor_account::~descriptor_account() {
    const std::lock_guard lock(budget_->mutex_);
    expects(in_use_ == 0);
    if (--user_->second.accounts == 0) budget_->users_.erase(user_);
}

std::optional<descriptor_share> descriptor_account::take(std::size_t n) {
    const std::lock_guard lock(budget_->mutex_);
    const auto& most = budget_->most_;
    const auto fits = [n](std::size_t in_use, std::size_t cap) {
        return in_use <= cap && n <= cap - in_use;
    };
    if (!fits(in_use_, most.connection) || !fits(user_->second.in_use, most.user) ||
        !fits(budget_->in_use_, most.process))
        return std::nullopt;
    in_use_ += n;
    user_->second.in_use += n;
    budget_->in_use_ += n;
    return descriptor_share(shared_from_this(), n);
}

void descriptor_account::give_back(std::size_t n) {
    const std::lock_guard lock(budget_->mutex_);
    in_use_ -= n;
    user_->second.in_use -= n;
    budget_->in_use_ -= n;
}

std::optional<descriptor_share> take_descriptors(const std::shared_ptr<descriptor_account>& account,
                                                 std::size_t n) {
    return account ? account->take(n) : descriptor_share();
}

}  // namespace sluice
