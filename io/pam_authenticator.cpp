#include "sluice/io/pam_authenticator.hpp"

#include "sluice/io/on_pool.hpp"
#include "sluice/io/pam_talk.hpp"
#include "sluice/wire/limits.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

#include <security/pam_appl.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <span>

namespace asio = boost::asio;

namespace sluice {
namespace {

using responses = pam_talk::responses;

// Who answers the questions of modules.
class pam_user {
public:
    explicit pam_user(std::function<responses(auth_prompts)> ask) : ask_(std::move(ask)) {}

    // pam_conv(3).
    static int on_messages(int count, const pam_message** messages, pam_response** out,
                           void* self) {
        if (count <= 0 || count > PAM_MAX_NUM_MSG) return PAM_CONV_ERR;
        return static_cast<pam_user*>(self)->answer(
            std::span(messages, static_cast<std::size_t>(count)), out);
    }

    // Whether one of the answers was no password at all.
    bool has_said_nothing() const { return said_nothing_; }

    // From here on such an answer is not given to modules: it would become the password.
    void begin_change() { changes_password_ = true; }

    // Words that no question has followed.
    void show_words() {
        if (!words_.empty()) ask_({.instruction = std::exchange(words_, {})});
    }

private:
    static bool is_prompt(const pam_message& m) {
        return m.msg_style == PAM_PROMPT_ECHO_OFF || m.msg_style == PAM_PROMPT_ECHO_ON;
    }

    int answer(std::span<const pam_message*> messages, pam_response** out) {
        auth_prompts asked;
        for (const pam_message* m : messages) {
            const std::string_view text = m->msg != nullptr ? m->msg : "";
            if (is_prompt(*m))
                asked.prompts.push_back({std::string(text), m->msg_style == PAM_PROMPT_ECHO_ON});
            else if (m->msg_style == PAM_TEXT_INFO || m->msg_style == PAM_ERROR_MSG)
                words_ += (words_.empty() ? "" : "\r\n") + std::string(text);
            else
                return PAM_CONV_ERR;
        }
        responses said = std::vector<secret_bytes>();
        if (!asked.prompts.empty()) {
            asked.instruction = std::exchange(words_, {});
            const std::size_t prompts = asked.prompts.size();
            std::vector<bool> is_secret;
            for (const auto& prompt : asked.prompts)
                is_secret.push_back(!prompt.echo);
            said = ask_(std::move(asked));
            if (!said || said->size() != prompts) return PAM_CONV_ERR;
            for (std::size_t i = 0; i < prompts; ++i)
                said_nothing_ = said_nothing_ || (is_secret[i] && (*said)[i].empty());
            if (said_nothing_ && changes_password_) return PAM_CONV_ERR;
        }
        return give(messages, *said, out);
    }

    // What PAM gets is its own to wipe and to free.
    static int give(std::span<const pam_message*> messages, const std::vector<secret_bytes>& said,
                    pam_response** out) {
        for (const auto& one : said)
            if (one.size() >= PAM_MAX_RESP_SIZE || as_text(one).find('\0') != std::string::npos)
                return PAM_CONV_ERR;
        auto* const given =
            static_cast<pam_response*>(std::calloc(messages.size(), sizeof(pam_response)));
        if (given == nullptr) return PAM_BUF_ERR;
        std::size_t next = 0;
        for (std::size_t i = 0; i < messages.size(); ++i) {
            if (!is_prompt(*messages[i])) continue;
            const secret_bytes& one = said[next++];
            given[i].resp = static_cast<char*>(std::calloc(1, one.size() + 1));
            if (given[i].resp == nullptr) {
                release(std::span(given, messages.size()));
                return PAM_BUF_ERR;
            }
            std::ranges::copy(as_text(one), given[i].resp);
        }
        *out = given;
        return PAM_SUCCESS;
    }

    static void release(std::span<pam_response> given) {
        for (const pam_response& one : given) {
            if (one.resp != nullptr) ::explicit_bzero(one.resp, std::strlen(one.resp));
            std::free(one.resp);
        }
        std::free(given.data());
    }

    std::function<responses(auth_prompts)> ask_;
    std::string words_;
    bool said_nothing_ = false;
    bool changes_password_ = false;
};

enum class proof { by_modules, elsewhere };  // elsewhere: only the account is looked at

// One transaction with PAM, from beginning to end.
class pam_login {
public:
    pam_login(const pam_options& options, const login_attempt& attempt, pam_user& user)
        : name_(attempt.question.user), user_(user) {
        // No name ends in the middle.
        if (name_.empty() || name_.find('\0') != std::string::npos) return;
        const pam_conv conversation{&pam_user::on_messages, &user};
        status_ = options.service_folder.empty()
                      ? ::pam_start(options.service.c_str(), name_.c_str(), &conversation, &pam_)
                      : ::pam_start_confdir(options.service.c_str(), name_.c_str(), &conversation,
                                            options.service_folder.c_str(), &pam_);
        if (status_ == PAM_SUCCESS && !attempt.peer_address.empty())
            status_ = ::pam_set_item(pam_, PAM_RHOST, attempt.peer_address.c_str());
        if (status_ == PAM_SUCCESS) status_ = ::pam_set_item(pam_, PAM_TTY, "ssh");
    }
    ~pam_login() {
        if (pam_ != nullptr) ::pam_end(pam_, status_);
    }
    pam_login(const pam_login&) = delete;
    pam_login& operator=(const pam_login&) = delete;

