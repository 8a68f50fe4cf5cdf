#include "sluice/tools/sluiced_systemd.hpp"

#include "sluice/io/file_descriptor.hpp"
#include "sluice/tests/support/temp_dir.hpp"

#include <gtest/gtest.h>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <string>

namespace sluice {
namespace {

// What a service manager hears at `name` when it is told of a state; a name with "@" is abstract.
std::string heard_at(const std::string& name) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    name.copy(address.sun_path, sizeof address.sun_path);
    if (name[0] == '@') address.sun_path[0] = '\0';
    const file_descriptor manager(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    if (::bind(manager.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0)
        return "not bound";
    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
    const error_code e = notify_service_manager("READY=1");
    ::unsetenv("NOTIFY_SOCKET");
    if (e) return e.message();
    char text[64];
    const ssize_t n = ::recv(manager.get(), text, sizeof text, MSG_DONTWAIT);
    return n < 0 ? "nothing" : std::string(text, static_cast<std::size_t>(n));
}

TEST(SluicedSystemd, AStateIsToldToAPathOrAnAbstractName) {
    const test::temp_dir folder;
    EXPECT_EQ(heard_at((folder / "notify").string()), "READY=1");
    EXPECT_EQ(heard_at("@sluice-test-" + std::to_string(::getpid())), "READY=1");
}

TEST(SluicedSystemd, WhatIsNoAddressIsRefused) {
    ::unsetenv("NOTIFY_SOCKET");
    EXPECT_EQ(notify_service_manager("READY=1"), error_code());
    for (const std::string& name :
         {std::string(), std::string("/"), std::string("@"), std::string("relative/path"),
          std::string("x/@"), "/" + std::string(sizeof(sockaddr_un::sun_path) - 1, 'x')}) {
        ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
        EXPECT_EQ(notify_service_manager("READY=1"), boost::system::errc::invalid_argument) << name;
    }
    ::unsetenv("NOTIFY_SOCKET");
}

}  // namespace
}  // namespace sluice
