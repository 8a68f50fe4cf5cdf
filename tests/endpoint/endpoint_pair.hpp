#pragma once

#include "sluice/endpoint/client_endpoint.hpp"
#include "sluice/endpoint/server_endpoint.hpp"
#include "sluice/tests/support/transport_pair.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace sluice::test {

/// What one end of a channel has to send and has received.
struct stream {
    bytes to_send;
    std::size_t written = 0;
    bytes received;
    bool eof_sent = false;
    bool eof_received = false;
};

/// A client's and a server's endpoint and the link between them, in memory, with a clock of their
/// own. Both serve one session: the client opens it by `open_session`, either may have data.
class endpoint_pair {
public:
    explicit endpoint_pair(std::uint64_t seed = 1)
        : client_random_(seed), server_random_(seed + 1'000'000) {
        client_settings.transport.random = &client_random_;
        client_settings.auth.user = "ada";
        server_settings.transport.random = &server_random_;
        server_settings.transport.host_keys = {test_host_key()};
        server_settings.auth.method_chains = {{"none"}};
        server_settings.announce_host_keys = false;
    }

    void start() {
        client.emplace(client_settings, now);
        server.emplace(server_settings, now);
    }

    /// Moves at most `chunk` bytes each way; true if any moved.
    bool step(std::size_t chunk = SIZE_MAX) {
        const bool up = move(*client, *server, chunk);
        poll_server();
        const bool down = move(*server, *client, chunk);
        poll_client();
        return up || down;
    }
    void run(std::size_t chunk = SIZE_MAX) {
        poll_client();
        poll_server();
        while (step(chunk)) {
        }
    }

    void log_in() {
        start();
        run();
        ASSERT_TRUE(client->authenticated());
    }

    /// Opens a session and asks for a command.
    void exec(std::string_view command) {
        client_channel = client->channels().open(session_channel{}).value();
        command_ = command;
    }

    client_config client_settings;
    server_config server_settings;
    std::optional<client_endpoint> client;
    std::optional<server_endpoint> server;
    time_point now{};

    // What the client's user does.
    bool trust = true;
    std::vector<crypto::private_key> private_keys;  // of client_settings.auth.keys, same order
    std::string password = "secret";
    bool answers = true;

    // What was seen.
    std::string client_news;  // "host-key keys question(signature) logged-in(publickey) …"
    std::string server_news;
    error_code client_error;
    error_code server_error;
    std::vector<std::string> commands;
    channel_id client_channel = 0;
    std::optional<channel_id> server_channel;
    stream client_stream;
    stream server_stream;
    std::optional<channel_report> client_report;
    std::optional<channel_report> server_report;
    std::string login;  // the user's name, as the server has it

    /// More for the application to do with an event; the default is nothing.
    std::function<void(const client_event&)> on_client_event;

    void pump_streams() {
        if (client->authenticated() && !client_report)
            pump(client->channels(), client_channel, client_stream);
        if (server_channel && !server_report)
            pump(server->channels(), *server_channel, server_stream);
    }

    void answer_question() {
        const auto* q = client->question();
        if (q == nullptr) return;
        switch (q->what) {
        case client_auth_question::kind::signature: {
            auto signature = private_keys.at(q->key_index).sign(q->algorithm, q->data);
            return client->answer(auth_signature{signature.value()}, now);
        }
        case client_auth_question::kind::password:
        case client_auth_question::kind::new_password:
            return client->answer(auth_password{secret_bytes(as_bytes(password))}, now);
        case client_auth_question::kind::host_signature:
        case client_auth_question::kind::prompts: return client->answer(auth_declined{}, now);
        }
    }

private:
    template <class From, class To>
    bool move(From& from, To& to, std::size_t chunk) {
        if (!to.wants_input()) return false;
        const bytes_view output = from.output();
        const std::size_t n = std::min(chunk, output.size());
        std::ranges::copy(output.first(n), to.prepare_input(n).begin());
        to.commit_input(n, now);
        from.consume_output(n);
        return n != 0;
    }

    static void note(std::string& news, const std::string& what) {
        if (!news.empty()) news += ' ';
        news += what;
    }

