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

TEST(SluiceFiles, AHostAloneIsWhereTheServerPutsUs) {
    const struct {
        const char* text;
        const char* host;  // null: it is none
        const char* path;
    } cases[] = {
        {"host", "host", ""},      {"ada@host", "ada@host", ""}, {"host:", "host", ""},
        {"host:/x", "host", "/x"}, {"[::1]", "::1", ""},         {"ada@[::1]", "ada@::1", ""},
        {"", nullptr, ""},         {"./file", nullptr, ""},      {"/x", nullptr, ""},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.text);
        const auto place = start_or_place_of(c.text);
        EXPECT_EQ(place.has_value(), c.host != nullptr);
        if (!place || c.host == nullptr) continue;
        EXPECT_EQ(place->host, c.host);
        EXPECT_EQ(place->path, c.path);
    }
}

TEST(SluiceFiles, AServersWordsAreShownWhereTheySayMore) {
    const error_code e = errc::sftp_no_such_file;  // "no such file"
    for (const char* text : {"", "No such file", "no such file.", "No Such File"})
        EXPECT_EQ(added_words(e, text), "") << text;
    EXPECT_EQ(added_words(e, "No such file or directory: /x"), " (No such file or directory: /x)");
    EXPECT_EQ(added_words(errc::sftp_failure, "Failure"), "");
    EXPECT_EQ(added_words(errc::sftp_failure, "FAILURE."), "");
    EXPECT_EQ(added_words(errc::sftp_failure, "quota exceeded"), " (quota exceeded)");
}

}  // namespace
}  // namespace sluice
