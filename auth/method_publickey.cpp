// "publickey" (RFC 4252 §7, RFC 8332) and its variant that is bound to the server's host key
// (OpenSSH's PROTOCOL §3.1).

#include "sluice/auth/methods.hpp"
#include "sluice/auth/shown_key.hpp"
#include "sluice/crypto/signature_algorithms.hpp"
#include "sluice/wire/codec.hpp"
#include "sluice/wire/limits.hpp"

#include <algorithm>

namespace sluice {
namespace {

// The method-specific fields, in wire order.
struct publickey_fields {
    bool has_signature = false;
    std::string_view algorithm;
    bytes_view key_blob;
    bool hostbound = false;  // not on the wire: the method's name says it
    bytes_view host_key_blob;
    bytes_view signature;

    static result<publickey_fields> parse(const userauth_request& request) {
        publickey_fields f;
        f.hostbound = request.method_name == publickey_hostbound;
        wire::reader r(request.method_specific.data);
        r.read(f.has_signature);
        r.read(f.algorithm);
        r.read(f.key_blob);
        if (f.hostbound) r.read(f.host_key_blob);
        if (f.has_signature) r.read(f.signature);
        if (r.error()) return r.error();
        if (!r.at_end()) return errc::trailing_bytes;
        return f;
    }
};

// What the client signs: the session identifier and its request up to the signature.
bytes signed_data(const userauth_request& request, const publickey_fields& f,
                  bytes_view session_id) {
    bytes data;
    wire::writer w(data);
    w.write(session_id);
    w.write(std::uint8_t{userauth_request::number});
    w.write(request.user_name);
    w.write(request.service_name);
    w.write(request.method_name);
    w.write(true);
    w.write(f.algorithm);
    w.write(f.key_blob);
    if (f.hostbound) w.write(f.host_key_blob);
    return data;
}

// --- server -------------------------------------------------------------------------------------

class server_publickey final : public server_method {
public:
    // What a stranger makes up costs a search and no more: only a key, or an authority, that the
    // application would accept has a signature verified, be it the user's or the authority's. So
    // a request with a signature is two questions, unless a query has had the first.
    result<method_verdict> on_request(const userauth_request& request,
                                      const server_method_context& context,
                                      auth_question& question) override {
        const auto f = publickey_fields::parse(request);
        if (!f) return f.error();
        // A query that is refused counts as an attempt, as in OpenSSH: each costs us a search.
        shown_ = acceptable_key(*f, context);
        if (!shown_) return method_verdict::failed;
        admitted_ = &context.key_admitted;
        question.algorithm = f->algorithm;
        question.key = shown_->key;
        question.certificate = shown_->cert;
        if (f->has_signature) {
            proof_ = proof{signed_data(request, *f, context.session_id), to_bytes(f->signature)};
            if (shown_->blob() == *admitted_) return prove(question);
        }
        question.what = auth_question::kind::public_key_query;
        question.signature_follows = f->has_signature;
        return method_verdict::asking;
    }

    method_verdict on_answer(const auth_reply& reply, auth_question& question,
                             wire::payload_sink& out) override {
        if (!admits(reply, question)) return method_verdict::failed;
        if (question.what == auth_question::kind::public_key) return method_verdict::successful;
        // Whoever signed the certificate is trusted, if he did.
        if (shown_->cert && !shown_->cert->verify()) return method_verdict::failed;
        if (proof_) return prove(question);
        *admitted_ = shown_->blob();
        out.send(wire::encoded(userauth_pk_ok{question.algorithm, *admitted_}));
        return method_verdict::replied;
    }

private:
    struct proof {
        bytes data;
        bytes signature;
    };

    method_verdict prove(auth_question& question) const {
        const auto assertion = shown_->verify(question.algorithm, proof_->data, proof_->signature);
        if (!assertion) return method_verdict::failed;
        question.what = auth_question::kind::public_key;
        question.signature_follows = false;
        question.assertion = *assertion;
        return method_verdict::asking;
    }

    static std::optional<crypto::presented_key> acceptable_key(
        const publickey_fields& f, const server_method_context& context) {
        if (f.signature.size() > limits::signature_length_max) return std::nullopt;
        if (f.hostbound && !std::ranges::equal(f.host_key_blob, context.host_key_blob))
            return std::nullopt;
        // Two steps of a chain want two keys.
        return shown_key(f.algorithm, f.key_blob, context.public_key_algorithms,
                         context.keys_accepted);
    }

