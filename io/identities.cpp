#include "sluice/io/identities.hpp"

#include "sluice/crypto/key_file.hpp"
#include "sluice/io/agent_connection.hpp"
#include "sluice/io/file_descriptor.hpp"
#include "sluice/io/known_hosts_files.hpp"
#include "sluice/io/text_file.hpp"
#include "sluice/wire/limits.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

namespace asio = boost::asio;

namespace sluice {
namespace {

constexpr unsigned passphrase_attempts = 3;  // NumberOfPasswordPrompts

void log(const connect_options& options, std::string_view event, const std::string& subject,
         error_code why) {
    if (options.log)
        options.log({log_severity::info, event, {{"path", subject}, {"reason", why.message()}}});
}

// Errors: those of the system; too_long; permission_denied for one that others may read, which
// ssh(1) does not use either.
result<secret_bytes> read_key_file(const std::string& path) {
    const file_descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!file) return last_system_error();
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) return last_system_error();
    if (!S_ISREG(status.st_mode)) return make_error_code(boost::system::errc::invalid_argument);
    if (status.st_uid == ::getuid() && (status.st_mode & 077) != 0)
        return make_error_code(boost::system::errc::permission_denied);
    return read_secret(file.get(), limits::key_file_length_max);
}

asio::awaitable<result<crypto::private_key>> unlock(std::string path,
                                                    const connect_options& options) {
    const auto text = read_key_file(path);
    if (!text) co_return text.error();
    auto contents = crypto::read_private_key(as_text(*text));
    for (unsigned i = 0; i < passphrase_attempts && !contents; ++i) {
        const error_code e = contents.error();
        if (e != errc::passphrase_required && e != errc::wrong_passphrase) break;
        if (!options.on_passphrase) break;
        const auto passphrase = co_await options.on_passphrase(path);
        if (!passphrase) break;
        contents = crypto::read_private_key(as_text(*text), as_text(*passphrase));
    }
    if (!contents) co_return contents.error();
    co_return std::move(contents->key);
}

std::optional<crypto::public_key> read_public_half(const std::string& path) {
    const auto text = read_text_file(path + ".pub", limits::policy_file_length_max);
    if (!text) return std::nullopt;
    auto key = crypto::public_key::from_line(text->substr(0, text->find('\n')));
    if (!key) return std::nullopt;
    return std::move(*key);
}

}  // namespace

void identities::add(identity one) {
    const auto same = [&](const identity& other) { return other.shown == one.shown; };
    const auto known = std::ranges::find_if(list_, same);
    if (known == list_.end())
        list_.push_back(std::move(one));
    else if (!known->secret)
        known->secret = std::move(one.secret);
}

void identities::forget() {
    list_.clear();
    held_.clear();
    agent_.close();
}

std::vector<crypto::presented_key> identities::shown() const {
    std::vector<crypto::presented_key> keys;
    for (const identity& one : list_)
        keys.push_back(one.shown);
    return keys;
}

asio::awaitable<void> identities::load(const connect_options& options) {
    for (const auto& key : options.keys)
        add({key.public_half(), key, {}});
    for (const auto& path : options.certificate_files)
        load_certificate(path, true, options);
    for (const auto& one : options.external_keys)
        add({one.key, std::nullopt, {}, one.sign});

    std::vector<std::string> files;
    if (options.identity_files) {
        files = *options.identity_files;
    } else if (const std::string folder = ssh_folder(); !folder.empty()) {
        for (const char* name : {"/id_ed25519", "/id_ecdsa", "/id_rsa"})
            files.push_back(folder + name);
    }
    if (!options.identities_only) co_await load_agent(options);
    for (const auto& path : files)
        co_await load_file(path, options.identity_files.has_value(), options);
    if (options.identities_only) co_await load_agent(options);
}

// Its private half may come from anywhere, and later.
void identities::load_certificate(const std::string& path, bool asked_for,
                                  const connect_options& options) {
    const auto text = read_text_file(path, limits::policy_file_length_max);
    if (!text) {
        if (asked_for) log(options, "identity_unusable", path, text.error());
        return;
    }
    auto cert = crypto::certificate::from_line(text->substr(0, text->find('\n')));
    if (!cert) return log(options, "identity_unusable", path, cert.error());
    add({std::move(*cert)});
}

