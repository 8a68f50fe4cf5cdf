#include "sluice/io/fair_pool.hpp"

namespace sluice {

// --- turns --------------------------------------------------------------------------------------

turn_tree::~turn_tree() {
    while (pop() != nullptr) {
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

std::unique_ptr<turn_tree::work> turn_tree::pop() {
    if (!top_.waits()) return nullptr;
    node* n = &top_;
    while (n->first_ != nullptr)
        n = n->first_;
    std::unique_ptr<work> what(n->first_work_);
    n->first_work_ = what->behind;
    if (n->first_work_ == nullptr) n->last_work_ = nullptr;
    // Each had its turn, and stands behind the others if it has more.
    for (; n->above_ != nullptr; n = n->above_) {
        node& above = *n->above_;
        above.first_ = n->behind_;
        if (above.first_ == nullptr) above.last_ = nullptr;
        if (n->waits()) above.append(*n);
    }
    return what;
}

// --- threads ------------------------------------------------------------------------------------

std::shared_ptr<fair_pool> fair_pool::make(boost::asio::thread_pool& pool, std::size_t threads) {
    return std::shared_ptr<fair_pool>(new fair_pool(pool, threads));
}

std::shared_ptr<fair_pool::session> fair_pool::open(const std::string& user,
                                                    const void* connection) {
    return std::make_shared<session>(shared_from_this(), user, connection);
}

bool fair_pool::may_start() {
    const std::lock_guard lock(mutex_);
    if (running_ == threads_) return false;
    ++running_;
    return true;
}

// False: a thread is free, and is the caller's to start with it.
bool fair_pool::push(turn_tree::node& leaf, std::unique_ptr<turn_tree::work>& what) {
    const std::lock_guard lock(mutex_);
    if (running_ != threads_) {
        ++running_;
        return false;
    }
    tree_.push(leaf, std::move(what));
    return true;
}

// On a thread that has done its work, until nothing waits.
void fair_pool::run_waiting() {
    for (;;) {
        std::unique_ptr<turn_tree::work> next;
        {
            const std::lock_guard lock(mutex_);
            next = tree_.pop();
            if (!next) {
                --running_;
                return;
            }
        }
        next->run();
    }
}

fair_pool::session::session(std::shared_ptr<fair_pool> pool, std::string user,
                            const void* connection)
    : pool_(std::move(pool)), user_(std::move(user)), connection_(connection) {
    const std::lock_guard lock(pool_->mutex_);
    auto& of_user = pool_->users_.try_emplace(user_, &pool_->tree_.top()).first->second;
    auto& of_connection =
        of_user.connections.try_emplace(connection_, &of_user.turns).first->second;
    ++of_user.sessions;
    ++of_connection.sessions;
    leaf_ = std::make_unique<turn_tree::node>(&of_connection.turns);
}

fair_pool::session::~session() {
    const std::lock_guard lock(pool_->mutex_);
    leaf_.reset();
    const auto of_user = pool_->users_.find(user_);
    const auto of_connection = of_user->second.connections.find(connection_);
    if (--of_connection->second.sessions == 0) of_user->second.connections.erase(of_connection);
    if (--of_user->second.sessions == 0) pool_->users_.erase(of_user);
}

}  // namespace sluice
