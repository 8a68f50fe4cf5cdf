#include "sluice/io/sftp_core.hpp"

#include "sluice/wire/limits.hpp"

#include <algorithm>
#include <string>
#include <tuple>
#include <type_traits>

namespace asio = boost::asio;

namespace sluice {
namespace {

constexpr std::uint32_t ordinary = 0;

// One request and its completion.
template <class... Reply>
class single_request final : public sftp_operation,
                             public std::enable_shared_from_this<single_request<Reply...>> {
public:
    single_request(operation_number number, sftp_core::maker make, pending_operation<Reply...> done)
        : sftp_operation(number), make_(std::move(make)), done_(std::move(done)) {}

    void ask(sftp_core& core) override {
        const auto id = make_(core.requests());
        if (!id) return done_.post(id.error(), Reply{}...);
        core.await(*id, this->shared_from_this());
    }
    void on_outcome(sftp_core&, sftp::outcome& o) override {
        if (o.error) return done_.post(o.error, Reply{}...);
        done_.post({}, std::get<Reply>(std::move(o.value))...);
    }
    void cancel(sftp_core&) override { done_.cancel(); }

private:
    sftp_core::maker make_;
    pending_operation<Reply...> done_;
};

}  // namespace

bool sftp_operation::move(sftp_core&) { return false; }
bool sftp_operation::take(sftp::outcome&) { return false; }

sftp_core::sftp_core(mux_port& port, std::function<void(error_code)> ready)
    : strand_(port.executor()), port_(&port), ready_(std::move(ready)) {}

// --- operations ---------------------------------------------------------------------------------

template <class... Reply>
void sftp_core::async_request(admission what, maker make, completion<Reply...> done) {
    async_operation<Reply...>(
        what, std::move(done),
        [make = std::move(make)](operation_number number, pending_operation<Reply...> waiting) {
            return std::make_shared<single_request<Reply...>>(number, make, std::move(waiting));
        });
}

template void sftp_core::async_request<>(admission, maker, completion<>);
template void sftp_core::async_request<>(admission, maker, completion<sftp::attributes>);
template void sftp_core::async_request<>(admission, maker, completion<std::string>);
template void sftp_core::async_request<>(admission, maker, completion<sftp::statvfs_reply>);
template void sftp_core::async_request<>(admission, maker, completion<sftp::id_names>);

void sftp_core::async_limits(completion<sftp_limits> done) {
    asio::dispatch(
        strand_, [self = shared_from_this(), operation = pending_operation<sftp_limits>(
                                                 0, std::move(done), strand_)]() mutable {
            operation.post(
                {}, sftp_limits{self->client_.read_length_max(), self->client_.write_length_max()});
        });
}

void sftp_core::async_close(completion<sftp_session_report> done) {
    const operation_number number = ++numbers_;
    cancel_by_slot(shared_from_this(), strand_, number, done);
    asio::dispatch(strand_,
                   [self = shared_from_this(), operation = pending_operation<sftp_session_report>(
                                                   number, std::move(done), strand_)]() mutable {
                       if (self->port_ == nullptr)
                           return operation.post(self->connection_error_, self->report_);
                       self->close_waiters_.add(std::move(operation));
                       self->closing_ = true;
                       self->pump();
                   });
}

void sftp_core::close_handle(sftp::remote_handle handle) {
    asio::dispatch(strand_, [self = shared_from_this(), handle] {
        self->drop_handle(handle);
        self->pump();
    });
}

void sftp_core::close_soon() {
    asio::dispatch(strand_, [self = shared_from_this()] {
        self->closing_ = true;
        self->pump();
    });
}

error_code sftp_core::refusal(admission what) const {
    if (port_ == nullptr)
        return connection_error_ ? connection_error_ : make_error_code(errc::channel_closed);
    if (closing_) return errc::channel_closed;
    if (draining_ && what == admission::new_work) return errc::draining;
    return {};
}

void sftp_core::start(std::shared_ptr<sftp_operation> operation) {
    in_line_.push_back(std::move(operation));
    pump();
}

void sftp_core::await(sftp::request_id id, std::shared_ptr<sftp_operation> operation) {
    const std::size_t index = sftp::client::index_of(id);
    if (index >= waiters_.size()) waiters_.resize(index + 1);
    waiters_[index] = {id, std::move(operation)};
}

void sftp_core::add_mover(std::shared_ptr<sftp_operation> operation) {
    movers_.push_back(std::move(operation));
    pump();
}

void sftp_core::drop_handle(sftp::remote_handle handle) {
    if (const auto id = client_.close(handle)) client_.forget(*id);
}

void sftp_core::cancel_operation(operation_number number) {
    std::shared_ptr<sftp_operation> found;
    const auto take_from = [&](auto& list) {
        const auto at = std::ranges::find(list, number, [](const auto& o) { return o->number(); });
        if (at == list.end()) return false;
        found = std::move(*at);
        list.erase(at);
        return true;
    };
    if (!take_from(in_line_) && !take_from(movers_)) {
        for (waiter& w : waiters_) {
            if (!w.operation || w.operation->number() != number) continue;
            client_.forget(w.id);
            found = std::exchange(w.operation, nullptr);
            break;
        }
    }
    if (!found) {
        close_waiters_.cancel(number);
        return;
    }
    found->cancel(*this);
    pump();
}

// --- what moves ---------------------------------------------------------------------------------

// What is called from here may call back here: then another round is made, not a nested one.
void sftp_core::pump() {
    again_ = true;
    if (pumping_) return;
    pumping_ = true;
    const auto alive = shared_from_this();
    while (std::exchange(again_, false)) {
        pump_once();
        end_if_done();
    }
    pumping_ = false;
}

void sftp_core::pump_once() {
    while (auto o = client_.next_outcome())
        deliver(*o);
    while (!in_line_.empty() && was_ready_ && client_.room()) {
        const auto first = std::move(in_line_.front());
        in_line_.pop_front();
        first->ask(*this);
    }
    for (std::size_t i = 0; i < movers_.size();) {
        const auto one = movers_[i];
        if (one->move(*this)) {
            ++i;
            continue;
        }
        // It may have been cancelled meanwhile.
        std::erase(movers_, one);
    }
    bool wrote = false;
    while (subsystem_granted_ && port_ != nullptr && client_.has_output() &&
           port_->writable() != 0) {
        port_->write(client_.next_output(), ordinary);
        wrote = true;
    }
    if (wrote) again_ = true;  // there may be room for what waits for it
    const std::size_t consumed = client_.take_consumed();
    if (consumed != 0 && port_ != nullptr) port_->consumed(consumed);
}

std::string sftp_core::error_text() const {
    const std::lock_guard lock(error_text_mutex_);
    return error_text_;
}

void sftp_core::keep_error_text(std::string text) {
    const std::lock_guard lock(error_text_mutex_);
    error_text_ = std::move(text);
}

void sftp_core::deliver(sftp::outcome& o) {
    if (o.error && o.error != errc::sftp_eof) keep_error_text(o.text);
    const std::size_t index = sftp::client::index_of(o.id);
    if (index < waiters_.size() && waiters_[index].operation && waiters_[index].id == o.id) {
        const auto operation = std::exchange(waiters_[index].operation, nullptr);
        operation->on_outcome(*this, o);
        return;
    }
    for (const auto& one : movers_)
        if (one->take(o)) return;
}

// --- the beginning ------------------------------------------------------------------------------

void sftp_core::on_opened() {
    if (port_ != nullptr) port_->request(subsystem_request{"sftp"}, true);
}

void sftp_core::on_reply(bool success) {
    if (!success) {
        tell_ready(errc::request_refused);
        return port_->close();
    }
    subsystem_granted_ = true;
    pump();
}

void sftp_core::greet() {
    if (was_ready_ || !client_.ready()) return;
    was_ready_ = true;
    first_bytes_ = {};
    tell_ready({});
    again_ = true;
}

// The length of a packet begins with a zero; a text, of a startup file say, with none.
error_code sftp_core::greeting_error() const {
    const bool text = !was_ready_ && !first_bytes_.empty() && first_bytes_.front() != 0;
    return text ? make_error_code(errc::bad_identification) : client_.error();
}

std::string sftp_core::first_words() const {
    std::string text(as_text(first_bytes_));
    std::ranges::replace_if(
        text, [](char c) { return c < ' ' || c > '~'; }, '?');
    return text;
}

void sftp_core::tell_ready(error_code e) {
    if (const auto told = std::exchange(ready_, nullptr)) told(e);
}

// --- the channel --------------------------------------------------------------------------------

void sftp_core::on_data(bytes_view data, std::uint32_t extended_type) {
    if (extended_type != ordinary) return port_->consumed(data.size());  // nothing of SFTP
    const std::size_t room = limits::sftp_error_text_max - first_bytes_.size();
    const bytes_view first = data.first(was_ready_ ? 0 : std::min(data.size(), room));
    first_bytes_.insert(first_bytes_.end(), first.begin(), first.end());
    client_.receive(data);
    greet();
    pump();
}

void sftp_core::on_writable() { pump(); }

bool sftp_core::on_request(const channel_request& request) {
    const auto exit = exit_of(request);
    if (exit && !report_.exit.status && report_.exit.signal.empty()) report_.exit = *exit;
    return exit.has_value();
}

void sftp_core::on_eof() {
    client_.on_stream_end({});
    pump();
    if (port_ != nullptr) port_->close();
}

// --- the end ------------------------------------------------------------------------------------

void sftp_core::drain() {
    draining_ = true;
    pump();
}

bool sftp_core::idle() const {
    return in_line_.empty() && movers_.empty() && client_.requests_in_flight() == 0;
}

void sftp_core::end_if_done() {
    if (port_ == nullptr) return;
    if (client_.error()) {
        tell_ready(greeting_error());
        return port_->close();
    }
    if (again_ || !idle()) return;
    if (!closing_ && (!draining_ || client_.handles_open() != 0)) return;
    closing_ = true;
    if (!subsystem_granted_) return port_->close();
    client_.end();
    if (client_.may_send_eof() && !std::exchange(eof_sent_, true)) port_->send_eof();
}

void sftp_core::on_closed() {
    if (port_ == nullptr) return;
    report_.channel = port_->report();
    connection_error_ = port_->end_error();
    detach();
}

void sftp_core::detach() {
    if (std::exchange(port_, nullptr) == nullptr) return;
    client_.on_stream_end(connection_error_);
    was_ready_ = was_ready_ || client_.ready();
    const auto e = connection_error_ ? connection_error_ : make_error_code(errc::channel_closed);
    tell_ready(client_.error() ? client_.error() : e);
    pump();
    // Those that nothing was asked for yet.
    for (const auto& one : std::exchange(in_line_, {}))
        one->ask(*this);
    report_.numbers = client_.report();
    if (!report_.exit.status && report_.exit.signal.empty()) {
        report_.exit.status = report_.channel.exit_status;
        report_.exit.signal = report_.channel.exit_signal;
    }
    close_waiters_.post_all(connection_error_, report_);
}

}  // namespace sluice
