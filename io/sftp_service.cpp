#include "sluice/io/sftp_service.hpp"

#include <utility>

namespace sluice {

sftp_service::sftp_service(channel_port& port, std::unique_ptr<sftp::filesystem> files,
                           sftp::server_config config, on_finished finished)
    : port_(port),
      server_(config),
      files_(std::move(files)),
      driver_(server_, *files_, [this] { pump(); }),
      on_finished_(std::move(finished)) {}

void sftp_service::on_data(bytes_view data, std::uint32_t extended_type) {
    if (extended_type != 0) return port_.consumed(data.size());  // SFTP has no second stream
    server_.receive(data);
    pump();
}

void sftp_service::on_eof() {
    server_.on_eof();
    pump();
}

void sftp_service::on_writable() { pump(); }

void sftp_service::on_closed() {
    if (phase_ == phase::closed || phase_ == phase::finished) return;
    phase_ = phase::closed;
    server_.abandon();
    driver_.request_stop();
    pump();
}

void sftp_service::drain(sftp::drain_policy policy) {
    server_.drain(policy);
    pump();
}

// What is called from here may call back here: then another round is made, not a nested one.
void sftp_service::pump() {
    again_ = true;
    if (pumping_) return;
    pumping_ = true;
    while (std::exchange(again_, false))
        pump_once();
    pumping_ = false;
    end_if_done();
}

void sftp_service::pump_once() {
    driver_.start_ready();
    bool wrote = false;
    while (phase_ == phase::serving && server_.has_output() && port_.writable() != 0) {
        port_.write(server_.next_output());
        wrote = true;
    }
    const std::size_t consumed = server_.take_consumed();
    if (consumed != 0 && phase_ != phase::closed) port_.consumed(consumed);
    if (wrote) again_ = true;  // there may be room for requests that waited for it
}

void sftp_service::end_if_done() {
    if (!server_.finished() || driver_.running() != 0) return;
    switch (phase_) {
    case phase::serving:
        phase_ = phase::exiting;
        port_.exit(server_.error() ? 1 : 0);
        return;
    case phase::closed:
        phase_ = phase::finished;
        if (on_finished_) on_finished_(server_.report(), server_.error());
        port_.finished();
        return;
    case phase::exiting:
    case phase::finished: return;
    }
}

}  // namespace sluice
