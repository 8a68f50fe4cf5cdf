#pragma once

#include "sluice/wire/expects.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace sluice {

/// Work that waits, in a tree whose leaves take turns: users, their connections, their sessions.
/// However much one has waiting, another's next is behind at most one of each. Not for several
/// threads at once. Neither `push` nor `pop` allocates.
class turn_tree {
public:
    /// What waits; whoever makes it has it run, or drops it.
    struct work {
        virtual ~work() = default;
        virtual void run() = 0;
        work* behind = nullptr;
    };

    class node {
    public:
        explicit node(node* above) : above_(above) {}
        node(const node&) = delete;
        node& operator=(const node&) = delete;
        ~node() { expects(!waits()); }

        /// How much work of it runs, as whoever runs it counts.
        std::size_t running = 0;

    private:
        friend class turn_tree;
        bool waits() const { return first_work_ != nullptr || first_ != nullptr; }
        void append(node& below);

        node* above_;
        work* first_work_ = nullptr;  // of a leaf
        work* last_work_ = nullptr;
        node* first_ = nullptr;  // of those below, who have work: whose turn it is
        node* last_ = nullptr;
        node* behind_ = nullptr;
    };

    turn_tree() = default;
    ~turn_tree();
    turn_tree(const turn_tree&) = delete;
    turn_tree& operator=(const turn_tree&) = delete;

    node& top() { return top_; }
    void push(node& leaf, std::unique_ptr<work> what);
    /// What is next of the nodes just below the top that `may` have a turn; null: none waits.
    std::unique_ptr<work> pop(const std::function<bool(const node&)>& may);

private:
    node top_{nullptr};
};

/// A pool of threads for blocking calls on which users take turns, of one user his connections,
/// of a connection its sessions. A quarter of the threads, one at least of several, is kept for
/// users whose work has none: calls that do not return hold up their own user only. Any thread.
class fair_pool : public std::enable_shared_from_this<fair_pool> {
public:
    /// `threads` of the pool are used; it outlives what is posted.
    static std::shared_ptr<fair_pool> make(boost::asio::thread_pool& pool, std::size_t threads);

    class session;

    /// `connection` tells connections of a user apart.
    std::shared_ptr<session> open(const std::string& user, const void* connection);

private:
    struct branch {
        explicit branch(turn_tree::node* above) : turns(above) {}
        turn_tree::node turns;
        std::size_t sessions = 0;
    };
    struct user_branch : branch {
        using branch::branch;
        std::map<const void*, branch> connections;
    };

    using user_place = std::map<std::string, user_branch>::iterator;
    struct task : turn_tree::work {
        explicit task(user_place u) : user(u) {}
        const user_place user;
    };

    fair_pool(boost::asio::thread_pool& pool, std::size_t threads);
    bool admits(const turn_tree::node& user) const;
    void count(user_place user);
    bool may_start(user_place user);
    bool push(turn_tree::node& leaf, std::unique_ptr<task>& what);
    void run(std::unique_ptr<task> what);
    void run_waiting(user_place ended);
    std::unique_ptr<task> take_next();
    void forget_if_idle(user_place user);

    boost::asio::thread_pool& pool_;
    const std::size_t threads_;
    const std::size_t kept_;  // of them, for users who have none
    std::mutex mutex_;
    turn_tree tree_;
    std::map<std::string, user_branch> users_;
    std::size_t running_ = 0;  // threads at work
};

/// Whose work it is.
class fair_pool::session {
public:
    session(std::shared_ptr<fair_pool> pool, const std::string& user, const void* connection);
    session(const session&) = delete;
    session& operator=(const session&) = delete;
    ~session();

    /// Runs `what()` on the pool, in its turn. The session outlives it.
    template <class What>
    void post(What what) {
        // One allocation either way: for Asio's queue, or for ours.
        if (pool_->may_start(user_)) return start(std::move(what));
        std::unique_ptr<task> work = std::make_unique<work_of<What>>(user_, std::move(what));
        if (pool_->push(*leaf_, work)) return;
        pool_->run(std::move(work));  // a thread became free meanwhile
    }

private:
    template <class What>
    struct work_of final : task {
        work_of(user_place u, What w) : task(u), what(std::move(w)) {}
        void run() override { what(); }
        What what;
    };

    template <class What>
    void start(What what) {
        boost::asio::post(pool_->pool_,
                          [pool = pool_, user = user_, what = std::move(what)]() mutable {
                              {
                                  auto now = std::move(what);  // gone before the next
                                  now();
                              }
                              pool->run_waiting(user);
                          });
    }
    const std::shared_ptr<fair_pool> pool_;
    user_place user_;
    const void* const connection_;
    std::unique_ptr<turn_tree::node> leaf_;
};

}  // namespace sluice
