#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/execution_context.hpp>

#include <memory>
#include <mutex>

namespace sluice {

/// Private to io/: what waits in an execution context for something that none of Asio's own
/// services knows of. A handler holds what it will need, often the very object that it waits for;
/// so that they do not keep each other for ever, what still waits when the context is destroyed is
/// dropped then, as Asio drops handlers of its own.
class waiting_room final : public boost::asio::execution_context::service {
    struct members;

public:
    using key_type = waiting_room;
    static inline boost::asio::execution_context::id id;

    /// Waits from `enter` to `leave`, at the latest to its end.
    class guest {
    public:
        guest() = default;
        guest(const guest&) = delete;
        guest& operator=(const guest&) = delete;

        void enter(const boost::asio::any_io_executor& executor);
        void leave();

    protected:
        ~guest() { leave(); }

        /// The context is being destroyed: lets go of what it holds. It may be destroyed by that.
        virtual void drop() = 0;

    private:
        friend class waiting_room;
        std::shared_ptr<members> room_;
        guest* next_ = nullptr;
        guest* previous_ = nullptr;
    };

    explicit waiting_room(boost::asio::execution_context& context);

private:
    // Outlives the service where a guest on another thread is just leaving.
    struct members {
        std::mutex mutex;
        guest* first = nullptr;
        bool closed = false;

        void add(guest& g);
        void remove(guest& g);
    };

    void shutdown() override;

    std::shared_ptr<members> members_;
};

}  // namespace sluice
