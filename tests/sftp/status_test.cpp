#include "sluice/sftp/status.hpp"

#include <gtest/gtest.h>

#include <cerrno>

namespace sluice::sftp {
namespace {

TEST(FilexferDraft02s7, EveryErrnoHasTheCodeThatClientsExpect) {
    const struct {
        int number;
        status_code code;
    } cases[] = {
        {ENOENT, status_code::no_such_file},
        {ENOTDIR, status_code::no_such_file},
        {EBADF, status_code::no_such_file},
        {ELOOP, status_code::no_such_file},
        {EPERM, status_code::permission_denied},
        {EACCES, status_code::permission_denied},
        {EFAULT, status_code::permission_denied},
        {ENAMETOOLONG, status_code::bad_message},
        {EINVAL, status_code::bad_message},
        {ENOSYS, status_code::op_unsupported},
        {EEXIST, status_code::failure},
        {ENOSPC, status_code::failure},
        {EIO, status_code::failure},
        {ENOTEMPTY, status_code::failure},
        {0, status_code::ok},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.number);
        EXPECT_EQ(status_of({c.number, boost::system::system_category()}), c.code);
        EXPECT_EQ(status_of({c.number, boost::system::generic_category()}), c.code);
    }
}

TEST(FilexferDraft02s7, CodesAndErrorsBothWays) {
    const struct {
        std::uint32_t code;
        error_code error;
    } cases[] = {
        {0, {}},
        {1, errc::sftp_eof},
        {2, errc::sftp_no_such_file},
        {3, errc::sftp_permission_denied},
        {4, errc::sftp_failure},
        {5, errc::sftp_bad_message},
        {8, errc::sftp_unsupported},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.code);
        EXPECT_EQ(error_of(c.code), c.error);
        EXPECT_EQ(status_of(c.error), static_cast<status_code>(c.code));
    }
    for (const std::uint32_t unknown : {6u, 7u, 9u, 31u, 0xffff'ffffu})
        EXPECT_EQ(error_of(unknown), errc::sftp_failure) << unknown;
}

TEST(FilexferDraft02s7, WhatIsNoErrorOfFilesIsAFailureAndSaysNoMore) {
    for (const errc e : {errc::cancelled, errc::sftp_failure, errc::bad_mac})
        EXPECT_EQ(status_of(e), status_code::failure);
    EXPECT_EQ(text_of(status_of(errc::cancelled)), "Failure");
}

}  // namespace
}  // namespace sluice::sftp
