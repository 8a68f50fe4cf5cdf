// "none" (RFC 4252 §5.2): asks for the list of methods, or logs in where no proof is needed.

#include "sluice/auth/methods.hpp"

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

    method_verdict on_answer(auth_answer answer, const auth_question&,
                             wire::payload_sink&) override {
        return answer == auth_answer::accept ? method_verdict::successful
                                             : method_verdict::unproven;
    }
};

}  // namespace

std::unique_ptr<server_method> make_server_none() { return std::make_unique<server_none>(); }

}  // namespace sluice