// With a .pub file beside it a key costs no passphrase before the server wants it.
asio::awaitable<void> identities::load_file(std::string path, bool asked_for,
                                            const connect_options& options) {
    const auto text = read_key_file(path);
    if (!text) {
        const bool absent = text.error() == boost::system::errc::no_such_file_or_directory;
        if (asked_for || !absent) log(options, "identity_unusable", path, text.error());
        // The private half may be the agent's.
        if (auto half = read_public_half(path); half && options.identities_only) {
            load_certificate(path + "-cert.pub", false, options);
            add({std::move(*half), std::nullopt, path});
        }
        co_return;
    }
    load_certificate(path + "-cert.pub", false, options);
    auto contents = crypto::read_private_key(as_text(*text));
    if (contents) {
        const crypto::public_key half = contents->key.public_half();
        add({half, std::move(contents->key), path});
    } else if (contents.error() != errc::passphrase_required) {
        log(options, "identity_unusable", path, contents.error());
    } else if (auto half = read_public_half(path)) {
        add({std::move(*half), std::nullopt, path});
    } else {
        auto key = co_await unlock(path, options);
        if (!key) {
            log(options, "identity_unusable", path, key.error());
            co_return;
        }
        const crypto::public_key found = key->public_half();
        add({found, std::move(*key), path});
    }
}

asio::awaitable<void> identities::load_agent(const connect_options& options) {
    const std::string path = options.agent_socket.value_or(environment_agent());
    if (path.empty()) co_return;
    const auto connected = co_await agent_.connect(path);
    if (!connected) {
        log(options, "agent_unusable", path, connected.error());
        co_return;
    }
    const auto held = co_await agent_.list();
    if (!held) {
        log(options, "agent_unusable", path, held.error());
        co_return;
    }
    for (const agent_identity& one : *held) {
        held_.push_back(one.key_blob);
        auto shown = crypto::presented_key::from_blob(one.key_blob);
        if (!shown) continue;  // of a type that we do not know
        const auto same = [&](const identity& other) { return other.shown == *shown; };
        const bool named = std::ranges::any_of(list_, same);
        if (!options.identities_only && !named) add({std::move(*shown)});
    }
}

// --- signing ----------------------------------------------------------------------------------

// Certificates and bare keys of one private half, whoever came first.
template <class Accepts>
identities::identity* identities::find(const crypto::public_key& key, Accepts accepts) {
    const auto found = std::ranges::find_if(
        list_, [&](const identity& one) { return one.shown.key == key && accepts(one); });
    return found == list_.end() ? nullptr : &*found;
}

asio::awaitable<client_auth_answer> identities::sign(std::size_t index, std::string algorithm,
                                                     bytes data, agent_session_binding binding,
                                                     const connect_options& options) {
    expects(index < list_.size());
    const crypto::presented_key shown = list_[index].shown;
    if (list_[index].signer) {
        signing_question question{std::move(algorithm), std::move(data)};
        auto signature = co_await list_[index].signer(std::move(question));
        if (!signature) co_return auth_declined{};
        co_return auth_signature{std::move(*signature)};
    }
    const auto has_secret = [](const identity& one) { return one.secret.has_value(); };
    const auto has_file = [](const identity& one) { return !one.file.empty(); };
    if (find(shown.key, has_secret) == nullptr) {
        auto signature = co_await sign_by_agent(shown, algorithm, data, binding);
        if (signature) co_return auth_signature{std::move(*signature)};
    }
    // The list does not change any more, so these stay where they are.
    identity* const in_file = find(shown.key, has_file);
    if (find(shown.key, has_secret) == nullptr && in_file != nullptr) {
        auto key = co_await unlock(in_file->file, options);
        if (key && key->public_half() == shown.key)
            in_file->secret = std::move(*key);
        else
            log(options, "identity_unusable", in_file->file,
                key ? make_error_code(errc::bad_key_file) : key.error());
    }
    const identity* const ready = find(shown.key, has_secret);
    if (ready == nullptr) co_return auth_declined{};
    auto signature = ready->secret->sign(algorithm, data);
    if (!signature) co_return auth_declined{};
    co_return auth_signature{std::move(*signature)};
}

// An agent knows a key by the blob that it lists: for a certificate from a file, the bare key's.
// One that does not know of sessions signs all the same: what it answers to that does not matter.
asio::awaitable<std::optional<bytes>> identities::sign_by_agent(crypto::presented_key shown,
                                                                std::string algorithm, bytes data,
                                                                agent_session_binding binding) {
    const auto holds = [&](const bytes& blob) {
        return std::ranges::find(held_, blob) != held_.end();
    };
    bytes blob = holds(shown.blob()) ? shown.blob() : shown.key.blob();
    if (!agent_.connected() || !holds(blob)) co_return std::nullopt;
    if (!std::exchange(agent_bound_, true))
        static_cast<void>(co_await agent_.bind_session(binding));
    if (!agent_.connected()) co_return std::nullopt;
    auto signature = co_await agent_.sign(std::move(blob), std::move(algorithm), std::move(data));
    if (!signature) co_return std::nullopt;
    co_return std::move(*signature);
}

}  // namespace sluice
