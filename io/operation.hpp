#pragma once

#include "sluice/wire/error.hpp"

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

/// Private to io/: asynchronous operations whose handlers may be of any type, wait on a strand for
/// what they wait for, and can be cancelled from anywhere.
namespace sluice {

template <class... Args>
using completion = boost::asio::any_completion_handler<void(error_code, Args...)>;

/// Tells operations of one object apart.
using operation_number = std::uint64_t;

/// A handler that waits, and keeps the context alive on which it will be called.
template <class... Args>
class pending_operation {
public:
    pending_operation() = default;
    pending_operation(operation_number number, completion<Args...> handler,
                      boost::asio::any_io_executor strand)
        : number_(number), strand_(std::move(strand)), handler_(std::move(handler)) {
        const boost::asio::any_completion_executor fallback(strand_);
        executor_ = boost::asio::prefer(boost::asio::get_associated_executor(handler_, fallback),
                                        boost::asio::execution::outstanding_work.tracked);
    }

    pending_operation(pending_operation&&) = default;
    // Boost 1.81's any_completion_handler copies itself without end when it is assigned to.
    pending_operation& operator=(pending_operation&& other) noexcept {
        std::swap(number_, other.number_);
        std::swap(strand_, other.strand_);
        std::swap(executor_, other.executor_);
        handler_.swap(other.handler_);
        return *this;
    }

    explicit operator bool() const { return static_cast<bool>(handler_); }
    operation_number number() const { return number_; }

    /// Completes it, never from within this call.
    void post(error_code e, Args... args) {
        boost::asio::post(strand_, bound(e, std::move(args)...));
    }

    /// Completes it, from within this call where that is its executor.
    void dispatch(error_code e, Args... args) {
        boost::asio::dispatch(strand_, bound(e, std::move(args)...));
    }

    void cancel() { post(boost::asio::error::operation_aborted, Args{}...); }

private:
    auto bound(error_code e, Args... args) {
        return boost::asio::bind_executor(
            std::exchange(executor_, {}),
            [handler = std::exchange(handler_, nullptr), e, ... kept = std::move(args)]() mutable {
                std::move(handler)(e, std::move(kept)...);
            });
    }

    operation_number number_ = 0;
    boost::asio::any_io_executor strand_;
    boost::asio::any_completion_executor executor_;
    completion<Args...> handler_;
};

/// Several that wait for the same.
template <class... Args>
class waiting_list {
public:
    void add(pending_operation<Args...> one) { waiting_.push_back(std::move(one)); }
    bool empty() const { return waiting_.empty(); }

    void post_all(error_code e, const Args&... args) {
        for (auto& one : std::exchange(waiting_, {}))
            one.post(e, args...);
    }

    /// False where none of that number waits.
    bool cancel(operation_number number) {
        const auto found = std::ranges::find(waiting_, number, &pending_operation<Args...>::number);
        if (found == waiting_.end()) return false;
        found->cancel();
        waiting_.erase(found);
        return true;
    }

private:
    std::vector<pending_operation<Args...>> waiting_;
};

/// Lets `object->cancel_operation(number)` be called on the strand when the handler's slot is
/// signalled, wherever that is done, for as long as the object lives.
template <class Object, class... Args>
void cancel_by_slot(const std::shared_ptr<Object>& object,
                    const boost::asio::any_io_executor& strand, operation_number number,
                    const completion<Args...>& handler) {
    auto slot = boost::asio::get_associated_cancellation_slot(handler);
    if (!slot.is_connected()) return;
    slot.assign([strand, number,
                 weak = std::weak_ptr<Object>(object)](boost::asio::cancellation_type type) {
        if (type == boost::asio::cancellation_type::none) return;
        boost::asio::dispatch(strand, [number, weak] {
            if (const auto alive = weak.lock()) alive->cancel_operation(number);
        });
    });
}

}  // namespace sluice
