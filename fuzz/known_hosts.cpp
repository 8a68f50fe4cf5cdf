// known_hosts files: no text is too odd to be read, and a line that we add is found again.

#include "sluice/auth/known_hosts.hpp"
#include "sluice/fuzz/fuzz.hpp"
#include "sluice/tests/support/seeded_random.hpp"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const crypto::public_key key =
        crypto::private_key::generate("ssh-ed25519").value().public_half();
    fuzz::input in(data, size);
    const std::string host(as_text(in.take(in.byte() % 64)));
    const std::uint16_t port = in.byte() % 2 == 0 ? ssh_port : 2222;
    std::string text(as_text(in.rest()));
    auto list = known_hosts::parse(text);
    if (!list) return 0;
    expects(list->lookup(host, port, key).what != known_hosts::verdict::known);
    (void)list->authorities(host, port);
    const auto algorithms = list->ordered({"ssh-ed25519", "rsa-sha2-512"}, host, port);
    expects(algorithms.size() == 2);

    test::seeded_random random;
    const auto plain = known_hosts_line(host, port, key);
    const auto hashed = hashed_known_hosts_line(host, port, key, random);
    expects(plain.has_value() == hashed.has_value());
    if (!plain) return 0;
    for (const auto& line : {*plain, *hashed}) {
        auto whole = *list;
        whole.append(known_hosts::parse(line).value());
        expects(whole.size() == list->size() + 1);
        const auto found = whole.lookup(host, port, key);
        // Nothing outweighs a line that revokes, though it be one that cannot be read.
        const bool revoked = list->lookup(host, port, key).what == known_hosts::verdict::revoked;
        expects(revoked ? found.what == known_hosts::verdict::revoked
                        : found.what == known_hosts::verdict::known && found.file == 1 &&
                              found.line == 1);
        expects(whole.ordered({"rsa-sha2-512", "ssh-ed25519"}, host, port).size() == 2);
    }
    return 0;
}
