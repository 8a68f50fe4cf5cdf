#pragma once

#include "sluice/endpoint/server_endpoint.hpp"
#include "sluice/tests/support/transport_pair.hpp"
#include "sluice/wire/codec.hpp"
#include "sluice/wire/writer.hpp"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::test {

inline bytes auth_request(std::string_view user, std::string_view method, bytes_view specific = {},
                          std::string_view service = "ssh-connection") {
    return wire::encoded(userauth_request{user, service, method, {specific}});
}

inline bytes none_request(std::string_view user = "ada") { return auth_request(user, "none"); }

inline bytes password_request(std::string_view password, std::string_view user = "ada") {
    bytes specific;
    wire::writer w(specific);
    w.write(false);
    w.write(password);
    return auth_request(user, "password", specific);
}

inline bytes global(std::string_view name, bool want_reply, bytes_view specific = {}) {
    return wire::encoded(global_request_message{name, want_reply, {specific}});
}

/// A server's endpoint and a client's transport, linked in memory, with a clock of their own. The
/// client's upper layers are payloads that a test writes by hand.
class linked {
public:
    explicit linked(std::uint64_t seed = 1) : random_(seed), server_random_(seed + 1'000'000) {
        server_settings.transport.host_keys = {test_host_key()};
        server_settings.transport.random = &server_random_;
        server_settings.auth.method_chains = {{"none"}};
        client_settings.random = &random_;
    }

    void start() {
        server.emplace(server_settings, now);
        client.emplace(client_settings, role::client, now);
    }

    /// Moves at most `chunk` bytes each way, as a driver would; true if any moved.
    bool step(std::size_t chunk = SIZE_MAX) {
        bytes up;
        if (server->wants_input()) up = taken(*client, chunk);
        give_server(up);
        const bytes down = client_reads ? taken(*server, chunk) : bytes();
        give_client(down);
        return !up.empty() || !down.empty();
    }
    void run(std::size_t chunk = SIZE_MAX) {
        while (step(chunk)) {
        }
    }

    /// Sends payloads of the client in one go.
    void say(std::initializer_list<bytes> payloads) {
        for (const auto& payload : payloads)
            client->send(payload);
        run();
    }

    void begin_login() {
        run();
        say({wire::encoded(service_request{"ssh-userauth"})});
    }
    void log_in() {
        begin_login();
        say({none_request()});
        expects(server->authenticated());
        received.clear();
    }

    /// A session of the client's number 7; gives the server's number.
    std::uint32_t open_session(std::uint32_t window = 1 << 20, std::uint32_t packet = 32 * 1024) {
        say({wire::encoded(channel_open{"session", 7, window, packet, {}})});
        expects(!received.empty());
        const auto m = wire::decode<channel_open_confirmation>(received.back());
        expects(m.has_value());
        received.pop_back();
        return m->sender_channel;
    }

    /// Payloads with that number that the client has received.
    std::size_t count(std::uint8_t number) const {
        return static_cast<std::size_t>(
            std::ranges::count_if(received, [&](const bytes& p) { return p.front() == number; }));
    }

    server_config server_settings;
    transport_config client_settings;
    std::optional<server_endpoint> server;
    std::optional<transport> client;
    time_point now{};

    /// How the server decides; nothing leaves the question open.
    std::function<std::optional<auth_answer>(const auth_question&)> decide =
        [](const auth_question&) { return auth_answer::accept; };
    /// The server's application; by default it lets in every channel and is done with all data.
    std::function<void(server_event&)> on_server_event = [this](server_event& event) {
        serve(event);
    };
    /// The client's upper layers, besides what is kept in `received`.
    std::function<void(bytes_view)> on_client_payload;
    std::function<void()> on_client_keys;
    bool client_reads = true;

    std::vector<bytes> received;  // payloads, by the client
    std::vector<std::uint32_t> unimplemented;
    error_code server_error;
    error_code client_error;
    std::optional<std::uint32_t> disconnected;  // the reason that the client was given
    std::optional<peer_disconnected_event> client_left;
    std::size_t questions = 0;
    std::size_t logins = 0;
    std::size_t keys_changed = 0;

    /// What the default application does.
    void serve(server_event& event) {
        auto* const channel = std::get_if<channel_event>(&event);
        if (channel == nullptr) return;
        if (const auto* open = std::get_if<channel_open_event>(channel))
            server->channels().accept_open(open->id);
        else if (const auto* data = std::get_if<channel_data_event>(channel))
            server->channels().consumed(data->id, data->data.size());
        else if (const auto* request = std::get_if<channel_request_event>(channel)) {
            if (request->want_reply) server->channels().reply(request->id, true);
        } else if (const auto* any = std::get_if<global_request_event>(channel)) {
            if (any->want_reply) server->channels().global_reply(false);
        }
    }

    /// Lets the server go through what it has.
    void poll_server() {
        for (;;) {
            auto event = server->poll(now);
            if (!event) server_error = event.error();
            if (!event || !*event) return;
            if (auto* bye = std::get_if<peer_disconnected_event>(&**event)) client_left = *bye;
            logins += std::holds_alternative<authenticated_event>(**event);
            keys_changed += std::holds_alternative<keys_changed_event>(**event);
            if (std::holds_alternative<auth_question_event>(**event)) {
                ++questions;
                const auto answer = decide(*server->question());
                if (answer) server->answer(*answer, now);
            } else {
                on_server_event(**event);
            }
        }
    }

    void give_server(bytes_view data) {
        std::ranges::copy(data, server->prepare_input(data.size()).begin());
        server->commit_input(data.size(), now);
        poll_server();
    }

private:
    template <class Machine>
    static bytes taken(Machine& machine, std::size_t chunk) {
        const bytes_view output = machine.output();
        const bytes data = to_bytes(output.first(std::min(chunk, output.size())));
        machine.consume_output(data.size());
        return data;
    }

    void give_client(bytes_view data) {
        feed(*client, data);
        for (;;) {
            const auto event = client->poll(now);
            if (!event) client_error = event.error();
            if (!event || !*event) return;
            if (std::holds_alternative<transport_host_key>(**event)) {
                client->accept_host_key(now);
            } else if (const auto* bye = std::get_if<transport_disconnected>(&**event)) {
                disconnected = bye->reason_code;
            } else if (const auto* no = std::get_if<transport_unimplemented>(&**event)) {
                unimplemented.push_back(no->sequence_number);
            } else if (std::holds_alternative<transport_keys_changed>(**event)) {
                if (on_client_keys) on_client_keys();
            } else if (const auto* p = std::get_if<transport_payload>(&**event)) {
                if (p->payload.front() == userauth_success::number) client->set_authenticated();
                if (on_client_payload)
                    on_client_payload(p->payload);
                else
                    received.push_back(to_bytes(p->payload));
            }
        }
    }

    seeded_random random_;
    seeded_random server_random_;
};

}  // namespace sluice::test