    login_verdict decide(proof how, bool may_change_password) {
        if (pam_ == nullptr) return refusal("PAM cannot begin");
        if (status_ == PAM_SUCCESS && how == proof::by_modules)
            status_ = ::pam_authenticate(pam_, PAM_DISALLOW_NULL_AUTHTOK);
        if (status_ != PAM_SUCCESS) return refusal(::pam_strerror(pam_, status_));
        // Modules have done their work by now, so that the time tells nothing.
        if (user_.has_said_nothing()) return refusal("empty password");
        if (!is_same_user()) return refusal("PAM took him for another user");

        user_.begin_change();
        status_ = ::pam_acct_mgmt(pam_, PAM_DISALLOW_NULL_AUTHTOK);
        if (status_ == PAM_NEW_AUTHTOK_REQD && may_change_password)
            status_ = ::pam_chauthtok(pam_, PAM_CHANGE_EXPIRED_AUTHTOK);
        user_.show_words();
        if (user_.has_said_nothing()) return refusal("empty password");
        if (status_ != PAM_SUCCESS)
            return refusal(std::string("account: ") + ::pam_strerror(pam_, status_));
        return {.answer = auth_answer::accept};
    }

private:
    static login_verdict refusal(std::string reason) { return {.reason = std::move(reason)}; }

    bool is_same_user() const {
        const void* name = nullptr;
        return ::pam_get_item(pam_, PAM_USER, &name) == PAM_SUCCESS && name != nullptr &&
               name_ == static_cast<const char*>(name);
    }

    const std::string name_;
    pam_user& user_;
    pam_handle_t* pam_ = nullptr;
    int status_ = PAM_SYSTEM_ERR;
};

login_verdict decide_alone(const pam_options& options, const login_attempt& attempt) {
    const auto& question = attempt.question;
    const bool by_password = question.what == auth_question::kind::password;
    pam_user user([&](const auth_prompts& asked) -> responses {
        // One question that is not echoed is for the password, another one is not known.
        if (!by_password || asked.prompts.size() != 1 || asked.prompts[0].echo) return std::nullopt;
        return std::vector<secret_bytes>{secret_bytes(question.password)};
    });
    return pam_login(options, attempt, user)
        .decide(by_password ? proof::by_modules : proof::elsewhere, false);
}

asio::awaitable<login_verdict> decide_on(asio::thread_pool& pool, pam_options options,
                                         login_attempt attempt) {
    auto alone = [options = std::move(options), attempt = std::move(attempt)] {
        return decide_alone(options, attempt);
    };
    co_return co_await on_pool(pool, std::move(alone));
}

// However the coroutine ends, the thread does not wait for it.
class closed_at_end {
public:
    explicit closed_at_end(std::shared_ptr<pam_talk> talk) : talk_(std::move(talk)) {}
    ~closed_at_end() { talk_->close(); }
    closed_at_end(const closed_at_end&) = delete;
    closed_at_end& operator=(const closed_at_end&) = delete;

private:
    std::shared_ptr<pam_talk> talk_;
};

}  // namespace

bool is_built_with_pam() { return true; }

asio::awaitable<login_verdict> pam_authenticator::check(login_attempt attempt) {
    if (attempt.question.what != auth_question::kind::password) co_return login_verdict{};
    co_return co_await decide_on(pool_, options_, std::move(attempt));
}

asio::awaitable<login_verdict> pam_authenticator::check_account(login_attempt attempt) {
    attempt.question.what = auth_question::kind::none;
    co_return co_await decide_on(pool_, options_, std::move(attempt));
}

asio::awaitable<login_verdict> pam_authenticator::converse(login_attempt attempt,
                                                           conversation& user) {
    thread_word word(co_await asio::this_coro::executor);
    const auto talk = std::make_shared<pam_talk>(word.give());
    const closed_at_end closing(talk);
    asio::post(pool_, [talk, here = word.give(), options = options_, attempt = std::move(attempt)] {
        if (!here.is_awaited()) return;
        pam_user asked([&](auth_prompts prompts) { return talk->ask(std::move(prompts)); });
        talk->finish(pam_login(options, attempt, asked).decide(proof::by_modules, true));
    });
    for (;;) {
        co_await word.wait();
        auto step = talk->take();
        if (step.verdict) co_return std::move(*step.verdict);
        if (!step.prompts) continue;
        auto said = co_await user.ask(std::move(*step.prompts));
        if (!said) co_return login_verdict{.reason = "no answer"};
        talk->answer(std::move(*said));
    }
}

}  // namespace sluice
