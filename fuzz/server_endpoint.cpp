// A whole server connection behind its key exchange: the fuzzer is a client with keys, so that
// services, authentication and channels meet every sequence of payloads.

#include "sluice/endpoint/server_endpoint.hpp"
#include "sluice/fuzz/fuzz.hpp"
#include "sluice/tests/support/transport_pair.hpp"

using namespace sluice;

namespace {

void exchange(transport& client, server_endpoint& server) {
    for (int turns = 0; turns < 8; ++turns) {
        const bytes_view up = client.output();
        if (!up.empty() && server.wants_input()) {
            std::ranges::copy(up, server.prepare_input(up.size()).begin());
            server.commit_input(up.size(), {});
            client.consume_output(up.size());
        }
        for (auto event = server.poll({}); event && *event; event = server.poll({})) {
            if (const auto* channel = std::get_if<channel_event>(&**event)) {
                if (const auto* open = std::get_if<channel_open_event>(channel))
                    server.channels().accept_open(open->id);
                if (const auto* in = std::get_if<channel_data_event>(channel))
                    server.channels().consumed(in->id, in->data.size());
                if (const auto* request = std::get_if<channel_request_event>(channel))
                    if (request->want_reply) server.channels().reply(request->id, true);
            }
        }
        if (server.question() != nullptr)
            server.answer(
                server.question()->user == "fuzz" ? auth_answer::accept : auth_answer::refuse, {});
        const bytes_view down = server.output();
        if (down.empty() && up.empty()) return;
        test::feed(client, down);
        server.consume_output(down.size());
        for (auto event = client.poll({}); event && *event; event = client.poll({}))
            if (std::holds_alternative<transport_host_key>(**event)) client.accept_host_key({});
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    test::seeded_random random;
    server_config config;
    config.transport.random = &random;
    config.transport.host_keys = {test::test_host_key()};
    config.auth.method_chains = {{"none"}, {"password"}, {"publickey"}};
    transport_config client_config;
    client_config.random = &random;

    server_endpoint server(config, {});
    transport client(client_config, role::client, {});
    exchange(client, server);
    expects(client.keys_in_use());
    client.set_authenticated();  // larger packets; the server keeps its own limit

    fuzz::input in(data, size);
    while (!in.empty() && !server.finished() && !client.finished()) {
        const bytes payload = to_bytes(in.take(1 + in.byte() * 4u));
        if (!payload.empty()) client.send(payload);
        exchange(client, server);
    }
    return 0;
}
