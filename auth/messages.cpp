#include "sluice/auth/messages.hpp"

#include "sluice/wire/limits.hpp"

namespace sluice {

void userauth_info_request::put(const userauth_info_request& m, wire::writer& w) {
    w.write(m.name);
    w.write(m.instruction);
    w.write(m.language_tag);
    w.write(static_cast<std::uint32_t>(m.prompts.size()));
    for (const auto& p : m.prompts) {
        w.write(p.text);
        w.write(p.echo);
    }
}

void userauth_info_request::get(wire::reader& r, userauth_info_request& m) {
    std::uint32_t count = 0;
    r.read(m.name);
    r.read(m.instruction);
    r.read(m.language_tag);
    r.read(count);
    if (count > limits::auth_prompts_max) return r.fail(errc::too_long);
    m.prompts.resize(count);
    for (auto& p : m.prompts) {
        r.read(p.text);
        r.read(p.echo);
    }
}

void userauth_info_response::put(const userauth_info_response& m, wire::writer& w) {
    w.write(static_cast<std::uint32_t>(m.responses.size()));
    for (const bytes_view response : m.responses)
        w.write(response);
}

void userauth_info_response::get(wire::reader& r, userauth_info_response& m) {
    std::uint32_t count = 0;
    r.read(count);
    if (count > limits::auth_prompts_max) return r.fail(errc::too_long);
    m.responses.resize(count);
    for (bytes_view& response : m.responses)
        r.read(response);
}

}  // namespace sluice
