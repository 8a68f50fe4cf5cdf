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
#include <cstdio>
#include <iterator>

namespace asio = boost::asio;

namespace sluice {
namespace {

constexpr unsigned passphrase_attempts = 3;  // NumberOfPasswordPrompts

void log(const connect_options& options, std::string_view event, const std::string& subject,
         std::string why) {
    if (options.log)
        options.log({log_severity::info, event, {{"path", subject}, {"reason", std::move(why)}}});
}

void unusable(const connect_options& options, const std::string& path, std::string why) {
    log(options, "identity_unusable", path, std::move(why));
}

struct key_file_text {
    secret_bytes text;
    mode_t exposed_mode = 0;  // of one that others may use, which ssh(1) does not use either; or 0
};

// Errors: those of the system; too_long.
result<key_file_text> read_key_file(const std::string& path) {
    const file_descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!file) return last_system_error();
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) return last_system_error();
    if (!S_ISREG(status.st_mode)) return make_error_code(boost::system::errc::invalid_argument);
    auto text = read_secret(file.get(), limits::key_file_length_max);
    if (!text) return text.error();
    const bool exposed = status.st_uid == ::getuid() && (status.st_mode & 077) != 0;
    return key_file_text{std::move(*text), exposed ? status.st_mode & 07777 : 0};
}

std::string permissions_too_open(mode_t mode) {
    char text[64];
    std::snprintf(text, sizeof text, "permissions %04o are too open: others have access",
                  static_cast<unsigned>(mode));
    return text;
}

asio::awaitable<result<crypto::private_key>> unlock(std::string path,
                                                    const connect_options& options) {
    const auto file = read_key_file(path);
    if (!file) co_return file.error();
    if (file->exposed_mode != 0) co_return make_error_code(boost::system::errc::permission_denied);
    auto contents = crypto::read_private_key(as_text(file->text));
    for (unsigned i = 0; i < passphrase_attempts && !contents; ++i) {
        const error_code e = contents.error();
        if (e != errc::passphrase_required && e != errc::wrong_passphrase) break;
        if (!options.on_passphrase) break;
        const auto passphrase = co_await options.on_passphrase(path);
        if (!passphrase) break;
        contents = crypto::read_private_key(as_text(file->text), as_text(*passphrase));
    }
    if (!contents) co_return contents.error();
    co_return std::move(contents->key);
}

std::string_view first_line(std::string_view text) { return text.substr(0, text.find('\n')); }

std::optional<crypto::presented_key> presented_by(std::string_view line) {
    if (auto key = crypto::public_key::from_line(line)) return std::move(*key);
    if (auto cert = crypto::certificate::from_line(line)) return std::move(*cert);
    return std::nullopt;
}

std::optional<crypto::public_key> read_public_half(const std::string& path) {
    const auto text = read_text_file(path + ".pub", limits::policy_file_length_max);
    if (!text) return std::nullopt;
    auto key = crypto::public_key::from_line(first_line(*text));
    if (!key) return std::nullopt;
    return std::move(*key);
}

std::optional<crypto::public_key> half_in_file(std::string_view text) {
    auto key = crypto::read_public_half(text);
    if (!key) return std::nullopt;
    return std::move(*key);
}

}  // namespace

void identities::add(identity one, const connect_options& options) {
    if (auto why = rsa_key_too_small(one.shown.key, options.rsa_bits_min); !why.empty())
        return unusable(options, one.file.empty() ? one.shown.key.fingerprint() : one.file,
                        std::move(why));
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
        add({key.public_half(), key, {}}, options);
    for (const auto& path : options.certificate_files)
        load_certificate(path, true, options);
    for (const auto& one : options.external_keys)
        add({one.key, std::nullopt, {}, one.sign}, options);
    const std::size_t given = list_.size();

    std::vector<std::string> files;
    if (options.identity_files) {
        files = *options.identity_files;
    } else if (const std::string folder = ssh_folder(); !folder.empty()) {
        for (const char* name : {"/id_ed25519", "/id_ecdsa", "/id_rsa"})
            files.push_back(folder + name);
    }
    co_await ask_agent(options);
    for (const auto& path : files)
        co_await load_file(path, options.identity_files.has_value(), options);
    arrange(given, options);
}

