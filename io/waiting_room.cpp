#include "sluice/io/waiting_room.hpp"

#include <boost/asio/execution/context.hpp>
#include <boost/asio/query.hpp>

#include <utility>

namespace asio = boost::asio;

namespace sluice {

waiting_room::waiting_room(asio::execution_context& context)
    : service(context), members_(std::make_shared<members>()) {}

void waiting_room::members::add(guest& g) {
    g.previous_ = nullptr;
    g.next_ = std::exchange(first, &g);
    if (g.next_ != nullptr) g.next_->previous_ = &g;
}

void waiting_room::members::remove(guest& g) {
    if (g.previous_ == nullptr && first != &g) return;  // it was shown out already
    if (g.next_ != nullptr) g.next_->previous_ = g.previous_;
    (g.previous_ == nullptr ? first : g.previous_->next_) = g.next_;
    g.next_ = g.previous_ = nullptr;
}

void waiting_room::guest::enter(const asio::any_io_executor& executor) {
    auto& context = asio::query(executor, asio::execution::context);
    room_ = asio::use_service<waiting_room>(context).members_;
    const std::lock_guard lock(room_->mutex);
    if (!room_->closed) room_->add(*this);
}

void waiting_room::guest::leave() {
    if (!room_) return;
    const auto room = std::move(room_);
    const std::lock_guard lock(room->mutex);
    room->remove(*this);
}

// One after the other: dropping one may destroy others.
void waiting_room::shutdown() {
    for (;;) {
        guest* g = nullptr;
        {
            const std::lock_guard lock(members_->mutex);
            members_->closed = true;
            g = members_->first;
            if (g == nullptr) return;
            members_->remove(*g);
        }
        g->drop();
    }
}

}  // namespace sluice
