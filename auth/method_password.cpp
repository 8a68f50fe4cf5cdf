// "password" (RFC 4252 §8). Changing a password over SSH is not served: such a request fails.

#include "sluice/auth/methods.hpp"
#include "sluice/wire/limits.hpp"

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
        if (change || password.size() > limits::password_length_max) return method_verdict::failed;
        question.what = auth_question::kind::password;
        question.password = secret_bytes(password);
        return method_verdict::asking;
    }

    method_verdict on_answer(auth_answer answer, const auth_question&,
                             wire::payload_sink&) override {
        return answer == auth_answer::accept ? method_verdict::successful : method_verdict::failed;
    }
};

}  // namespace

std::unique_ptr<server_method> make_server_password() {
    return std::make_unique<server_password>();
}

}  // namespace sluice
