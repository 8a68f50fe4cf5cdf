// "none" (RFC 4252 §5.2): asks for the list of methods, or logs in where no proof is needed.

#include "sluice/auth/methods.hpp"
#include "sluice/wire/codec.hpp"
#include "sluice/wire/expects.hpp"

#include <utility>

namespace sluice {
namespace {

class server_none final : public server_method {
public:
    result<method_verdict> on_request(const userauth_request& request, const server_method_context&,
                                      auth_question& question) override {
        if (!request.method_specific.data.empty()) return errc::trailing_bytes;
        question.what = auth_question::kind::none;
        return method_verdict::asking;
    }

    method_verdict on_answer(const auth_reply& reply, auth_question&,
                             wire::payload_sink&) override {
        return accepts(reply) ? method_verdict::successful : method_verdict::unproven;
    }
};

class client_none final : public client_method {
public:
    client_step next(const client_method_context& context, client_auth_question&,
                     wire::payload_sink& out) override {
        if (std::exchange(sent_, true)) return client_step::exhausted;
        out.send(
            wire::encoded(userauth_request{context.user_name, connection_service, "none", {}}));
        return client_step::requested;
    }

    result<client_step> on_message(bytes_view, const client_method_context&, client_auth_question&,
                                   wire::payload_sink&) override {
        return errc::unexpected_message;
    }

    client_step on_answer(client_auth_answer, const client_method_context&, client_auth_question&,
                          wire::payload_sink&) override {
        unreachable();  // it asks nothing
    }

    client_proof proof() const override { return client_proof::nothing; }

private:
    bool sent_ = false;
};

}  // namespace

std::unique_ptr<server_method> make_server_none() { return std::make_unique<server_none>(); }

std::unique_ptr<client_method> make_client_none() { return std::make_unique<client_none>(); }

}  // namespace sluice
