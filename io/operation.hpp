#pragma once

#include "sluice/io/waiting_room.hpp"
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
#include <boost/asio/recycling_allocator.hpp>

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

/// A handler that waits, keeps the context busy on which it will be called, and goes with it.
template <class... Args>
class pending_operation {
public:
    pending_operation() = default;
    pending_operation(operation_number number, completion<Args...> handler,
                      boost::asio::any_io_executor strand)
        : number_(number),
          strand_(std::move(strand)),
          waiting_(std::allocate_shared<waiting>(boost::asio::recycling_allocator<void>(),
                                                 std::move(handler), strand_)) {
        waiting_->enter(strand_);
    }

    explicit operator bool() const { return waiting_ != nullptr; }
    operation_number number() const { return number_; }

    /// Completes it, never from within this call.
    void post(error_code e, Args... args) {
        if (gone()) return;
        boost::asio::post(strand_, bound(e, std::move(args)...));
    }

    /// Completes it, from within this call where that is its executor.
    void dispatch(error_code e, Args... args) {
        if (gone()) return;
        boost::asio::dispatch(strand_, bound(e, std::move(args)...));
    }

    void cancel() { post(boost::asio::error::operation_aborted, Args{}...); }

private:
    struct waiting final : waiting_room::guest {
        waiting(completion<Args...> h, const boost::asio::any_io_executor& strand)
            : handler(std::move(h)) {
            const boost::asio::any_completion_executor fallback(strand);
            executor = boost::asio::prefer(boost::asio::get_associated_executor(handler, fallback),
                                           boost::asio::execution::outstanding_work.tracked);
        }
        void drop() override {
            const auto work = std::move(executor);
            const auto gone = std::move(handler);
        }

        completion<Args...> handler;
        boost::asio::any_completion_executor executor;
    };

    // It was dropped with its context: there is nothing to be told, and nowhere.
    bool gone() {
        if (waiting_->handler) return false;
        waiting_ = nullptr;
        return true;
    }

    auto bound(error_code e, Args... args) {
        const auto done = std::exchange(waiting_, nullptr);
        done->leave();
        return boost::asio::bind_executor(
            std::move(done->executor),
            [handler = std::move(done->handler), e, ... kept = std::move(args)]() mutable {
                std::move(handler)(e, std::move(kept)...);
            });
    }

    operation_number number_ = 0;
    boost::asio::any_io_executor strand_;
    std::shared_ptr<waiting> waiting_;
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
