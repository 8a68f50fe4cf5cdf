#include "sluice/auth/agent_constraints.hpp"

#include "sluice/tests/support/hex.hpp"
#include "sluice/wire/limits.hpp"

#include <gtest/gtest.h>

namespace sluice {
namespace {

using namespace std::chrono_literals;

const crypto::public_key host_key =
    crypto::public_key::from_blob(
        test::from_hex("0000000b 7373682d65643235353139 00000020"
                       "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"))
        .value();

bytes encoded(const agent_constraints& constraints) {
    bytes out;
    wire::writer w(out);
    write_agent_constraints(w, constraints);
    return out;
}

result<agent_constraints> decoded(bytes_view data) {
    wire::reader r(data);
    return read_agent_constraints(r);
}

agent_constraints all_of_them() {
    agent_constraints c;
    c.lifetime.emplace(300);
    c.confirm = true;
    c.hops.push_back({{}, {"ada", "first", {{host_key, false}}}});
    c.hops.push_back({{"", "first", {{host_key, false}}}, {"", "second", {{host_key, true}}}});
    return c;
}

// One end of a hop, by hand.
bytes end_of_hop(std::string_view user, std::string_view host, std::string_view reserved,
                 const bytes& keys) {
    bytes out;
    wire::writer w(out);
    w.write(user);
    w.write(host);
    w.write(reserved);
    w.append(keys);
    return out;
}

bytes one_key(bool is_ca = false) {
    bytes out;
    wire::writer w(out);
    w.write(bytes_view(host_key.blob()));
    w.write(is_ca);
    return out;
}

bytes hop(const bytes& from, const bytes& to, std::string_view reserved = "") {
    bytes out;
    wire::writer w(out);
    w.write(bytes_view(from));
    w.write(bytes_view(to));
    w.write(reserved);
    return out;
}

bytes restricted_to(const std::vector<bytes>& hops) {
    bytes list;
    wire::writer l(list);
    for (const bytes& one : hops)
        l.write(bytes_view(one));
    bytes out{0xff};
    wire::writer w(out);
    w.write("restrict-destination-v00@openssh.com");
    w.write(bytes_view(list));
    return out;
}

const bytes here = end_of_hop("", "", "", {});
const bytes there = end_of_hop("", "host", "", one_key());

TEST(Rfc9987s3_2, ConstraintsOnTheWire) {
    EXPECT_EQ(test::to_hex(encoded({.lifetime = std::chrono::duration<std::uint32_t>(300)})),
              "010000012c");
    EXPECT_EQ(test::to_hex(encoded({.confirm = true})), "02");
    EXPECT_EQ(test::to_hex(encoded({.extensions = {{"x@y", {1, 2}}}})), "ff000000037840790102");
    agent_constraints restricted;
    restricted.hops.push_back({{}, {"", "host", {{host_key, false}}}});
    EXPECT_EQ(encoded(restricted), restricted_to({hop(here, there)}));
}

TEST(Rfc9987s3_2, ConstraintsAreReadAsTheyWereWritten) {
    const bytes once = encoded(all_of_them());
    const auto read = decoded(once);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->lifetime, 300s);
    EXPECT_TRUE(read->confirm);
    ASSERT_EQ(read->hops.size(), 2u);
    EXPECT_EQ(read->hops[0].to.user_name, "ada");
    EXPECT_EQ(read->hops[1].from.hostname, "first");
    ASSERT_EQ(read->hops[1].to.host_keys.size(), 1u);
    EXPECT_TRUE(read->hops[1].to.host_keys[0].is_ca);
    EXPECT_EQ(encoded(*read), once);
    EXPECT_TRUE(decoded({})->empty());
}

TEST(Agent, EveryTruncationOfConstraintsIsAnError) {
    const bytes whole = encoded(all_of_them());
    for (std::size_t n = 0; n < whole.size(); ++n) {
        const bool between = n == 0 || n == 5 || n == 6;  // one constraint less, or none
        EXPECT_EQ(decoded(bytes_view(whole).first(n)).has_value(), between) << n;
    }
}

TEST(Agent, ConstraintsThatCannotBeAreErrors) {
    bytes many_keys;
    for (std::size_t i = 0; i <= limits::agent_hop_keys_max; ++i) {
        const bytes one = one_key();
        many_keys.insert(many_keys.end(), one.begin(), one.end());
    }
    const std::vector<bytes> many_hops(limits::agent_hops_max + 1, hop(here, there));
    bytes bad_key;
    wire::writer(bad_key).write(test::from_hex("0000000b7373682d65643235353139 00000001 00"));
    bad_key.push_back(0);
    bytes unknown_key;
    wire::writer(unknown_key).write(test::from_hex("00000003 78407a"));
    unknown_key.push_back(0);
    const struct {
        const char* name;
        bytes data;
        errc want;
    } cases[] = {
        {"a type that is not known", {3}, errc::bad_value},
        {"another extension", test::from_hex("ff 00000003 784079"), errc::bad_value},
        {"a lifetime twice", test::from_hex("0100000001 0100000001"), errc::bad_value},
        {"confirm twice", test::from_hex("02 02"), errc::bad_value},
        {"no hop", restricted_to({}), errc::bad_value},
        {"a user at the start", restricted_to({hop(end_of_hop("u", "", "", {}), there)}),
         errc::bad_value},
        {"a start with a name and no key", restricted_to({hop(end_of_hop("", "h", "", {}), there)}),
         errc::bad_value},
        {"a start with a key and no name",
         restricted_to({hop(end_of_hop("", "", "", one_key()), there)}), errc::bad_value},
        {"no key at the end", restricted_to({hop(here, end_of_hop("", "h", "", {}))}),
         errc::bad_value},
        {"no name at the end", restricted_to({hop(here, end_of_hop("", "", "", one_key()))}),
         errc::bad_value},
        {"reserved in an end", restricted_to({hop(here, end_of_hop("", "h", "x", one_key()))}),
         errc::bad_value},
        {"reserved in a hop", restricted_to({hop(here, there, "x")}), errc::bad_value},
        {"a bad key", restricted_to({hop(here, end_of_hop("", "h", "", bad_key))}), errc::bad_key},
        {"only keys of unknown types",
         restricted_to({hop(here, end_of_hop("", "h", "", unknown_key))}), errc::bad_value},
        {"too many keys", restricted_to({hop(here, end_of_hop("", "h", "", many_keys))}),
         errc::too_long},
        {"too many hops", restricted_to(many_hops), errc::too_long},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        EXPECT_EQ(decoded(c.data).error(), c.want);
    }
    // Twice, and a byte behind the last field of a hop.
    bytes twice = restricted_to({hop(here, there)});
    const bytes again = twice;
    twice.insert(twice.end(), again.begin(), again.end());
    EXPECT_EQ(decoded(twice).error(), errc::bad_value);
    bytes longer = hop(here, there);
    longer.push_back(0);
    EXPECT_EQ(decoded(restricted_to({longer})).error(), errc::trailing_bytes);
}

}  // namespace
}  // namespace sluice
