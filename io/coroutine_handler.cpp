#include "sluice/io/coroutine_handler.hpp"

#include "sluice/io/session_core.hpp"

#include <exception>
#include <utility>

namespace asio = boost::asio;

namespace sluice {
namespace {

constexpr std::uint32_t threw = 255;

std::string text_of(const std::exception_ptr& thrown) {
    try {
        std::rethrow_exception(thrown);
    } catch (const std::exception& e) {
        return e.what();
    } catch (...) {
        return "something that is no std::exception";
    }
}

}  // namespace

struct coroutine_handler::state {
    session_handler serve;
    served_session session;
    std::uint32_t status = threw;
};

coroutine_handler::coroutine_handler(mux_port& port, session_handler serve, begun how,
                                     std::function<void(std::string)> failed)
    : port_(port),
      failed_(std::move(failed)),
      scope_(port.executor()),
      core_(std::make_shared<session_core>(port)),
      state_(std::make_shared<state>(
          std::move(serve), served_session(core_, std::move(how.who), std::move(how.what),
                                           std::move(how.environment), scope_.stop_token()))) {
    scope_.spawn(run(state_), [this](std::exception_ptr thrown) { ended(std::move(thrown)); });
}

asio::awaitable<void> coroutine_handler::run(std::shared_ptr<state> s) {
    s->status = co_await s->serve(s->session);
}

void coroutine_handler::on_data(bytes_view data, std::uint32_t extended_type) {
    core_->on_data(data, extended_type);
}
void coroutine_handler::on_eof() { core_->on_eof(); }
void coroutine_handler::on_writable() { core_->on_writable(); }
void coroutine_handler::on_eow() { core_->on_eow(); }
void coroutine_handler::on_drain(const drain_policy&) { scope_.request_stop(); }

void coroutine_handler::on_closed() {
    closed_ = true;
    core_->on_closed();
    finish_if_over();
}

void coroutine_handler::cancel() { scope_.cancel(); }

void coroutine_handler::ended(std::exception_ptr thrown) {
    returned_ = true;
    if (thrown) failed_(text_of(thrown));
    if (!closed_) port_.exit(state_->status);
    finish_if_over();
}

void coroutine_handler::finish_if_over() {
    if (returned_ && closed_) port_.finished();
}

}  // namespace sluice
