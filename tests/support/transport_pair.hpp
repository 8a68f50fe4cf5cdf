#pragma once

#include "sluice/crypto/key.hpp"
#include "sluice/tests/support/seeded_random.hpp"
#include "sluice/transport/messages.hpp"
#include "sluice/transport/transport.hpp"

#include <algorithm>
#include <cstring>
#include <functional>
#include <optional>
#include <vector>

namespace sluice::test {

/// A host key of the given type, made once a process.
inline std::shared_ptr<const host_key> test_host_key(std::string_view type = "ssh-ed25519") {
    static std::vector<std::pair<std::string, std::shared_ptr<const host_key>>> made;
    for (const auto& [name, key] : made)
        if (name == type) return key;
    auto key = crypto::private_key::generate(type, type == "ssh-rsa" ? 2048 : 0);
    expects(key.has_value());
    made.emplace_back(std::string(type), make_host_key(std::move(*key)));
    return made.back().second;
}

/// An authority of the tests'.
inline const crypto::private_key& test_authority() {
    static const auto made = crypto::private_key::generate("ssh-ed25519").value();
    return made;
}

inline crypto::certificate test_certificate(const crypto::public_key& key,
                                            crypto::certificate_fields fields) {
    return crypto::certificate::issue(key, std::move(fields), test_authority(),
                                      crypto::system_random())
        .value();
}

/// A host key of the given type in a certificate for `principals`.
inline std::shared_ptr<const host_key> certified_host_key(std::string_view type,
                                                          std::vector<std::string> principals = {
                                                              "server"}) {
    auto key = crypto::private_key::generate(type, type == "ssh-rsa" ? 2048 : 0).value();
    auto cert = test_certificate(key.public_half(), {.kind = crypto::certificate_kind::host,
                                                     .principals = std::move(principals)});
    return make_host_key(std::move(key), std::move(cert)).value();
}

inline void feed(transport& to, bytes_view data) {
    const auto space = to.prepare_input(data.size());
    std::ranges::copy(data, space.begin());
    to.commit_input(data.size());
}

/// Two transports and the link between them, in memory, with a clock of their own.
class transport_pair {
public:
    struct end {
        transport_config config;
        seeded_random random;
        std::optional<transport> machine;
        std::vector<bytes> payloads;          // received, 50 and up and services
        std::vector<transport_event> events;  // all others
        error_code error;
        end* peer = nullptr;
    };

    explicit transport_pair(std::uint64_t seed = 1) {
        client.random = seeded_random(seed);
        server.random = seeded_random(seed + 1'000'000);
        client.config.random = &client.random;
        server.config.random = &server.random;
        server.config.host_keys = {test_host_key()};
        client.peer = &server;
        server.peer = &client;
    }

    void start() {
        client.machine.emplace(client.config, role::client, now);
        server.machine.emplace(server.config, role::server, now);
    }

    /// Moves at most `chunk` bytes each way; true if any moved.
    bool step(std::size_t chunk = SIZE_MAX) {
        const bool up = move(client, server, chunk);
        const bool down = move(server, client, chunk);
        return up || down;
    }
    void run(std::size_t chunk = SIZE_MAX) {
        while (step(chunk)) {
        }
    }

    /// Lets one end go through its input.
    void poll(end& e) {
        while (!e.error) {
            auto event = e.machine->poll(now);
            if (!event) {
                e.error = event.error();
                return;
            }
            if (!*event) return;
            if (const auto* p = std::get_if<transport_payload>(&**event)) {
                e.payloads.push_back(to_bytes(p->payload));
            } else {
                if (std::holds_alternative<transport_host_key>(**event) && trust)
                    e.machine->accept_host_key(now);
                e.events.push_back(std::move(**event));
            }
        }
    }

    template <class Event>
    static std::size_t count(const end& e) {
        return static_cast<std::size_t>(std::ranges::count_if(
            e.events, [](const auto& event) { return std::holds_alternative<Event>(event); }));
    }

    end client;
    end server;
    time_point now{};
    bool trust = true;
    std::function<void(end& from, bytes& data)> tamper;

private:
    bool move(end& from, end& to, std::size_t chunk) {
        const bytes_view output = from.machine->output();
        bytes data = to_bytes(output.first(std::min(chunk, output.size())));
        from.machine->consume_output(data.size());
        const bool any = !data.empty();
        if (tamper) tamper(from, data);
        feed(*to.machine, data);
        poll(to);
        return any;
    }
};

}  // namespace sluice::test
