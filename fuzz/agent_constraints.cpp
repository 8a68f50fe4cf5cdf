// Constraints of a key that is added to an agent, and what a client signs to log in.

#include "sluice/auth/agent_constraints.hpp"
#include "sluice/auth/agent_bindings.hpp"
#include "sluice/fuzz/fuzz.hpp"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const bytes_view all(data, size);
    const auto login = agent_login_data::parse(all, all.first(size / 2));
    expects(login || login.error() == errc::bad_value);

    wire::reader r(all);
    const auto read = read_agent_constraints(r);
    if (!read) return 0;
    // What was read is written, and read as the same.
    bytes once;
    wire::writer w(once);
    write_agent_constraints(w, *read);
    wire::reader again(once);
    const auto same = read_agent_constraints(again);
    expects(same.has_value());
    bytes twice;
    wire::writer v(twice);
    write_agent_constraints(v, *same);
    expects(once == twice);
    const agent_bindings nowhere;
    expects(nowhere.may_see(read->hops, 0));
    return 0;
}
