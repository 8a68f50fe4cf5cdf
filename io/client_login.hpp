#pragma once

#include "sluice/endpoint/config.hpp"
#include "sluice/io/connect_options.hpp"
#include "sluice/io/identities.hpp"
#include "sluice/io/known_hosts_files.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace sluice {

/// Private to io/: what a client connection needs to know and to ask until it is logged in.
class client_login {
public:
    client_login(connect_options options, boost::asio::any_io_executor strand);

    /// Reads the known hosts and the identities, and asks the agent what it has. Nothing of it can
    /// fail: what cannot be had is told to the log.
    boost::asio::awaitable<void> prepare();

    const client_config& config() const { return options_.protocol; }
    const connect_options& options() const { return options_; }

    /// The socket leads to this very system.
    void reached_on_loopback() { on_loopback_ = true; }

    boost::asio::awaitable<bool> trusts(crypto::presented_key shown, std::string algorithm);
    /// `binding` is for the agent; its views must last.
    boost::asio::awaitable<client_auth_answer> answer(client_auth_question question,
                                                      agent_session_binding binding);
    void banner(std::string_view text) const;

    /// What the server's announcement would have us change in the known hosts; nothing where that
    /// is off, or where it is not by a key there that the server is known.
    known_hosts::update changes_for(std::span<const bytes_view> announced) const;
    /// Makes those changes, after a question where one is to be asked.
    boost::asio::awaitable<void> update(known_hosts::update changes);
    void host_keys_not_proven() const;

    /// We are logged in: forgets every secret and whom to ask, and leaves the agent.
    void finish();

    /// The server's key is not the one that is known, and was accepted all the same: whoever it is
    /// gets no passwords and forwards nothing.
    bool host_key_changed() const { return host_key_changed_; }

    /// Why the host key was refused, if it was.
    const std::string& host_key_problem() const { return host_key_problem_; }

private:
    boost::asio::awaitable<client_auth_answer> answer_host_signature(client_auth_question question);
    boost::asio::awaitable<client_auth_answer> answer_password(client_auth_question question);
    boost::asio::awaitable<client_auth_answer> answer_prompts(client_auth_question question);
    boost::asio::awaitable<bool> trusts_bare(crypto::public_key key, std::string algorithm,
                                             std::string note);
    boost::asio::awaitable<bool> ask_known_hosts(known_hosts_question question);
    bool revoked_by_file(const crypto::presented_key& shown);
    bool too_small(const crypto::presented_key& shown);
    template <class... What>
    known_hosts::match lookup(const What&... what) const;
    void trust_no_further(const crypto::public_key& key, const known_hosts::match& known);
    void save(const crypto::public_key& key);
    // How known_hosts files name the server: by its alias alone where it has one.
    std::string_view known_as() const;
    std::uint16_t known_port() const;
    std::string server_name() const;

    connect_options options_;
    known_hosts_files hosts_;
    identities identities_;
    std::string host_key_problem_;
    bool host_key_changed_ = false;
    bool known_hosts_failed_ = false;  // what was asked for beside the files
    bool on_loopback_ = false;
    bytes known_key_;  // blob of the host key, if it is in the known hosts; else empty
};

}  // namespace sluice
