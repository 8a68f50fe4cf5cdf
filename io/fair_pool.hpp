#pragma once

#include "sluice/wire/expects.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include <cstddef>
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
    std::unique_ptr<work> pop();  // null: nothing waits

private:
    node top_{nullptr};
};

/// A pool of threads for blocking calls on which users take turns, of one user his connections,
/// of a connection its sessions. Who is alone may have all of the threads. Any thread.
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

    fair_pool(boost::asio::thread_pool& pool, std::size_t threads)
        : pool_(pool), threads_(threads) {}
    bool may_start();
    bool push(turn_tree::node& leaf, std::unique_ptr<turn_tree::work>& what);
    void run_waiting();

    boost::asio::thread_pool& pool_;
    const std::size_t threads_;
    std::mutex mutex_;
    turn_tree tree_;
    std::map<std::string, user_branch> users_;
    std::size_t running_ = 0;  // threads at work
};

/// Whose work it is.
class fair_pool::session {
public:
    session(std::shared_ptr<fair_pool> pool, std::string user, const void* connection);
    session(const session&) = delete;
    session& operator=(const session&) = delete;
    ~session();

    /// Runs `what()` on the pool, in its turn. The session outlives it.
    template <class What>
    void post(What what) {
        // One allocation either way: for Asio's queue, or for ours.
        if (pool_->may_start()) return start(std::move(what));
        std::unique_ptr<turn_tree::work> work = std::make_unique<work_of<What>>(std::move(what));
        if (pool_->push(*leaf_, work)) return;
        start([work = std::move(work)] { work->run(); });  // a thread became free meanwhile
    }

private:
    template <class What>
    struct work_of final : turn_tree::work {
        explicit work_of(What w) : what(std::move(w)) {}
        void run() override { what(); }
        What what;
    };

    template <class What>
    void start(What what) {
        boost::asio::post(pool_->pool_, [pool = pool_, what = std::move(what)]() mutable {
            {
                auto now = std::move(what);  // gone before the next
                now();
            }
            pool->run_waiting();
        });
    }
    const std::shared_ptr<fair_pool> pool_;
    const std::string user_;
    const void* const connection_;
    std::unique_ptr<turn_tree::node> leaf_;
};

}  // namespace sluice
