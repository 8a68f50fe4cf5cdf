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

coroutine_handler::coroutine_handler(mux_port& port, const task& serve,
                                     std::function<void(std::string)> failed)
    : port_(port),
      failed_(std::move(failed)),
      scope_(port.executor()),
      core_(std::make_shared<session_core>(port)) {
    scope_.spawn(serve(core_, scope_.stop_token()),
                 [this](std::exception_ptr thrown) { ended(std::move(thrown)); });
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
    if (!closed_) port_.close();
    // Refused before it was open: there is nothing to wait for.
    if (port_.closed() && !closed_)
        on_closed();
    else
        finish_if_over();
}

void coroutine_handler::finish_if_over() {
    if (returned_ && closed_) port_.finished();
}

// --- sessions -----------------------------------------------------------------------------------

namespace {

// A coroutine of our own around the application's.
asio::awaitable<void> run_session(session_handler serve, served_session session) {
    std::exception_ptr thrown;
    std::uint32_t status = threw;
    try {
        status = co_await serve(session);
    } catch (...) {
        thrown = std::current_exception();
    }
    session.exit(status);
    if (thrown) std::rethrow_exception(thrown);
}

}  // namespace

coroutine_handler::task serve_session(
    session_handler serve, session_info who, std::string what,
    std::vector<std::pair<std::string, std::string>> environment) {
    return [serve = std::move(serve), who = std::move(who), what = std::move(what),
            environment = std::move(environment)](std::shared_ptr<session_core> channel,
                                                  std::stop_token stop) {
        served_session session(std::move(channel), who, what, environment, std::move(stop));
        return run_session(serve, std::move(session));
    };
}

}  // namespace sluice
