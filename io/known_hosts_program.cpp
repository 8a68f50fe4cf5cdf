#include "sluice/io/known_hosts_program.hpp"

#include "sluice/crypto/base64.hpp"
#include "sluice/io/command_launcher.hpp"
#include "sluice/io/on_pool.hpp"
#include "sluice/io/percent_tokens.hpp"
#include "sluice/io/program_output.hpp"
#include "sluice/io/ssh_config_tokens.hpp"
#include "sluice/wire/limits.hpp"

#include <unistd.h>

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace sluice {
namespace {

constexpr std::string_view of_question = "HIKft";
constexpr std::chrono::seconds time_max{60};

struct program {
    std::vector<std::string> words;
    std::map<char, std::string> values;  // of the connection
};

std::string value_of(char letter, const known_hosts_question& question) {
    constexpr const char* none = "NONE";
    const auto& shown = question.key;
    const auto* const cert = shown && shown->cert ? &*shown->cert : nullptr;
    switch (letter) {
    case 'H': return question.name;
    case 'I': return question.why == known_hosts_question::reason::order ? "ORDER" : "HOSTNAME";
    case 'f': return shown ? shown->key.fingerprint() : none;
    case 'K':
        if (!shown) return none;
        return crypto::to_base64(cert != nullptr ? cert->blob() : shown->key.blob());
    default:
        if (!shown) return none;
        return std::string(cert != nullptr ? cert->type() : shown->key.type());
    }
}

// This process's, as of ssh(1).
std::vector<std::pair<std::string, std::string>> own_environment() {
    std::vector<std::pair<std::string, std::string>> all;
    for (char** one = environ; one != nullptr && *one != nullptr; ++one) {
        const std::string_view text = *one;
        const auto equals = text.find('=');
        if (equals != std::string_view::npos)
            all.emplace_back(text.substr(0, equals), text.substr(equals + 1));
    }
    return all;
}

std::optional<std::string> run(const program& p, const known_hosts_question& question) {
    std::vector<std::string> words{p.words.front()};
    for (std::size_t i = 1; i < p.words.size(); ++i) {
        auto word = replace_tokens(p.words[i], [&](char letter) -> std::optional<std::string> {
            if (of_question.find(letter) != std::string_view::npos)
                return value_of(letter, question);
            const auto found = p.values.find(letter);
            return found == p.values.end() ? std::nullopt : std::optional(found->second);
        });
        if (!word) return std::nullopt;
        words.push_back(std::move(*word));
    }
    auto text = program_output(*make_own_launcher(), words,
                               {limits::known_hosts_length_max, time_max}, own_environment());
    // No line has a NUL, and what stands behind one might be about another host.
    if (!text || text->find('\0') != std::string::npos) return std::nullopt;
    return std::move(*text);
}

}  // namespace

asked<std::optional<std::string>, known_hosts_question> known_hosts_program(
    const ssh_config& config, const ssh_config_system& system, ssh_config_fault& wrong) {
    if (!config.known_hosts_command) return {};
    ssh_config_line line;
    wrong = split_ssh_config_line("KnownHostsCommand " + *config.known_hosts_command, line);
    if (!wrong.empty()) return {};
    const auto made = std::make_shared<program>();
    made->words = std::move(line.words);
    if (made->words.empty() || !made->words.front().starts_with('/')) {
        wrong = "expected the absolute path of a program";
        return {};
    }
    const ssh_config_tokens tokens(config, *config.host_name, system);
    const std::string known = std::string(ssh_config_tokens::usual) + std::string(of_question);
    for (std::size_t i = 1; i < made->words.size(); ++i)
        if (const auto unknown = unknown_token(made->words[i], known); !unknown.empty()) {
            wrong = "no token " + unknown + " here";
            return {};
        }
    for (const char letter : ssh_config_tokens::usual)
        if (auto value = tokens.percent(std::string{'%', letter}))
            made->values[letter] = std::move(*value);
    return
        [made](
            known_hosts_question question) -> boost::asio::awaitable<std::optional<std::string>> {
            const auto start = [](auto task) {
                std::thread(std::move(task)).detach();
                return true;
            };
            auto ask = [made, question = std::move(question)] { return run(*made, question); };
            auto printed = co_await on_thread(start, std::move(ask));
            co_return printed ? std::move(*printed) : std::nullopt;
        };
}

}  // namespace sluice
