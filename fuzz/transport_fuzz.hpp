#pragma once

// What the targets of one transport against a hostile peer share: the fuzzer's input is a list of
// packets in the clear, then bytes as they are.

#include "sluice/fuzz/fuzz.hpp"
#include "sluice/tests/support/transport_pair.hpp"

namespace sluice::fuzz {

inline void drive_transport(role own, bytes_view data) {
    test::seeded_random random;
    transport_config config;
    config.random = &random;
    config.kex_algorithms = {"curve25519-sha256"};
    if (own == role::server) config.host_keys = {test::test_host_key()};
    transport machine(config, own, {});
    test::feed(machine, as_bytes("SSH-2.0-fuzz\r\n"));

    const auto poll = [&] {
        for (auto event = machine.poll({}); event && *event; event = machine.poll({}))
            if (std::holds_alternative<transport_host_key>(**event)) machine.accept_host_key({});
    };
    input in(data.data(), data.size());
    packet_sealer sealer;
    wire::byte_queue sealed;
    while (!in.empty() && !machine.finished()) {
        const std::uint8_t kind = in.byte();
        const std::size_t size = in.byte() * 4u;
        const bytes_view content = in.take(size);
        if (kind == 0xff) {
            test::feed(machine, content);
        } else if (!content.empty()) {
            sealer.seal(content, {}, random, sealed);
            test::feed(machine, sealed.view());
            sealed.consume(sealed.size());
        }
        poll();
        machine.consume_output(machine.output().size());
    }
    expects(machine.memory_in_use() < 4 * 1024 * 1024);
}

}  // namespace sluice::fuzz
