#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace sluice {

class descriptor_account;

/// Descriptors that were granted; given back when it goes.
class descriptor_share {
public:
    descriptor_share() = default;
    descriptor_share(std::shared_ptr<descriptor_account> account, std::size_t n)
        : account_(std::move(account)), n_(n) {}
    descriptor_share(descriptor_share&& other) noexcept = default;
    descriptor_share& operator=(descriptor_share&& other) noexcept;
    descriptor_share(const descriptor_share&) = delete;
    descriptor_share& operator=(const descriptor_share&) = delete;
    ~descriptor_share() { give_back(); }

private:
    void give_back();

    std::shared_ptr<descriptor_account> account_;
    std::size_t n_ = 0;
};

/// How many descriptors the sessions of a server may hold: files, directories, pipes of commands,
/// connections that go through it. What a process may have is not theirs alone: connections have
/// to be accepted, and policy files read, whatever a user has open. Any thread.
class descriptor_budget : public std::enable_shared_from_this<descriptor_budget> {
public:
    struct caps {
        std::size_t process;
        std::size_t user;  // of the same name, on all connections
        std::size_t connection;
    };

    /// Half of what the process may have, half of these for a user, half of those for a connection,
    /// and no more than limits::descriptors_of_user_max and descriptors_of_connection_max.
    static caps caps_within(std::size_t process_limit);

    static std::shared_ptr<descriptor_budget> make(const caps& most);

    /// Of a connection, on which that user has logged in.
    std::shared_ptr<descriptor_account> account(const std::string& user);

    /// Granted at present, to all.
    std::size_t in_use() const;

private:
    friend class descriptor_account;
    struct user_entry {
        std::size_t accounts = 0;
        std::size_t in_use = 0;
    };
    using users = std::map<std::string, user_entry>;

    explicit descriptor_budget(const caps& most) : most_(most) {}

    const caps most_;
    mutable std::mutex mutex_;
    std::size_t in_use_ = 0;
    users users_;  // who have an account
};

/// A connection's part of a budget.
class descriptor_account : public std::enable_shared_from_this<descriptor_account> {
public:
    ~descriptor_account();
    descriptor_account(const descriptor_account&) = delete;
    descriptor_account& operator=(const descriptor_account&) = delete;

    /// `n` descriptors; nothing where the connection, its user or the process would have more than
    /// it may.
    std::optional<descriptor_share> take(std::size_t n = 1);

private:
    friend class descriptor_budget;
    friend class descriptor_share;
    descriptor_account(std::shared_ptr<descriptor_budget> budget,
                       descriptor_budget::users::iterator user)
        : budget_(std::move(budget)), user_(user) {}
    void give_back(std::size_t n);

    const std::shared_ptr<descriptor_budget> budget_;
    const descriptor_budget::users::iterator user_;
    std::size_t in_use_ = 0;  // under the budget's lock, as all that is counted
};

/// A share where there is an account, and an empty one where there is none.
std::optional<descriptor_share> take_descriptors(const std::shared_ptr<descriptor_account>& account,
                                                 std::size_t n = 1);

}  // namespace sluice
