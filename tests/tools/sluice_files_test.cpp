#include "sluice/tools/sluice_files.hpp"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(SluiceFiles, APlaceIsAHostAndAPath) {
    const struct {
        const char* text;
        const char* host;  // null: it is none
        const char* path;
    } cases[] = {
        {"host:file", "host", "file"},
        {"ada@host:/a/b:c", "ada@host", "/a/b:c"},
        {"host:", "host", ""},
        {"[::1]:file", "::1", "file"},
        {"ada@[fe80::1%eth0]:", "ada@fe80::1%eth0", ""},
        {"file[1]:x", "file[1]", "x"},
        {"file", nullptr, nullptr},
        {"", nullptr, nullptr},
        {":file", nullptr, nullptr},
        {"./host:file", nullptr, nullptr},
        {"a/b:c", nullptr, nullptr},
        {"[::1", nullptr, nullptr},
        {"[::1]", nullptr, nullptr},
        {"[::1]x:file", nullptr, nullptr},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.text);
        const auto place = place_of(c.text);
        EXPECT_EQ(place.has_value(), c.host != nullptr);
        if (!place || c.host == nullptr) continue;
        EXPECT_EQ(place->host, c.host);
        EXPECT_EQ(place->path, c.path);
    }
}

TEST(SluiceFiles, TheLastNameOfAPathIsOneThatCanBeMade) {
    EXPECT_EQ(last_name("a/b"), "b");
    EXPECT_EQ(last_name("a/b//"), "b");
    EXPECT_EQ(last_name("b"), "b");
    for (const char* none : {"", "/", ".", "..", "a/..", "a/."})
        EXPECT_EQ(last_name(none), "") << none;
    EXPECT_EQ(joined("a", "b"), "a/b");
    EXPECT_EQ(joined("a/", "b"), "a/b");
    EXPECT_EQ(joined("", "b"), "b");
}

}  // namespace
}  // namespace sluice
