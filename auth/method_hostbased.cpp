// "hostbased" (RFC 4252 §9): the client's host vouches for its user, by a signature of its host
// key.

#include "sluice/auth/login_names.hpp"
#include "sluice/auth/methods.hpp"
#include "sluice/auth/shown_key.hpp"
#include "sluice/crypto/signature_algorithms.hpp"
#include "sluice/wire/codec.hpp"
#include "sluice/wire/limits.hpp"

namespace sluice {
namespace {

constexpr std::string_view method_name = "hostbased";

// The method-specific fields, in wire order.
struct hostbased_fields {
    std::string_view algorithm;
    bytes_view key_blob;
    std::string_view client_host;
    std::string_view client_user;

    void put(wire::writer& w) const {
        w.write(algorithm);
        w.write(key_blob);
        w.write(client_host);
        w.write(client_user);
    }
    void get(wire::reader& r) {
        r.read(algorithm);
        r.read(key_blob);
        r.read(client_host);
        r.read(client_user);
    }
};

// What the client's host signs: the session identifier and the request up to the signature.
bytes signed_data(std::string_view user, const hostbased_fields& f, bytes_view session_id) {
    bytes data;
    wire::writer w(data);
    w.write(session_id);
    w.write(std::uint8_t{userauth_request::number});
    w.write(user);
    w.write(connection_service);
    w.write(method_name);
    f.put(w);
    return data;
}

// --- server -------------------------------------------------------------------------------------

class server_hostbased final : public server_method {
public:
    // As for users' keys: a request is two questions, and the signatures are verified between them.
    result<method_verdict> on_request(const userauth_request& request,
                                      const server_method_context& context,
                                      auth_question& question) override {
        hostbased_fields f;
        bytes_view signature;
        wire::reader r(request.method_specific.data);
        f.get(r);
        r.read(signature);
        if (r.error()) return r.error();
        if (!r.at_end()) return errc::trailing_bytes;
        if (signature.size() > limits::signature_length_max ||
            f.client_host.size() > limits::host_name_length_max ||
            f.client_user.size() > limits::user_name_length_max)
            return method_verdict::failed;
        std::string_view host = f.client_host;
        if (host.ends_with('.')) host.remove_suffix(1);
        if (!is_login_host(host) || !is_login_name(f.client_user)) return method_verdict::failed;
        shown_ = shown_key(f.algorithm, f.key_blob, context.host_based_algorithms, {});
        if (!shown_) return method_verdict::failed;
        data_ = signed_data(request.user_name, f, context.session_id);
        signature_ = to_bytes(signature);
        question.what = auth_question::kind::host_based_query;
        question.signature_follows = true;
        question.algorithm = f.algorithm;
        question.client_host = host;
        question.client_user = f.client_user;
        question.key = shown_->key;
        question.certificate = shown_->cert;
        return method_verdict::asking;
    }

    method_verdict on_answer(const auth_reply& reply, auth_question& question,
                             wire::payload_sink&) override {
        if (!admits(reply, question)) return method_verdict::failed;
        if (question.what == auth_question::kind::host_based) return method_verdict::successful;
        if (shown_->cert && !shown_->cert->verify()) return method_verdict::failed;
        const auto assertion = shown_->verify(question.algorithm, data_, signature_);
        if (!assertion) return method_verdict::failed;
        question.what = auth_question::kind::host_based;
        question.signature_follows = false;
        question.assertion = *assertion;
        return method_verdict::asking;
    }

private:
    std::optional<crypto::presented_key> shown_;
    bytes data_;
    bytes signature_;
};

// --- client -------------------------------------------------------------------------------------

class client_hostbased final : public client_method {
public:
    client_step next(const client_method_context& context, client_auth_question& question,
                     wire::payload_sink&) override {
        while (next_key_ < context.host_based.keys.size()) {
            const auto& key = context.host_based.keys[next_key_++];
            for (const auto& name : context.host_based.algorithms) {
                if (!key.fits(name)) continue;
                fields_ = {name, key.blob(), context.host_based.client_host,
                           context.host_based.client_user};
                question.what = client_auth_question::kind::host_signature;
                question.key_index = next_key_ - 1;
                question.algorithm = crypto::find_signature_algorithm(name)->signs_as;
                question.data = signed_data(context.user_name, fields_, context.session_id);
                return client_step::asking;
            }
        }
        return client_step::exhausted;
    }

    result<client_step> on_message(bytes_view, const client_method_context&, client_auth_question&,
                                   wire::payload_sink&) override {
        return errc::unexpected_message;
    }

    client_step on_answer(client_auth_answer answer, const client_method_context& context,
                          client_auth_question& question, wire::payload_sink& out) override {
        const auto* signature = std::get_if<auth_signature>(&answer);
        const auto& key = context.host_based.keys[next_key_ - 1];
        // As for users' keys: no bad signature goes out.
        if (signature == nullptr ||
            !key.verify(fields_.algorithm, question.data, signature->blob)) {
            question = {};
            return next(context, question, out);
        }
        bytes payload =
            wire::encoded(userauth_request{context.user_name, connection_service, method_name, {}});
        wire::writer w(payload);
        fields_.put(w);
        w.write(bytes_view(signature->blob));
        out.send(payload);
        return client_step::requested;
    }

    client_proof proof() const override { return client_proof::given; }

private:
    std::size_t next_key_ = 0;
    hostbased_fields fields_;  // views of the context's
};

}  // namespace

std::unique_ptr<server_method> make_server_hostbased() {
    return std::make_unique<server_hostbased>();
}

std::unique_ptr<client_method> make_client_hostbased() {
    return std::make_unique<client_hostbased>();
}

}  // namespace sluice
