// "keyboard-interactive" (RFC 4256): the server asks what it likes, the user answers.

#include "sluice/auth/methods.hpp"
#include "sluice/wire/codec.hpp"
#include "sluice/wire/expects.hpp"
#include "sluice/wire/limits.hpp"

#include <algorithm>

namespace sluice {
namespace {

// --- server -------------------------------------------------------------------------------------

class server_keyboard_interactive final : public server_method {
public:
    result<method_verdict> on_request(const userauth_request& request, const server_method_context&,
                                      auth_question& question) override {
        wire::reader r(request.method_specific.data);
        std::string_view language_tag;
        std::string_view submethods;
        r.read(language_tag);
        r.read(submethods);
        if (r.error()) return r.error();
        if (!r.at_end()) return errc::trailing_bytes;
        if (submethods.size() > limits::auth_submethods_length_max) return method_verdict::failed;
        question.what = auth_question::kind::interactive;
        question.submethods = submethods;
        return method_verdict::asking;
    }

    method_verdict on_answer(const auth_reply& reply, auth_question&,
                             wire::payload_sink& out) override {
        const auto* ask = std::get_if<auth_prompts>(&reply);
        if (ask == nullptr)
            return accepts(reply) ? method_verdict::successful : method_verdict::failed;
        userauth_info_request m{ask->name, ask->instruction, "", {}};
        for (const auto& p : ask->prompts)
            m.prompts.push_back({p.text, p.echo});
        out.send(wire::encoded(m));
        prompts_ = ask->prompts.size();
        return method_verdict::prompted;
    }

    result<method_verdict> on_message(bytes_view payload, auth_question& question) override {
        const auto m = wire::decode<userauth_info_response>(payload);
        if (!m) return m.error();
        // RFC 4256 §3.4: another number of responses than of prompts is a failure.
        if (m->responses.size() != prompts_) return method_verdict::failed;
        for (const bytes_view response : m->responses) {
            if (response.size() > limits::password_length_max) return method_verdict::failed;
            question.responses.emplace_back(response);
        }
        question.what = auth_question::kind::interactive_responses;
        return method_verdict::asking;
    }

private:
    std::size_t prompts_ = 0;  // of the latest request
};

// --- client -------------------------------------------------------------------------------------

class client_keyboard_interactive final : public client_method {
public:
    client_step next(const client_method_context& context, client_auth_question&,
                     wire::payload_sink& out) override {
        if (attempts_ == context.prompts_max) return client_step::exhausted;
        ++attempts_;
        answered_ = false;
        bytes payload = wire::encoded(
            userauth_request{context.user_name, connection_service, "keyboard-interactive", {}});
        wire::writer w(payload);
        w.write("");  // language tag
        w.write("");  // submethods: no preference
        out.send(payload);
        return client_step::requested;
    }

    result<client_step> on_message(bytes_view payload, const client_method_context&,
                                   client_auth_question& question,
                                   wire::payload_sink& out) override {
        const auto m = wire::decode<userauth_info_request>(payload);
        if (!m) return m.error();
        // Servers with PAM end with a request that holds nothing; nobody need see it.
        if (m->prompts.empty() && m->name.empty() && m->instruction.empty())
            return respond({}, out);
        question.what = client_auth_question::kind::prompts;
        question.attempt = attempts_;
        question.name = m->name;
        question.instruction = m->instruction;
        for (const auto& p : m->prompts)
            question.prompts.push_back({std::string(p.text), p.echo});
        return client_step::asking;
    }

    client_step on_answer(client_auth_answer answer, const client_method_context&,
                          client_auth_question& question, wire::payload_sink& out) override {
        const auto* given = std::get_if<auth_responses>(&answer);
        if (given == nullptr) return client_step::exhausted;
        expects(given->responses.size() == question.prompts.size());
        return respond(given->responses, out);
    }

    client_proof proof() const override {
        return answered_ ? client_proof::given : client_proof::nothing;
    }

private:
    client_step respond(const std::vector<secret_bytes>& responses, wire::payload_sink& out) {
        answered_ = answered_ || !responses.empty();
        std::size_t size = 8;
        for (const auto& response : responses)
            size += 4 + response.size();
        bytes payload;
        payload.reserve(size);  // no reallocation may leave a copy behind
        wire::encode(userauth_info_response{{responses.begin(), responses.end()}}, payload);
        out.send(payload);
        wipe(payload);
        return client_step::requested;
    }

    unsigned attempts_ = 0;
    bool answered_ = false;  // in this attempt, with something
};

}  // namespace

std::unique_ptr<server_method> make_server_keyboard_interactive() {
    return std::make_unique<server_keyboard_interactive>();
}

std::unique_ptr<client_method> make_client_keyboard_interactive() {
    return std::make_unique<client_keyboard_interactive>();
}

}  // namespace sluice