    std::optional<crypto::presented_key> shown_;
    std::optional<proof> proof_;
    bytes* admitted_ = nullptr;  // of the context
};

// --- client -------------------------------------------------------------------------------------

bool lists(std::span<const std::string> names, std::string_view name) {
    return std::ranges::find(names, name) != names.end();
}

// The signature algorithm for a key, or nothing. Only RSA keys leave a choice, and only there does
// the server's list decide: the lists of released servers lack other key types that these accept.
std::string_view algorithm_for(const crypto::presented_key& shown,
                               const client_method_context& context) {
    const std::string_view type = shown.key.type();
    std::string_view preferred;
    for (const std::string& name : context.public_key_algorithms) {
        if (!shown.fits(name)) continue;
        // Servers list what signs; of names for certificates some list none.
        const auto* known = crypto::find_signature_algorithm(name);
        if (type != "ssh-rsa" || context.server_sig_algs.empty() ||
            lists(context.server_sig_algs, known->signs_as))
            return known->name;
        if (preferred.empty()) preferred = known->name;
    }
    // OpenSSH 7.4 takes SHA-2 signatures and announces the key type only.
    return lists(context.server_sig_algs, type) ? preferred : std::string_view();
}

class client_publickey final : public client_method {
public:
    // Asks first: a signature may cost the user a passphrase or a touch.
    client_step next(const client_method_context& context, client_auth_question&,
                     wire::payload_sink& out) override {
        while (next_key_ < context.keys.size()) {
            key_ = next_key_++;
            fields_.algorithm = algorithm_for(context.keys[key_], context);
            if (fields_.algorithm.empty()) continue;
            fields_.key_blob = context.keys[key_].blob();
            fields_.hostbound = context.hostbound;
            fields_.host_key_blob = context.host_key_blob;
            fields_.has_signature = false;
            fields_.signature = {};
            state_ = state::querying;
            out.send(request(context));
            return client_step::requested;
        }
        return client_step::exhausted;
    }

    result<client_step> on_message(bytes_view payload, const client_method_context& context,
                                   client_auth_question& question, wire::payload_sink&) override {
        if (state_ != state::querying) return errc::unexpected_message;
        const auto m = wire::decode<userauth_pk_ok>(payload);
        if (!m) return m.error();
        // Some servers name the key's type where the algorithm belongs.
        const auto& key = context.keys[key_];
        if (!std::ranges::equal(m->key_blob, key.blob()) ||
            (m->algorithm != fields_.algorithm && m->algorithm != key.type()))
            return errc::protocol_error;
        state_ = state::signing;
        fields_.has_signature = true;
        question.what = client_auth_question::kind::signature;
        question.key_index = key_;
        question.algorithm = crypto::find_signature_algorithm(fields_.algorithm)->signs_as;
        question.data = signed_data(base(context), fields_, context.session_id);
        return client_step::asking;
    }

    client_step on_answer(client_auth_answer answer, const client_method_context& context,
                          client_auth_question& question, wire::payload_sink& out) override {
        const auto* signature = std::get_if<auth_signature>(&answer);
        // An agent may sign with another hash than it was asked for; a faulty signer may give its
        // key away. Neither goes out.
        if (signature == nullptr ||
            !context.keys[key_].verify(fields_.algorithm, question.data, signature->blob))
            return next(context, question, out);
        fields_.signature = signature->blob;
        state_ = state::proving;
        out.send(request(context));
        fields_.signature = {};
        return client_step::requested;
    }

    client_proof proof() const override {
        return state_ == state::proving ? client_proof::given : client_proof::impossible;
    }

private:
    enum class state { querying, signing, proving };

    userauth_request base(const client_method_context& context) const {
        return {context.user_name,
                connection_service,
                fields_.hostbound ? publickey_hostbound : "publickey",
                {}};
    }

    bytes request(const client_method_context& context) const {
        bytes payload = wire::encoded(base(context));
        wire::writer w(payload);
        w.write(fields_.has_signature);
        w.write(fields_.algorithm);
        w.write(fields_.key_blob);
        if (fields_.hostbound) w.write(fields_.host_key_blob);
        if (fields_.has_signature) w.write(fields_.signature);
        return payload;
    }

    std::size_t next_key_ = 0;
    std::size_t key_ = 0;
    publickey_fields fields_;  // views of the context's keys and of static names
    state state_ = state::querying;
};

}  // namespace

std::unique_ptr<server_method> make_server_publickey() {
    return std::make_unique<server_publickey>();
}

std::unique_ptr<client_method> make_client_publickey() {
    return std::make_unique<client_publickey>();
}

}  // namespace sluice
