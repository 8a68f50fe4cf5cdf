#pragma once

#include "sluice/wire/bytes.hpp"
#include "sluice/wire/name_list.hpp"
#include "sluice/wire/reader.hpp"
#include "sluice/wire/writer.hpp"

#include <cstdint>
#include <string_view>
#include <vector>

namespace sluice {

// SSH_MSG_USERAUTH_REQUEST (RFC 4252 §5). What follows the method's name is the method's own.
struct userauth_request {
    static constexpr std::uint8_t number = 50;

    std::string_view user_name;
    std::string_view service_name;
    std::string_view method_name;
    wire::rest method_specific;

    static constexpr auto fields(auto& m, auto&& visit) {
        return visit(m.user_name, m.service_name, m.method_name, m.method_specific);
    }
};

// SSH_MSG_USERAUTH_FAILURE (RFC 4252 §5.1).
struct userauth_failure {
    static constexpr std::uint8_t number = 51;

    wire::name_list can_continue;
    bool partial_success = false;

    static constexpr auto fields(auto& m, auto&& visit) {
        return visit(m.can_continue, m.partial_success);
    }
};

// SSH_MSG_USERAUTH_SUCCESS (RFC 4252 §5.1).
struct userauth_success {
    static constexpr std::uint8_t number = 52;

    static constexpr auto fields(auto&, auto&& visit) { return visit(); }
};

// SSH_MSG_USERAUTH_BANNER (RFC 4252 §5.4).
struct userauth_banner {
    static constexpr std::uint8_t number = 53;

    std::string_view message;
    std::string_view language_tag;

    static constexpr auto fields(auto& m, auto&& visit) { return visit(m.message, m.language_tag); }
};

// SSH_MSG_USERAUTH_PK_OK (RFC 4252 §7). Numbers from 60 on belong to the method in progress.
struct userauth_pk_ok {
    static constexpr std::uint8_t number = 60;

    std::string_view algorithm;
    bytes_view key_blob;

    static constexpr auto fields(auto& m, auto&& visit) { return visit(m.algorithm, m.key_blob); }
};

// SSH_MSG_USERAUTH_PASSWD_CHANGEREQ (RFC 4252 §8).
struct userauth_passwd_changereq {
    static constexpr std::uint8_t number = 60;

    std::string_view prompt;
    std::string_view language_tag;

    static constexpr auto fields(auto& m, auto&& visit) { return visit(m.prompt, m.language_tag); }
};

// SSH_MSG_USERAUTH_INFO_REQUEST (RFC 4256 §3.2), of "keyboard-interactive".
struct userauth_info_request {
    static constexpr std::uint8_t number = 60;

    struct prompt {
        std::string_view text;
        bool echo = false;
    };

    std::string_view name;
    std::string_view instruction;
    std::string_view language_tag;
    std::vector<prompt> prompts;  // at most limits::auth_prompts_max

    static void put(const userauth_info_request& m, wire::writer& w);
    static void get(wire::reader& r, userauth_info_request& m);
};

// SSH_MSG_USERAUTH_INFO_RESPONSE (RFC 4256 §3.4).
struct userauth_info_response {
    static constexpr std::uint8_t number = 61;

    std::vector<bytes_view> responses;  // at most limits::auth_prompts_max

    static void put(const userauth_info_response& m, wire::writer& w);
    static void get(wire::reader& r, userauth_info_response& m);
};

// The last message number of user authentication (RFC 4252 §6).
inline constexpr std::uint8_t userauth_number_last = 79;

}  // namespace sluice
