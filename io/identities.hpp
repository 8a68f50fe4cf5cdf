#pragma once

#include "sluice/auth/client_question.hpp"
#include "sluice/crypto/certificate.hpp"
#include "sluice/crypto/key.hpp"
#include "sluice/io/agent_socket.hpp"
#include "sluice/io/connect_options.hpp"
#include "sluice/io/rsa_size.hpp"

#include <boost/asio/awaitable.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sluice {

/// Private to io/: the keys that a client may log in with, wherever their private halves are: in
/// memory, elsewhere, in an agent, in files that may be encrypted.
class identities {
public:
    explicit identities(boost::asio::any_io_executor strand) : agent_(std::move(strand)) {}

    /// Collects them, in the order in which they are tried.
    boost::asio::awaitable<void> load(const connect_options& options);

    std::vector<crypto::presented_key> shown() const;

    /// A signature by the key of that index, or auth_declined.
    /// The agent is told first which session it is for, by `binding`, whose views must last.
    boost::asio::awaitable<client_auth_answer> sign(std::size_t index, std::string algorithm,
                                                    bytes data, agent_session_binding binding,
                                                    const connect_options& options);

    /// Drops the private keys and the agent's connection.
    void forget();

private:
    // A key, or a certificate of one that may stand here as well.
    struct identity {
        crypto::presented_key shown;
        std::optional<crypto::private_key> secret{};
        std::string file{};  // where to get it; empty: from the agent
        asked<std::optional<bytes>, signing_question> signer{};  // in its place
    };

    boost::asio::awaitable<void> load_file(std::string path, bool asked_for,
                                           const connect_options& options);
    void load_public_half(crypto::presented_key half, const std::string& path, bool asked_for,
                          const connect_options& options);
    boost::asio::awaitable<void> ask_agent(const connect_options& options);
    void arrange(std::size_t given, const connect_options& options);
    void load_certificate(const std::string& path, bool asked_for, const connect_options& options);
    void add(identity one, const connect_options& options);
    bool agent_holds(const bytes& blob) const;
    template <class Accepts>
    identity* find(const crypto::public_key& key, Accepts accepts);
    boost::asio::awaitable<std::optional<bytes>> sign_by_agent(crypto::presented_key shown,
                                                               std::string algorithm, bytes data,
                                                               agent_session_binding binding);

    std::vector<identity> list_;
    std::vector<bytes> held_;  // blobs that the agent listed
    agent_socket agent_;
    bool agent_bound_ = false;
};

}  // namespace sluice
