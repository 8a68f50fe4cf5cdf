#include "sluice/io/file_authenticator.hpp"

#include "sluice/auth/authorized_keys.hpp"
#include "sluice/io/file_descriptor.hpp"
#include "sluice/wire/limits.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <fcntl.h>

#include <chrono>
#include <optional>

namespace asio = boost::asio;

namespace sluice {
namespace {

// Nothing for a user name that would lead to another folder.
std::optional<std::string> expand(std::string_view pattern, std::string_view user) {
    std::string path;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        if (pattern[i] != '%' || i + 1 == pattern.size()) {
            path += pattern[i];
            continue;
        }
        const char token = pattern[++i];
        if (token == '%') {
            path += '%';
        } else if (token == 'u') {
            if (user.empty() || user.front() == '.' || user.find('/') != std::string_view::npos ||
                user.find('\0') != std::string_view::npos)
                return std::nullopt;
            path += user;
        } else {
            return std::nullopt;
        }
    }
    return path;
}

std::int64_t system_seconds() {
    const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::seconds>(since_epoch).count();
}

}  // namespace

result<std::string> read_text_file(const std::string& path, std::size_t size_max) {
    // Not blocking: a FIFO in that place must not hang us.
    const file_descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!file) return last_system_error();
    std::string text;
    for (;;) {
        const std::size_t at = text.size();
        text.resize(at + 16 * 1024);
        const ssize_t n = ::read(file.get(), text.data() + at, text.size() - at);
        if (n < 0) return last_system_error();
        text.resize(at + static_cast<std::size_t>(n));
        if (n == 0) return text;
        if (text.size() > size_max) return errc::too_long;
    }
}

asio::awaitable<login_verdict> file_authenticator::check(login_attempt attempt) {
    if (attempt.question.what == auth_question::kind::none) co_return login_verdict{};
    const auto decision = [this](login_attempt a) -> asio::awaitable<login_verdict> {
        co_return decide(a);
    };
    co_return co_await asio::co_spawn(pool_, decision(std::move(attempt)), asio::use_awaitable);
}

login_verdict file_authenticator::decide(const login_attempt& attempt) const {
    // All the work is done for everybody, and only then thrown away for those who may not come in.
    login_verdict verdict;
    if (attempt.question.what == auth_question::kind::password)
        verdict.answer = check_password(attempt) ? auth_answer::accept : auth_answer::refuse;
    else
        verdict = check_key(attempt);
    if (options_.admits && !options_.admits(attempt.question.user, attempt.peer_address)) return {};
    return verdict;
}

bool file_authenticator::check_password(const login_attempt& attempt) const {
    if (options_.users_file.empty()) return false;
    const auto text = read_text_file(options_.users_file, limits::policy_file_length_max);
    const auto users = password_file::parse(text ? *text : std::string());
    return users && users->check(attempt.question.user, attempt.question.password);
}

login_verdict file_authenticator::check_key(const login_attempt& attempt) const {
    if (!attempt.question.key) return {};
    const bool signed_already = attempt.question.what == auth_question::kind::public_key;
    const auto assertion =
        signed_already ? attempt.question.assertion : authorized_key::may_assert_all;
    for (const auto& pattern : options_.authorized_keys_files) {
        const auto path = expand(pattern, attempt.question.user);
        if (!path) continue;
        const auto text = read_text_file(*path, limits::policy_file_length_max);
        if (!text) continue;
        const auto keys = authorized_keys::parse(*text, &*attempt.question.key);
        if (!keys) continue;
        const auto* found = keys->find_allowed(*attempt.question.key, attempt.peer_address,
                                               system_seconds(), assertion);
        if (found == nullptr) continue;
        login_verdict verdict;
        verdict.answer = auth_answer::accept;
        verdict.rights.forced_command = found->command;
        verdict.rights.environment = found->environment;
        verdict.rights.port_forwarding = found->permits_port_forwarding;
        return verdict;
    }
    return {};
}

}  // namespace sluice
