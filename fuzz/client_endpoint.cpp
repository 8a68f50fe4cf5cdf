// A whole client connection behind its key exchange: the fuzzer is a server with keys, so that
// services, authentication and channels meet every sequence of payloads.

#include "sluice/endpoint/client_endpoint.hpp"
#include "sluice/fuzz/fuzz.hpp"
#include "sluice/tests/support/transport_pair.hpp"

using namespace sluice;

namespace {

void on_channel_event(client_endpoint& client, const channel_event& event) {
    mux& channels = client.channels();
    if (const auto* open = std::get_if<channel_open_event>(&event)) channels.accept_open(open->id);
    if (const auto* opened = std::get_if<channel_opened_event>(&event))
        channels.request(opened->id, exec_request{"x"}, true);
    if (const auto* in = std::get_if<channel_data_event>(&event)) {
        channels.consumed(in->id, in->data.size());
        if (channels.writable(in->id) >= in->data.size())
            channels.write(in->id, wire::buffer::copy_of(in->data), in->extended_type);
    }
    if (const auto* request = std::get_if<channel_request_event>(&event))
        if (request->want_reply) channels.reply(request->id, false);
    if (const auto* eof = std::get_if<channel_eof_event>(&event)) channels.close(eof->id);
    if (const auto* global = std::get_if<global_request_event>(&event))
        expects(!global->want_reply);
}

void answer(client_endpoint& client) {
    const auto* question = client.question();
    if (question == nullptr) return;
    if (question->what == client_auth_question::kind::prompts)
        client.answer(auth_responses{std::vector<secret_bytes>(question->prompts.size())}, {});
    else if (question->what == client_auth_question::kind::signature)
        client.answer(auth_declined{}, {});
    else
        client.answer(auth_password{}, {});
}

void exchange(client_endpoint& client, transport& server) {
    for (int turns = 0; turns < 8; ++turns) {
        const bytes_view down = server.output();
        if (!down.empty() && client.wants_input()) {
            std::ranges::copy(down, client.prepare_input(down.size()).begin());
            client.commit_input(down.size(), {});
            server.consume_output(down.size());
        }
        for (auto event = client.poll({}); event && *event; event = client.poll({})) {
            if (std::holds_alternative<host_key_event>(**event)) client.accept_host_key({});
            if (std::holds_alternative<logged_in_event>(**event)) {
                (void)client.channels().open(session_channel{}).value();
                client.global(tcpip_forward_request{"", 0}, true);
            }
            if (const auto* channel = std::get_if<channel_event>(&**event))
                on_channel_event(client, *channel);
        }
        answer(client);
        const bytes_view up = client.output();
        if (down.empty() && up.empty()) return;
        test::feed(server, up);
        client.consume_output(up.size());
        for (auto event = server.poll({}); event && *event; event = server.poll({})) {
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const crypto::public_key key =
        crypto::private_key::generate("ssh-ed25519").value().public_half();
    test::seeded_random random;
    client_config config;
    config.transport.random = &random;
    config.auth.user = "fuzz";
    config.auth.keys = {key};
    config.auth.require_proof = true;
    transport_config server_config;
    server_config.random = &random;
    server_config.host_keys = {test::test_host_key()};

    client_endpoint client(config, {});
    transport server(server_config, role::server, {});
    exchange(client, server);
    expects(server.keys_in_use());
    server.set_authenticated();  // larger packets; the client keeps its own limit

    fuzz::input in(data, size);
    while (!in.empty() && !server.finished() && !client.finished()) {
        const bytes payload = to_bytes(in.take(1 + in.byte() * 4u));
        if (!payload.empty()) server.send(payload);
        exchange(client, server);
    }
    return 0;
}