// As ssh(1), since a server counts what it is shown: behind what was given come the keys of files
// that the agent holds, in its order, then what else it holds, then the other files.
void identities::arrange(std::size_t given, const connect_options& options) {
    auto rest = list_.begin() + static_cast<std::ptrdiff_t>(given);
    for (const bytes& blob : held_)
        for (auto one = rest; one != list_.end(); ++one)
            if (one->shown.blob() == blob || one->shown.key.blob() == blob) {
                std::rotate(rest, one, one + 1);
                ++rest;
            }
    std::vector<identity> in_files(std::make_move_iterator(rest),
                                   std::make_move_iterator(list_.end()));
    list_.erase(rest, list_.end());
    if (!options.identities_only)
        for (const bytes& blob : held_)
            if (auto shown = crypto::presented_key::from_blob(blob))  // else of an unknown type
                add({std::move(*shown)}, options);
    for (identity& one : in_files)
        add(std::move(one), options);
}

// Its private half may come from anywhere, and later.
void identities::load_certificate(const std::string& path, bool asked_for,
                                  const connect_options& options) {
    const auto text = read_text_file(path, limits::policy_file_length_max);
    if (!text) {
        if (asked_for) unusable(options, path, text.error().message());
        return;
    }
    auto cert = crypto::certificate::from_line(first_line(*text));
    if (!cert) return unusable(options, path, cert.error().message());
    add({std::move(*cert)}, options);
}

// What has no private half in a file may be the agent's.
void identities::load_public_half(crypto::presented_key half, const std::string& path,
                                  bool asked_for, const connect_options& options) {
    if (agent_holds(half.blob()) || agent_holds(half.key.blob())) {
        load_certificate(path + "-cert.pub", false, options);
        add({std::move(half)}, options);
    } else if (asked_for) {
        unusable(options, path, "a public key whose private half no agent has");
    }
}

// With its public half beside it, or in the open in it, a key costs no passphrase before the server
// wants it; and none where the agent holds it.
asio::awaitable<void> identities::load_file(std::string path, bool asked_for,
                                            const connect_options& options) {
    auto half = read_public_half(path);
    const auto file = read_key_file(path);
    if (!file) {
        const bool absent = is_absent(file.error());
        if (absent && half) {
            load_public_half(std::move(*half), path, asked_for, options);
            co_return;
        }
        if (asked_for || !absent) unusable(options, path, file.error().message());
        co_return;
    }
    if (auto named = presented_by(first_line(as_text(file->text)))) {
        load_public_half(std::move(*named), path, asked_for, options);
        co_return;
    }
    if (file->exposed_mode != 0) {
        unusable(options, path, permissions_too_open(file->exposed_mode));
        if (half && agent_holds(half->blob()))
            load_public_half(std::move(*half), path, asked_for, options);
        co_return;
    }
    load_certificate(path + "-cert.pub", false, options);
    auto contents = crypto::read_private_key(as_text(file->text));
    if (contents) {
        const crypto::public_key found = contents->key.public_half();
        add({found, std::move(contents->key), path}, options);
    } else if (contents.error() != errc::passphrase_required) {
        unusable(options, path, contents.error().message());
    } else if (half || (half = half_in_file(as_text(file->text)))) {
        add({std::move(*half), std::nullopt, path}, options);
    } else {
        auto key = co_await unlock(path, options);
        if (!key) {
            unusable(options, path, key.error().message());
            co_return;
        }
        const crypto::public_key found = key->public_half();
        add({found, std::move(*key), path}, options);
    }
}

asio::awaitable<void> identities::ask_agent(const connect_options& options) {
    const std::string path = options.agent_socket.value_or(environment_agent());
    if (path.empty()) co_return;
    const auto connected = co_await agent_.connect(path);
    if (!connected) {
        log(options, "agent_unusable", path, connected.error().message());
        co_return;
    }
    const auto held = co_await agent_.list();
    if (!held) {
        log(options, "agent_unusable", path, held.error().message());
        co_return;
    }
    for (const agent_identity& one : *held)
        held_.push_back(one.key_blob);
}

bool identities::agent_holds(const bytes& blob) const {
    return std::ranges::find(held_, blob) != held_.end();
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
            unusable(options, in_file->file,
                     (key ? make_error_code(errc::bad_key_file) : key.error()).message());
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
    bytes blob = agent_holds(shown.blob()) ? shown.blob() : shown.key.blob();
    if (!agent_.connected() || !agent_holds(blob)) co_return std::nullopt;
    if (!std::exchange(agent_bound_, true))
        static_cast<void>(co_await agent_.bind_session(binding));
    if (!agent_.connected()) co_return std::nullopt;
    auto signature = co_await agent_.sign(std::move(blob), std::move(algorithm), std::move(data));
    if (!signature) co_return std::nullopt;
    co_return std::move(*signature);
}

}  // namespace sluice
