#pragma once

#include "sluice/auth/agent.hpp"
#include "sluice/io/operation.hpp"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace sluice {

/// A connection to an SSH agent, such as ssh-agent or `sluice agent`.
///
/// One operation at a time (asio::error::already_started). Each completes with an error_code:
/// auth_denied where the agent refuses; those of the system and of agent_client, behind which the
/// connection is finished, as it is when an operation is cancelled.
///
///     auto agent = co_await connect_agent(environment_agent());
///     co_await agent.add(key, "backup", {.confirm = true});
class agent_connection {
public:
    /// Of no agent: may be assigned to and destroyed.
    agent_connection() = default;
    agent_connection(agent_connection&&) noexcept = default;
    agent_connection& operator=(agent_connection&&) noexcept = default;

    explicit operator bool() const { return shared_ != nullptr; }

    template <class Token = boost::asio::use_awaitable_t<>>
    auto list(Token&& token = {}) {
        return start<std::vector<agent_identity>>(
            [](agent_client& a) {
                a.request_identities();
                return result<>();
            },
            [](agent_reply& reply) {
                return std::move(std::get<agent_identities>(reply).identities);
            },
            std::forward<Token>(token));
    }

    /// A signature blob; see agent_client::request_signature. It has not been checked.
    template <class Token = boost::asio::use_awaitable_t<>>
    auto sign(bytes key_blob, std::string algorithm, bytes data, Token&& token = {}) {
        return start<bytes>(
            [key_blob = std::move(key_blob), algorithm = std::move(algorithm),
             data = std::move(data)](agent_client& a) {
                a.request_signature(key_blob, algorithm, data);
                return result<>();
            },
            [](agent_reply& reply) { return std::move(std::get<agent_signature>(reply).blob); },
            std::forward<Token>(token));
    }

    template <class Token = boost::asio::use_awaitable_t<>>
    auto add(crypto::private_key key, std::string comment, agent_constraints constraints = {},
             Token&& token = {}) {
        return ask([key = std::move(key), comment = std::move(comment),
                    constraints = std::move(constraints)](
                       agent_client& a) { return a.add(key, comment, constraints); },
                   std::forward<Token>(token));
    }
    template <class Token = boost::asio::use_awaitable_t<>>
    auto add(crypto::private_key key, crypto::certificate certificate, std::string comment,
             agent_constraints constraints = {}, Token&& token = {}) {
        return ask([key = std::move(key), certificate = std::move(certificate),
                    comment = std::move(comment), constraints = std::move(constraints)](
                       agent_client& a) { return a.add(key, certificate, comment, constraints); },
                   std::forward<Token>(token));
    }

    template <class Token = boost::asio::use_awaitable_t<>>
    auto remove(bytes key_blob, Token&& token = {}) {
        return tell([blob = std::move(key_blob)](agent_client& a) { a.remove(blob); },
                    std::forward<Token>(token));
    }
    template <class Token = boost::asio::use_awaitable_t<>>
    auto remove_all(Token&& token = {}) {
        return tell([](agent_client& a) { a.remove_all(); }, std::forward<Token>(token));
    }
    template <class Token = boost::asio::use_awaitable_t<>>
    auto lock(secret_bytes passphrase, Token&& token = {}) {
        return tell([p = std::move(passphrase)](agent_client& a) { a.lock(as_text(p)); },
                    std::forward<Token>(token));
    }
    template <class Token = boost::asio::use_awaitable_t<>>
    auto unlock(secret_bytes passphrase, Token&& token = {}) {
        return tell([p = std::move(passphrase)](agent_client& a) { a.unlock(as_text(p)); },
                    std::forward<Token>(token));
    }

    /// Names of the extensions that the agent serves.
    template <class Token = boost::asio::use_awaitable_t<>>
    auto query(Token&& token = {}) {
        return start<std::vector<std::string>>(
            [](agent_client& a) {
                a.query();
                return result<>();
            },
            [](agent_reply& reply) { return std::move(std::get<agent_extensions>(reply).names); },
            std::forward<Token>(token));
    }

    /// Any extension, with what it answers.
    template <class Token = boost::asio::use_awaitable_t<>>
    auto extend(std::string name, bytes contents, Token&& token = {}) {
        return start<bytes>(
            [name = std::move(name), contents = std::move(contents)](agent_client& a) {
                a.extend(name, contents);
                return result<>();
            },
            [](agent_reply& reply) {
                auto* answer = std::get_if<agent_extension_response>(&reply);
                return answer == nullptr ? bytes() : std::move(answer->contents);
            },
            std::forward<Token>(token));
    }

private:
    class shared;
    friend void start_connect_agent(boost::asio::any_io_executor executor, std::string path,
                                    completion<agent_connection> done);
    using request = std::function<result<>(agent_client&)>;

    static boost::asio::awaitable<result<agent_connection>> open(
        boost::asio::any_io_executor strand, std::string path);
    static void start_request(std::shared_ptr<shared> over, request what,
                              completion<agent_reply> done);

    template <class Answer, class Request, class Take, class Token>
    auto start(Request what, Take take, Token&& token) {
        return boost::asio::async_initiate<Token, void(error_code, Answer)>(
            [take](auto handler, std::shared_ptr<shared> over, request asked) {
                const auto executor = boost::asio::get_associated_executor(handler);
                const auto slot = boost::asio::get_associated_cancellation_slot(handler);
                auto taken = [take, handler = std::move(handler)](error_code e,
                                                                  agent_reply reply) mutable {
                    Answer answer{};
                    if (!e) answer = take(reply);
                    std::move(handler)(e, std::move(answer));
                };
                start_request(std::move(over), std::move(asked),
                              boost::asio::bind_cancellation_slot(
                                  slot, boost::asio::bind_executor(executor, std::move(taken))));
            },
            token, shared_, request(std::move(what)));
    }

    template <class Request, class Token>
    auto ask(Request what, Token&& token) {
        return boost::asio::async_initiate<Token, void(error_code)>(
            [](auto handler, std::shared_ptr<shared> over, request asked) {
                const auto executor = boost::asio::get_associated_executor(handler);
                const auto slot = boost::asio::get_associated_cancellation_slot(handler);
                auto told = [handler = std::move(handler)](error_code e,
                                                           const agent_reply&) mutable {
                    std::move(handler)(e);
                };
                start_request(std::move(over), std::move(asked),
                              boost::asio::bind_cancellation_slot(
                                  slot, boost::asio::bind_executor(executor, std::move(told))));
            },
            token, shared_, request(std::move(what)));
    }

    template <class Request, class Token>
    auto tell(Request what, Token&& token) {
        return ask(
            [what = std::move(what)](agent_client& a) {
                what(a);
                return result<>();
            },
            std::forward<Token>(token));
    }

    std::shared_ptr<shared> shared_;
};

/// What `connect_agent` does, for handlers of any type.
void start_connect_agent(boost::asio::any_io_executor executor, std::string path,
                         completion<agent_connection> done);

/// Connects to the agent whose socket has that path; `environment_agent` has the usual one.
template <class Token = boost::asio::use_awaitable_t<>>
auto connect_agent(std::string path, Token&& token = {}) {
    return boost::asio::async_initiate<Token, void(error_code, agent_connection)>(
        [](auto handler, std::string to) {
            boost::asio::any_io_executor on = boost::asio::get_associated_executor(handler);
            start_connect_agent(std::move(on), std::move(to),
                                completion<agent_connection>(std::move(handler)));
        },
        token, std::move(path));
}

/// Path of the agent that the environment names ($SSH_AUTH_SOCK), or nothing.
std::string environment_agent();

}  // namespace sluice
