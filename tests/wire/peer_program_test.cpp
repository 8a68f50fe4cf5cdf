#include "sluice/wire/peer_program.hpp"

#include <gtest/gtest.h>

namespace sluice::wire {
namespace {

TEST(PeerProgram, IsItsNameAndARangeOfVersions) {
    const peer_program all{"libssh_"};
    const peer_program up_to{"a_", {}, {{2, 10}}};
    const peer_program from{"a_", {{1, 2}}, {}};
    const peer_program between{"a", {{1, 2}}, {{1, 4}}};
    const struct {
        const peer_program& program;
        std::string_view identification;
        bool want;
    } cases[] = {
        {all, "SSH-2.0-libssh_0.10.4", true},   {all, "SSH-2.0-libssh_", true},
        {all, "SSH-2.0-libssh_x y", true},      {all, "SSH-2.0-libssh2_1.10.0", false},
        {all, "SSH-2.0-Libssh_0.10.4", false},  {all, "SSH-1.99-libssh_0.10.4", false},
        {all, "libssh_0.10.4", false},          {all, "", false},
        {up_to, "SSH-2.0-a_2.10.99", true},     {up_to, "SSH-2.0-a_0", true},
        {up_to, "SSH-2.0-a_2.11", false},       {up_to, "SSH-2.0-a_", false},
        {from, "SSH-2.0-a_1.2", true},          {from, "SSH-2.0-a_1.1.9", false},
        {from, "SSH-2.0-a_99999999999", false}, {between, "SSH-2.0-a1.3 comment", true},
        {between, "SSH-2.0-a1.5", false},       {between, "SSH-2.0-a1", false},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.identification);
        EXPECT_EQ(c.program.is(c.identification), c.want);
    }
}

}  // namespace
}  // namespace sluice::wire
