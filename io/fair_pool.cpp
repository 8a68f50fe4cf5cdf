#include "sluice/io/fair_pool.hpp"

#include <algorithm>

namespace sluice {

// --- turns --------------------------------------------------------------------------------------

turn_tree::~turn_tree() {
    while (pop([](const node&) { return true; }) != nullptr) {
    }
}

void turn_tree::node::append(node& below) {
    below.behind_ = nullptr;
    (last_ != nullptr ? last_->behind_ : first_) = &below;
    last_ = &below;
}

void turn_tree::push(node& leaf, std::unique_ptr<work> what) {
    bool waited = leaf.waits();
    work* const last = what.release();
    last->behind = nullptr;
    (leaf.last_work_ != nullptr ? leaf.last_work_->behind : leaf.first_work_) = last;
    leaf.last_work_ = last;
    for (node* n = &leaf; !waited && n->above_ != nullptr; n = n->above_) {
        waited = n->above_->waits();
        n->above_->append(*n);
    }
}

std::unique_ptr<turn_tree::work> turn_tree::pop(const std::function<bool(const node&)>& may) {
    node* before = nullptr;
    node* chosen = top_.first_;
    while (chosen != nullptr && !may(*chosen))
        before = std::exchange(chosen, chosen->behind_);
    if (chosen == nullptr) return nullptr;
    node* n = chosen;
    while (n->first_ != nullptr)
        n = n->first_;
    std::unique_ptr<work> what(n->first_work_);
    n->first_work_ = what->behind;
    if (n->first_work_ == nullptr) n->last_work_ = nullptr;
    // Each had its turn, and stands behind the others if it has more.
    for (; n->above_ != nullptr; n = n->above_) {
        node& above = *n->above_;
        node* const ahead = n == chosen ? before : nullptr;
        (ahead != nullptr ? ahead->behind_ : above.first_) = n->behind_;
        if (n == above.last_) above.last_ = ahead;
        if (n->waits()) above.append(*n);
    }
    return what;
}

// --- threads ------------------------------------------------------------------------------------

fair_pool::fair_pool(boost::asio::thread_pool& pool, std::size_t threads)
    : pool_(pool),
      threads_(threads),
      kept_(threads > 1 ? std::max<std::size_t>(1, threads / 4) : 0) {}

std::shared_ptr<fair_pool> fair_pool::make(boost::asio::thread_pool& pool, std::size_t threads) {
    return std::shared_ptr<fair_pool>(new fair_pool(pool, threads));
}

std::shared_ptr<fair_pool::session> fair_pool::open(const std::string& user,
                                                    const void* connection) {
    return std::make_shared<session>(shared_from_this(), user, connection);
}

// The functions from here to take_next() are called with the mutex held. What waits is of users
// that are not admitted: whoever changes that has it run.
bool fair_pool::admits(const turn_tree::node& user) const {
    const std::size_t free = threads_ - running_;
    return free > (user.running == 0 ? 0 : kept_);
}

void fair_pool::count(user_place user) {
    ++running_;
    ++user->second.turns.running;
}

void fair_pool::forget_if_idle(user_place user) {
    if (user->second.sessions == 0 && user->second.turns.running == 0) users_.erase(user);
}

std::unique_ptr<fair_pool::task> fair_pool::take_next() {
    auto next = tree_.pop([this](const turn_tree::node& user) { return admits(user); });
    std::unique_ptr<task> taken(static_cast<task*>(next.release()));
    if (taken) count(taken->user);
    return taken;
}

bool fair_pool::may_start(user_place user) {
    const std::lock_guard lock(mutex_);
    if (!admits(user->second.turns)) return false;
    count(user);
    return true;
}

// False: a thread is free, and is the caller's to start with it.
bool fair_pool::push(turn_tree::node& leaf, std::unique_ptr<task>& what) {
    const std::lock_guard lock(mutex_);
    if (admits(what->user->second.turns)) {
        count(what->user);
        return false;
    }
    tree_.push(leaf, std::move(what));
    return true;
}

void fair_pool::run(std::unique_ptr<task> what) {
    boost::asio::post(pool_, [pool = shared_from_this(), what = std::move(what)]() mutable {
        const user_place user = what->user;
        what->run();
        what.reset();
        pool->run_waiting(user);
    });
}

// On a thread that has done that user's work, until nothing waits that may run.
void fair_pool::run_waiting(user_place ended) {
    for (;;) {
        std::unique_ptr<task> next;
        {
            const std::lock_guard lock(mutex_);
            --running_;
            --ended->second.turns.running;
            next = take_next();
            // A user who has no thread any more may have one of those that are kept.
            while (auto another = take_next())
                run(std::move(another));
            forget_if_idle(ended);
        }
        if (!next) return;
        next->run();
        ended = next->user;
    }
}

fair_pool::session::session(std::shared_ptr<fair_pool> pool, const std::string& user,
                            const void* connection)
    : pool_(std::move(pool)), connection_(connection) {
    const std::lock_guard lock(pool_->mutex_);
    user_ = pool_->users_.try_emplace(user, &pool_->tree_.top()).first;
    auto& of_user = user_->second;
    auto& of_connection =
        of_user.connections.try_emplace(connection_, &of_user.turns).first->second;
    ++of_user.sessions;
    ++of_connection.sessions;
    leaf_ = std::make_unique<turn_tree::node>(&of_connection.turns);
}

fair_pool::session::~session() {
    const std::lock_guard lock(pool_->mutex_);
    leaf_.reset();
    auto& connections = user_->second.connections;
    const auto of_connection = connections.find(connection_);
    if (--of_connection->second.sessions == 0) connections.erase(of_connection);
    --user_->second.sessions;
    pool_->forget_if_idle(user_);
}

}  // namespace sluice
