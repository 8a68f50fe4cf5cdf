#pragma once

#include "sluice/wire/codec.hpp"
#include "sluice/wire/limits.hpp"

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace sluice {

// SSH_MSG_DISCONNECT (RFC 4253 §11.1).
struct disconnect {
    static constexpr std::uint8_t number = 1;

    std::uint32_t reason_code = 0;
    std::string_view description;
    std::string_view language_tag;

    static void put(const disconnect& m, wire::writer& w) {
        w.write(m.reason_code);
        w.write(m.description);
        w.write(m.language_tag);
    }
    // Some peers leave out the language tag, or the description too: a goodbye is understood
    // anyway.
    static void get(wire::reader& r, disconnect& m) {
        r.read(m.reason_code);
        if (!r.at_end()) r.read(m.description);
        if (!r.at_end()) r.read(m.language_tag);
    }
};

// SSH_MSG_IGNORE (RFC 4253 §11.2).
struct ignore {
    static constexpr std::uint8_t number = 2;

    bytes_view data;

    static constexpr auto fields(auto& m, auto&& visit) { return visit(m.data); }
};

// SSH_MSG_UNIMPLEMENTED (RFC 4253 §11.4).
struct unimplemented {
    static constexpr std::uint8_t number = 3;

    std::uint32_t packet_sequence_number = 0;

    static constexpr auto fields(auto& m, auto&& visit) { return visit(m.packet_sequence_number); }
};

// SSH_MSG_DEBUG (RFC 4253 §11.3).
struct debug {
    static constexpr std::uint8_t number = 4;

    bool always_display = false;
    std::string_view message;
    std::string_view language_tag;

    static constexpr auto fields(auto& m, auto&& visit) {
        return visit(m.always_display, m.message, m.language_tag);
    }
};

// SSH_MSG_SERVICE_REQUEST (RFC 4253 §10).
struct service_request {
    static constexpr std::uint8_t number = 5;

    std::string_view service_name;

    static constexpr auto fields(auto& m, auto&& visit) { return visit(m.service_name); }
};

// SSH_MSG_SERVICE_ACCEPT (RFC 4253 §10).
struct service_accept {
    static constexpr std::uint8_t number = 6;

    std::string_view service_name;

    static constexpr auto fields(auto& m, auto&& visit) { return visit(m.service_name); }
};

// SSH_MSG_EXT_INFO (RFC 8308 §2.3).
struct ext_info {
    static constexpr std::uint8_t number = 7;

    struct extension {
        std::string_view name;
        std::string_view value;
    };
    std::vector<extension> extensions;

    static void put(const ext_info& m, wire::writer& w) {
        w.write(static_cast<std::uint32_t>(m.extensions.size()));
        for (const auto& e : m.extensions) {
            w.write(e.name);
            w.write(e.value);
        }
    }
    static void get(wire::reader& r, ext_info& m) {
        std::uint32_t count = 0;
        r.read(count);
        if (count > limits::ext_info_extensions_max) return r.fail(errc::too_long);
        for (std::uint32_t i = 0; i < count && !r.error(); ++i) {
            extension e;
            r.read(e.name);
            r.read(e.value);
            m.extensions.push_back(e);
        }
    }
};

// SSH_MSG_KEXINIT (RFC 4253 §7.1).
struct kexinit {
    static constexpr std::uint8_t number = 20;

    std::array<std::uint8_t, 16> cookie{};
    wire::name_list kex_algorithms;
    wire::name_list server_host_key_algorithms;
    wire::name_list encryption_algorithms_client_to_server;
    wire::name_list encryption_algorithms_server_to_client;
    wire::name_list mac_algorithms_client_to_server;
    wire::name_list mac_algorithms_server_to_client;
    wire::name_list compression_algorithms_client_to_server;
    wire::name_list compression_algorithms_server_to_client;
    wire::name_list languages_client_to_server;
    wire::name_list languages_server_to_client;
    bool first_kex_packet_follows = false;
    std::uint32_t reserved = 0;

    static constexpr auto fields(auto& m, auto&& visit) {
        return visit(m.cookie, m.kex_algorithms, m.server_host_key_algorithms,
                     m.encryption_algorithms_client_to_server,
                     m.encryption_algorithms_server_to_client, m.mac_algorithms_client_to_server,
                     m.mac_algorithms_server_to_client, m.compression_algorithms_client_to_server,
                     m.compression_algorithms_server_to_client, m.languages_client_to_server,
                     m.languages_server_to_client, m.first_kex_packet_follows, m.reserved);
    }
};

// SSH_MSG_NEWKEYS (RFC 4253 §7.3).
struct newkeys {
    static constexpr std::uint8_t number = 21;

    static constexpr auto fields(auto&, auto&& visit) { return visit(); }
};

// SSH2_MSG_PING (ping@openssh.com, PROTOCOL 1.9).
struct ping {
    static constexpr std::uint8_t number = 192;

    bytes_view data;

    static constexpr auto fields(auto& m, auto&& visit) { return visit(m.data); }
};

// SSH2_MSG_PONG.
struct pong {
    static constexpr std::uint8_t number = 193;

    bytes_view data;

    static constexpr auto fields(auto& m, auto&& visit) { return visit(m.data); }
};

}  // namespace sluice
