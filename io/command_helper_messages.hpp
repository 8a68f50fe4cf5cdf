#pragma once

#include "sluice/io/command_launcher.hpp"
#include "sluice/wire/codec.hpp"
#include "sluice/wire/limits.hpp"

#include <cstdint>
#include <string_view>

/// What a server and its command helper say to each other, a message a packet of a SOCK_SEQPACKET
/// pair. Never on a network: both ends are one program.
namespace sluice::helper {

/// Server to helper, once and first: who to become for good. Commands run as that user.
struct account {
    static constexpr std::uint8_t number = 1;

    bool change = false;  // otherwise the helper stays who it is
    std::string_view name;
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;

    static constexpr auto fields(auto& m, auto&& visit) {
        return visit(m.change, m.name, m.uid, m.gid);
    }
};

/// Helper to server, in answer: it has become that user.
struct ready {
    static constexpr std::uint8_t number = 2;
    static constexpr auto fields(auto&, auto&& visit) { return visit(); }
};

/// Server to helper. With it come four descriptors: the command's end of a pair of its own, over
/// which `signal` and `ended` go, then its standard input, output and error.
struct start {
    static constexpr std::uint8_t number = 3;

    process_options options;

    static void put(const start& m, wire::writer& w) {
        w.write(m.options.command);
        w.write(m.options.directory);
        w.write(static_cast<std::uint32_t>(m.options.environment.size()));
        for (const auto& [name, value] : m.options.environment) {
            w.write(name);
            w.write(value);
        }
    }

    static void get(wire::reader& r, start& m) {
        std::string_view command;
        std::string_view directory;
        std::uint32_t variables = 0;
        r.read(command);
        r.read(directory);
        r.read(variables);
        if (variables > limits::helper_variables_max) return r.fail(errc::too_long);
        if (command.find('\0') != command.npos || directory.find('\0') != directory.npos)
            return r.fail(errc::bad_value);
        m.options.command = command;
        m.options.directory = directory;
        for (std::uint32_t i = 0; i < variables && !r.error(); ++i) {
            std::string_view name;
            std::string_view value;
            r.read(name);
            r.read(value);
            m.options.environment.emplace_back(name, value);
        }
    }
};

/// Server to helper, over a command's own pair: to its process group.
struct signal {
    static constexpr std::uint8_t number = 4;

    std::uint32_t signal_number = 0;

    static constexpr auto fields(auto& m, auto&& visit) { return visit(m.signal_number); }
};

/// Helper to server, over a command's own pair; the last message there.
struct ended {
    static constexpr std::uint8_t number = 5;

    std::uint32_t status = 0;  // as of waitpid(2)

    static constexpr auto fields(auto& m, auto&& visit) { return visit(m.status); }
};

}  // namespace sluice::helper
