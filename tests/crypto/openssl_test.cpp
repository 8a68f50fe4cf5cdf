#include "sluice/crypto/openssl.hpp"

#include <gtest/gtest.h>

namespace sluice::crypto {
namespace {

TEST(OpenSsl, AFailureLeavesNothingInTheErrorQueue) {
    ERR_raise(ERR_LIB_USER, ERR_R_MALLOC_FAILURE);
    ASSERT_NE(ERR_peek_error(), 0u);
    EXPECT_EQ(openssl_failure(), errc::crypto_failure);
    EXPECT_EQ(ERR_peek_error(), 0u);
}

}  // namespace
}  // namespace sluice::crypto
