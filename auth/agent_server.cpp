#include "sluice/auth/agent_server.hpp"

#include "sluice/auth/agent_messages.hpp"
#include "sluice/crypto/private_key_fields.hpp"
#include "sluice/wire/expects.hpp"
#include "sluice/wire/limits.hpp"

#include <algorithm>
#include <utility>

namespace sluice {
namespace {

using namespace agent_number;

const bytes succeeded{success};

// RFC 9987 §6.3: flags are for RSA keys, and those sign with SHA-2 only: none asks for SHA-1.
// Nothing where it cannot be done as it is asked for.
std::optional<std::string_view> algorithm_for(const crypto::public_key& key, std::uint32_t flags) {
    if (key.type() != "ssh-rsa")
        return flags == 0 ? std::optional<std::string_view>(key.type()) : std::nullopt;
    if (flags == rsa_sha2_256) return "rsa-sha2-256";
    if (flags == rsa_sha2_512) return "rsa-sha2-512";
    return std::nullopt;
}

error_code end_error(const wire::reader& r) {
    if (r.error()) return r.error();
    return r.at_end() ? error_code() : errc::trailing_bytes;
}

result<agent_key> read_key(wire::reader& r) {
    std::string_view type;
    r.read(type);
    if (r.error()) return r.error();
    if (crypto::key_type_of_certificate(type).empty()) {
        auto key = crypto::read_private_fields(type, r);
        if (!key) return key.error();
        return agent_key{std::move(*key)};
    }
    bytes_view blob;
    r.read(blob);
    if (r.error()) return r.error();
    auto certificate = crypto::certificate::from_blob(blob);
    if (!certificate) return certificate.error();
    if (certificate->type() != type) return errc::bad_value;
    auto key = crypto::read_private_fields(*certificate, r);
    if (!key) return key.error();
    return agent_key{std::move(*key), std::move(*certificate)};
}

}  // namespace

// --- bytes in -----------------------------------------------------------------------------------

mutable_bytes_view agent_server::input_space() {
    if (error_ || question_ || !output_.empty()) return {};
    return in_message_ ? message_.span().subspan(received_)
                       : mutable_bytes_view(length_).subspan(received_);
}

// A message has memory of its own, of its size: growing would leave copies of secrets behind.
result<> agent_server::commit_input(std::size_t n, const agent_time& time) {
    if (error_) return error_;
    expects(n <= input_space().size());
    received_ += n;
    if (!in_message_) {
        if (received_ < length_.size()) return {};
        std::uint32_t length = 0;
        wire::reader(length_).read(length);
        if (length == 0) return error_ = errc::truncated;
        if (length > limits::agent_message_length_max) return error_ = errc::too_long;
        message_ = secret_bytes(length);
        received_ = 0;
        in_message_ = true;
        return {};
    }
    if (received_ < message_.size()) return {};
    received_ = 0;
    in_message_ = false;
    const secret_bytes message = std::exchange(message_, {});
    on_message(message, time);
    return {};
}

void agent_server::on_message(bytes_view message, const agent_time& time) {
    keyring_.expire(time.now);
    fingerprint_.clear();
    wire::reader r(message);
    r.read(request_);
    if (const auto due = reply_to(request_, r, time)) send(*due);
}

void agent_server::send(const reply& what) {
    bytes framed;
    wire::writer w(framed);
    w.write(what ? bytes_view(*what) : bytes_view(&failure, 1));
    output_.append(framed);
    const bool granted = what && what->front() != extension_failure;
    record_ = agent_record{request_, granted, std::exchange(fingerprint_, {})};
}

// Nothing: the user is asked first. An error: FAILURE.
std::optional<agent_server::reply> agent_server::reply_to(std::uint8_t number, wire::reader& r,
                                                          const agent_time& time) {
    // RFC 9987 §3.7. That a connection comes from elsewhere must be known behind the lock too.
    const bool open =
        number == request_identities || number == agent_number::unlock || number == extension;
    if (keyring_.locked() && !open) return reply(errc::auth_denied);
    switch (number) {
    case request_identities: return r.at_end() ? list(time) : reply(errc::trailing_bytes);
    case sign_request: return begin_signing(r, time);
    case add_identity: return add(r, false, time);
    case add_id_constrained: return add(r, true, time);
    case remove_identity: return remove(r, time);
    case remove_all_identities: return remove_all(r, time);
    case agent_number::lock: return lock(r);
    case agent_number::unlock: return unlock(r, time);
    case extension: return extend(r);
    }
    return reply(errc::unexpected_message);  // numbers are bytes, and more of them may be given out
}

// --- keys ---------------------------------------------------------------------------------------

agent_server::reply agent_server::list(const agent_time& time) const {
    std::uint32_t count = 0;
    bytes listed;
    wire::writer w(listed);
    for (const agent_key& one : keyring_.keys()) {
        if (keyring_.locked() || !bindings_.may_see(one.hops, time.system_seconds)) continue;
        w.write(bytes_view(one.blob()));
        w.write(one.comment);
        ++count;
    }
    bytes answer{identities_answer};
    wire::writer(answer).write(count);
    answer.insert(answer.end(), listed.begin(), listed.end());
    return answer;
}

std::optional<agent_server::reply> agent_server::begin_signing(wire::reader& r,
                                                               const agent_time& time) {
    bytes_view blob;
    bytes_view data;
    std::uint32_t flags = 0;
    r.read(blob);
    r.read(data);
    r.read(flags);
    if (const error_code e = end_error(r)) return reply(e);
    const agent_key* key = keyring_.find(blob);
    if (key == nullptr) return reply(errc::unknown_key_type);
    fingerprint_ = key->key.public_half().fingerprint();
    const auto algorithm = algorithm_for(key->key.public_half(), flags);
    if (!algorithm) return reply(errc::unknown_key_type);
    signing wanted{to_bytes(blob), std::string(*algorithm), to_bytes(data)};
    if (!key->confirm) return sign(wanted, time);
    if (usable(wanted, time) == nullptr) return reply(errc::auth_denied);
    question_ = agent_confirmation{key->comment, fingerprint_, !bindings_.empty()};
    waiting_ = std::move(wanted);
    return std::nullopt;
}

void agent_server::answer(bool confirmed, const agent_time& time) {
    expects(question_.has_value());
    question_.reset();
    const signing wanted = *std::exchange(waiting_, std::nullopt);
    keyring_.expire(time.now);
    send(confirmed ? sign(wanted, time) : reply(errc::auth_denied));
}

const agent_key* agent_server::usable(const signing& wanted, const agent_time& time) const {
    const agent_key* key = keyring_.locked() ? nullptr : keyring_.find(wanted.key_blob);
    if (key == nullptr ||
        !bindings_.may_sign(key->hops, wanted.data, wanted.key_blob, time.system_seconds))
        return nullptr;
    return key;
}

agent_server::reply agent_server::sign(const signing& wanted, const agent_time& time) {
    const agent_key* key = usable(wanted, time);
    if (key == nullptr) return errc::auth_denied;
    const auto signature = key->key.sign(wanted.algorithm, wanted.data);
    if (!signature) return signature.error();
    bytes answer{sign_response};
    wire::writer(answer).write(bytes_view(*signature));
    return answer;
}

agent_server::reply agent_server::add(wire::reader& r, bool constrained, const agent_time& time) {
    auto key = read_key(r);
    if (!key) return key.error();
    fingerprint_ = key->key.public_half().fingerprint();
    std::string_view comment;
    r.read(comment);
    if (r.error()) return r.error();
    key->comment = comment;
    agent_constraints constraints;
    if (constrained) {
        auto read = read_agent_constraints(r);
        if (!read) return read.error();
        constraints = std::move(*read);
    }
    if (const error_code e = end_error(r)) return e;
    key->confirm = constraints.confirm;
    key->hops = std::move(constraints.hops);
    if (constraints.lifetime)
        key->expires = time.now + *constraints.lifetime;
    else if (lifetime_)
        key->expires = time.now + *lifetime_;

    const agent_key* known = keyring_.find(key->blob());
    if (known != nullptr && !bindings_.may_see(known->hops, time.system_seconds))
        return errc::auth_denied;
    const auto added = keyring_.add(std::move(*key));
    if (!added) return added.error();
    return succeeded;
}

agent_server::reply agent_server::remove(wire::reader& r, const agent_time& time) {
    bytes_view blob;
    r.read(blob);
    if (const error_code e = end_error(r)) return e;
    const agent_key* key = keyring_.find(blob);
    if (key == nullptr || !bindings_.may_see(key->hops, time.system_seconds))
        return errc::unknown_key_type;
    fingerprint_ = key->key.public_half().fingerprint();
    keyring_.remove_if([&](const agent_key& one) { return std::ranges::equal(one.blob(), blob); });
    return succeeded;
}

// What is hidden from a host is not its to remove.
agent_server::reply agent_server::remove_all(wire::reader& r, const agent_time& time) {
    if (!r.at_end()) return errc::trailing_bytes;
    keyring_.remove_if(
        [&](const agent_key& one) { return bindings_.may_see(one.hops, time.system_seconds); });
    return succeeded;
}

// --- lock and extensions ------------------------------------------------------------------------

agent_server::reply agent_server::lock(wire::reader& r) {
    std::string_view passphrase;
    r.read(passphrase);
    if (const error_code e = end_error(r)) return e;
    const auto locked = keyring_.lock(passphrase);
    if (!locked) return locked.error();
    return succeeded;
}

agent_server::reply agent_server::unlock(wire::reader& r, const agent_time& time) {
    std::string_view passphrase;
    r.read(passphrase);
    if (const error_code e = end_error(r)) return e;
    const auto unlocked = keyring_.unlock(passphrase, time.now);
    if (!unlocked) return unlocked.error();
    return succeeded;
}

agent_server::reply agent_server::extend(wire::reader& r) {
    std::string_view name;
    r.read(name);
    if (name == agent_query) {
        if (const error_code e = end_error(r)) return e;
        bytes answer{extension_response};
        wire::writer w(answer);
        for (const std::string_view text : {agent_query, agent_query, agent_session_bind})
            w.write(text);  // the first says what is answered
        return answer;
    }
    if (name != agent_session_bind) return errc::unexpected_message;
    agent_session_binding binding;
    r.read(binding.host_key_blob);
    r.read(binding.session_id);
    r.read(binding.signature);
    r.read(binding.is_forwarding);
    if (const error_code e = end_error(r)) {
        static_cast<void>(bindings_.add({}));  // it was tried: whoever is there is from elsewhere
        return e;
    }
    const auto bound = bindings_.add(binding);
    if (!bound) return bytes{extension_failure};
    return succeeded;
}

}  // namespace sluice