    // Keeps what is queued small, so that data meets everything else that goes on.
    static void pump(mux& channels, channel_id id, stream& s) {
        while (s.written < s.to_send.size()) {
            const std::size_t room = std::min<std::size_t>(channels.writable(id), 10'000);
            const std::size_t n = std::min(room, s.to_send.size() - s.written);
            if (n == 0) return;
            channels.write(id, wire::buffer::copy_of(bytes_view(s.to_send).subspan(s.written, n)));
            s.written += n;
        }
    }

    void poll_client() {
        while (!client_error) {
            const auto event = client->poll(now);
            if (!event) client_error = event.error();
            if (!event || !*event) return;
            if (on_client_event) on_client_event(**event);
            on(**event);
        }
    }

    void on(const client_event& event) {
        if (std::holds_alternative<host_key_event>(event)) {
            note(client_news, "host-key");
            trust ? client->accept_host_key(now) : client->refuse_host_key(now);
        } else if (std::holds_alternative<keys_changed_event>(event)) {
            note(client_news, "keys");
        } else if (const auto* banner = std::get_if<banner_event>(&event)) {
            note(client_news, "banner(" + banner->text + ")");
        } else if (std::holds_alternative<auth_question_event>(event)) {
            note(client_news, "question");
            if (answers) answer_question();
        } else if (const auto* in = std::get_if<logged_in_event>(&event)) {
            note(client_news, "logged-in(" + wire::join(in->methods) + ")");
        } else if (const auto* pong = std::get_if<pong_event>(&event)) {
            note(client_news, "pong(" + std::string(as_text(pong->data)) + ")");
        } else if (const auto* bye = std::get_if<peer_disconnected_event>(&event)) {
            note(client_news, "bye(" + std::to_string(bye->reason_code) + ")");
        } else if (const auto* channel = std::get_if<channel_event>(&event)) {
            if (const auto* opened = std::get_if<channel_opened_event>(channel))
                client->channels().request(opened->id, exec_request{command_}, true);
            on_channel(client->channels(), *channel, client_news, client_stream, client_report);
        }
    }

    void poll_server() {
        while (!server_error) {
            const auto event = server->poll(now);
            if (!event) server_error = event.error();
            if (!event || !*event) return;
            if (const auto* q = server->question()) {
                const bool known =
                    q->what != auth_question::kind::password || as_text(q->password) == "secret";
                server->answer(known ? auth_answer::accept : auth_answer::refuse, now);
            } else if (const auto* in = std::get_if<authenticated_event>(&**event)) {
                login = in->user.name();
            } else if (const auto* bye = std::get_if<peer_disconnected_event>(&**event)) {
                note(server_news, "bye(" + std::to_string(bye->reason_code) + ")");
            } else if (const auto* channel = std::get_if<channel_event>(&**event)) {
                on_server_channel(*channel);
            }
        }
    }

    void on_server_channel(const channel_event& event) {
        mux& channels = server->channels();
        if (const auto* open = std::get_if<channel_open_event>(&event)) {
            channels.accept_open(open->id);
            server_channel = open->id;
            return;
        }
        if (const auto* r = std::get_if<channel_request_event>(&event)) {
            const auto* exec = std::get_if<exec_request>(&r->request);
            if (exec != nullptr) commands.emplace_back(exec->command);
            if (r->want_reply) channels.reply(r->id, exec != nullptr);
            return;
        }
        if (const auto* global = std::get_if<global_request_event>(&event)) {
            if (global->want_reply) channels.global_reply(true);
            return;
        }
        on_channel(channels, event, server_news, server_stream, server_report);
    }

    static void on_channel(mux& channels, const channel_event& event, std::string& news, stream& s,
                           std::optional<channel_report>& report) {
        if (const auto* in = std::get_if<channel_data_event>(&event)) {
            s.received.insert(s.received.end(), in->data.begin(), in->data.end());
            channels.consumed(in->id, in->data.size());
        } else if (std::holds_alternative<channel_opened_event>(event)) {
            note(news, "opened");
        } else if (const auto* reply = std::get_if<channel_reply_event>(&event)) {
            note(news, reply->success ? "success" : "failure");
        } else if (const auto* global = std::get_if<global_reply_event>(&event)) {
            note(news, global->success ? "global-success" : "global-failure");
        } else if (const auto* request = std::get_if<global_request_event>(&event)) {
            note(news,
                 std::visit([](const auto& r) { return std::string(r.name); }, request->request));
        } else if (const auto* asked = std::get_if<channel_request_event>(&event)) {
            if (const auto* status = std::get_if<exit_status_request>(&asked->request))
                note(news, "exit-status(" + std::to_string(status->exit_status) + ")");
        } else if (std::holds_alternative<channel_eof_event>(event)) {
            s.eof_received = true;
            note(news, "eof");
        } else if (const auto* closed = std::get_if<channel_closed_event>(&event)) {
            report = closed->report;
            note(news, "closed");
        }
    }

    std::string command_;
    seeded_random client_random_;
    seeded_random server_random_;
};

}  // namespace sluice::test
