// "password" (RFC 4252 §8), and changing it.

#include "sluice/auth/methods.hpp"
#include "sluice/wire/codec.hpp"
#include "sluice/wire/expects.hpp"
#include "sluice/wire/limits.hpp"

#include <utility>

namespace sluice {
namespace {

class server_password final : public server_method {
public:
    result<method_verdict> on_request(const userauth_request& request, const server_method_context&,
                                      auth_question& question) override {
        wire::reader r(request.method_specific.data);
        bool change = false;
        bytes_view password;
        bytes_view new_password;
        r.read(change);
        r.read(password);
        if (change) r.read(new_password);
        if (r.error()) return r.error();
        if (!r.at_end()) return errc::trailing_bytes;
        if (password.size() > limits::password_length_max ||
            new_password.size() > limits::password_length_max)
            return method_verdict::failed;
        question.what =
            change ? auth_question::kind::password_change : auth_question::kind::password;
        question.password = secret_bytes(password);
        question.new_password = secret_bytes(new_password);
        return method_verdict::asking;
    }

    method_verdict on_answer(const auth_reply& reply, auth_question&,
                             wire::payload_sink& out) override {
        if (const auto* expired = std::get_if<auth_password_expired>(&reply)) {
            out.send(wire::encoded(userauth_passwd_changereq{expired->prompt, ""}));
            return method_verdict::replied;
        }
        return accepts(reply) ? method_verdict::successful : method_verdict::failed;
    }
};

class client_password final : public client_method {
public:
    client_step next(const client_method_context& context, client_auth_question& question,
                     wire::payload_sink&) override {
        password_ = {};
        if (attempts_ == context.prompts_max) return client_step::exhausted;
        question.what = client_auth_question::kind::password;
        question.attempt = ++attempts_;
        changing_ = false;
        return client_step::asking;
    }

    result<client_step> on_message(bytes_view payload, const client_method_context&,
                                   client_auth_question& question, wire::payload_sink&) override {
        const auto m = wire::decode<userauth_passwd_changereq>(payload);
        if (!m) return m.error();
        question.what = client_auth_question::kind::new_password;
        question.attempt = attempts_;
        question.instruction = m->prompt;
        changing_ = true;
        return client_step::asking;
    }

    client_step on_answer(client_auth_answer answer, const client_method_context& context,
                          client_auth_question&, wire::payload_sink& out) override {
        auto* given = std::get_if<auth_password>(&answer);
        if (given == nullptr) return client_step::exhausted;
        if (!changing_) password_ = std::move(given->password);

        bytes payload;
        // No reallocation may leave a copy behind.
        payload.reserve(context.user_name.size() + password_.size() + given->password.size() + 64);
        wire::encode(userauth_request{context.user_name, connection_service, "password", {}},
                     payload);
        wire::writer w(payload);
        w.write(changing_);
        w.write(password_.view());
        if (changing_) w.write(given->password.view());
        out.send(payload);
        wipe(payload);
        return client_step::requested;
    }

    client_proof proof() const override { return client_proof::given; }

private:
    unsigned attempts_ = 0;
    bool changing_ = false;
    secret_bytes password_;  // kept for a change of it
};

}  // namespace

std::unique_ptr<server_method> make_server_password() {
    return std::make_unique<server_password>();
}

std::unique_ptr<client_method> make_client_password() {
    return std::make_unique<client_password>();
}

}  // namespace sluice
