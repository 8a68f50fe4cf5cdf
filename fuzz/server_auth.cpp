// A client of the server's authentication that sends anything. The fuzzer also plays the
// application; it never accepts what proves something, so nobody may get in.

#include "sluice/auth/server_auth.hpp"
#include "sluice/fuzz/fuzz.hpp"

using namespace sluice;

namespace {

class checking_sink final : public wire::payload_sink {
public:
    void send(bytes_view head, bytes_view bulk) override {
        expects(bulk.empty() && !head.empty());
        if (head.front() == userauth_banner::number) expects(++banners == 1);
        expects(head.front() != userauth_success::number);
        ++sent;
    }
    std::size_t room() const override { return 0; }
    int banners = 0;
    unsigned sent = 0;
};

auth_reply reply_to(const auth_question& question, std::size_t choice) {
    switch (question.what) {
    case auth_question::kind::public_key_query:
    case auth_question::kind::host_based_query:
        if (choice % 2 != 0) return auth_accept{.certificate_judged = true};
        return auth_answer::accept;
    case auth_question::kind::interactive:
    case auth_question::kind::interactive_responses:
        if (choice % 4 != 0) return auth_prompts{.prompts = {choice % 4, {"?", choice % 2 == 0}}};
        return auth_answer::refuse;
    case auth_question::kind::password:
    case auth_question::kind::password_change:
        if (choice % 2 != 0) return auth_password_expired{"another"};
        return auth_answer::refuse;
    case auth_question::kind::public_key:
    case auth_question::kind::host_based: expects(question.key.has_value()); break;
    case auth_question::kind::user:
    case auth_question::kind::none: break;
    }
    return auth_answer::refuse;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const server_auth_config config{.method_chains = {{"publickey", "password"},
                                                             {"password", "publickey"},
                                                             {"keyboard-interactive"},
                                                             {"hostbased"},
                                                             {"none"}},
                                           .banner = "hello"};
    fuzz::input in(data, size);
    checking_sink sink;
    server_auth server(config, {1, 2, 3}, {4, 5, 6}, sink);
    unsigned messages = 0;
    while (!in.empty()) {
        const unsigned before = sink.sent;
        const std::size_t high = in.byte();
        const std::size_t length = high << 8 | in.byte();
        if (!server.on_message(in.take(length))) {
            // An error is final.
            expects(!server.on_message({}) && server.question() == nullptr);
            break;
        }
        ++messages;
        // A request with a signature is two questions.
        bool ended = false;
        for (const auto* question = server.question(); question != nullptr && !ended;
             question = server.question())
            ended = !server.answer(reply_to(*question, high));
        if (ended) break;
        expects(sink.sent > before && sink.sent <= before + 2);  // a banner, and one reply
    }
    expects(!server.succeeded() && !server.take_user());
    expects(server.attempts_failed() <= config.attempts_max && messages <= 128);
    return 0;
}
