#include "sluice/io/file_authenticator.hpp"

#include "sluice/tests/support/key_folder.hpp"
#include "sluice/tests/support/soft_token.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <gtest/gtest.h>

namespace sluice {
namespace {

namespace asio = boost::asio;
using kind = auth_question::kind;

auth_answer answer(const std::string& file, auth_question question) {
    asio::thread_pool pool(1);
    file_authenticator logins({.authorized_keys_files = {file}}, pool);
    asio::io_context context;
    login_attempt attempt{std::move(question), "192.0.2.1"};
    auto verdict = asio::co_spawn(context, logins.check(std::move(attempt)), asio::use_future);
    context.run();
    return verdict.get().answer;
}

auth_question question(kind what, const crypto::public_key& key,
                       std::optional<crypto::sk_assertion> assertion = {}) {
    auth_question q;
    q.what = what;
    q.user = "ada";
    q.key = key;
    q.algorithm = key.type();
    q.assertion = assertion;
    return q;
}

TEST(FileAuthenticator, DemandsOfASecurityKeyWhatItsLineDoes) {
    const test::key_folder dir;
    const test::soft_token token("ecdsa-sha2-nistp256");
    const crypto::public_key key = token.public_half();
    using assertion = crypto::sk_assertion;
    struct {
        const char* options;
        kind what;
        std::optional<assertion> said;
        auth_answer want;
    } const cases[] = {
        {"", kind::public_key_query, {}, auth_answer::accept},
        {"", kind::public_key, assertion{true, false, 1}, auth_answer::accept},
        {"", kind::public_key, assertion{false, false, 1}, auth_answer::refuse},
        {"", kind::public_key, {}, auth_answer::refuse},
        {"no-touch-required ", kind::public_key, assertion{false, false, 1}, auth_answer::accept},
        {"verify-required ", kind::public_key_query, {}, auth_answer::accept},
        {"verify-required ", kind::public_key, assertion{true, true, 1}, auth_answer::accept},
        {"verify-required ", kind::public_key, assertion{true, false, 1}, auth_answer::refuse},
        {"expiry-time=\"20000101Z\" ", kind::public_key_query, {}, auth_answer::refuse},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.options);
        const std::string file = dir.write("authorized_keys", c.options + key.line() + '\n');
        EXPECT_EQ(answer(file, question(c.what, key, c.said)), c.want);
    }
}

}  // namespace
}  // namespace sluice
