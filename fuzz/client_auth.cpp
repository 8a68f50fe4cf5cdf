// A server that answers a login with anything. The fuzzer also plays the application: the first
// byte of a message decides what it gives.

#include "sluice/auth/client_auth.hpp"

#include "sluice/auth/messages.hpp"
#include "sluice/fuzz/fuzz.hpp"
#include "sluice/wire/limits.hpp"

using namespace sluice;

namespace {

class counting_sink final : public wire::payload_sink {
public:
    void send(bytes_view head, bytes_view bulk) override {
        expects(bulk.empty() && !head.empty());
        expects(head.front() == userauth_request::number ||
                head.front() == userauth_info_response::number);
        ++sent;
    }
    std::size_t room() const override { return 0; }
    unsigned sent = 0;
};

const crypto::private_key& key() {
    static const auto made = crypto::private_key::generate("ssh-ed25519").value();
    return made;
}

client_auth_answer answer_to(const client_auth_question& question, bool declined) {
    if (declined) return auth_declined{};
    switch (question.what) {
    case client_auth_question::kind::signature:
    case client_auth_question::kind::host_signature:
        return auth_signature{key().sign(question.algorithm, question.data).value()};
    case client_auth_question::kind::password:
    case client_auth_question::kind::new_password:
        return auth_password{secret_bytes(as_bytes("secret"))};
    case client_auth_question::kind::prompts:
        return auth_responses{std::vector<secret_bytes>(question.prompts.size())};
    }
    unreachable();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const client_auth_config config{
        .user = "ada",
        .methods = {"publickey", "hostbased", "keyboard-interactive", "password"},
        .keys = {key().public_half()},
        .host_based = {.keys = {key().public_half()}, .algorithms = {"ssh-ed25519"}},
        .require_proof = true};
    fuzz::input in(data, size);
    counting_sink sink;
    client_auth client(config, {1, 2, 3}, {4, 5, 6}, sink);
    const std::uint8_t flags = in.byte();
    client.set_server_extensions({}, (flags & 1) != 0);
    client.start();
    while (!in.empty() && !client.succeeded()) {
        const bool declined = in.byte() % 4 == 0;
        const unsigned before = sink.sent;
        bytes payload = to_bytes(in.take(in.byte()));
        // An answer to a query that fits is not for a fuzzer to find.
        if (payload == bytes{userauth_pk_ok::number})
            payload = wire::encoded(userauth_pk_ok{"ssh-ed25519", key().public_half().blob()});
        if (!client.on_message(payload)) {
            expects(!client.on_message({}) && client.question() == nullptr);
            break;
        }
        (void)client.take_banner();
        expects(sink.sent <= before + 1);
        if (const auto* question = client.question())
            if (!client.answer(answer_to(*question, declined))) break;
    }
    expects(sink.sent <= limits::auth_requests_max + 1);
    if (client.succeeded()) expects(!client.methods_done().empty() && sink.sent > 1);
    return 0;
}
