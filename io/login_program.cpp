#include "sluice/io/login_program.hpp"

#include "sluice/crypto/base64.hpp"
#include "sluice/io/path_trust.hpp"
#include "sluice/io/percent_tokens.hpp"
#include "sluice/io/program_output.hpp"
#include "sluice/wire/limits.hpp"

#include <optional>

namespace sluice {
namespace {

std::optional<std::string> token_of_certificate(char letter, const crypto::certificate& shown) {
    switch (letter) {
    case 'F': return shown.signature_key().fingerprint();
    case 'i': return shown.fields().key_id;
    case 'K': return crypto::to_base64(shown.signature_key().blob());
    case 's': return std::to_string(shown.fields().serial);
    case 'T': return std::string(shown.signature_key().type());
    default: return std::nullopt;
    }
}

std::optional<std::string> token_of(char letter, const auth_question& question, login_user& user) {
    const auto& certificate = question.certificate;
    switch (letter) {
    case 'f': return question.key->fingerprint();
    case 'k': return crypto::to_base64(certificate ? certificate->blob() : question.key->blob());
    case 't': return std::string(certificate ? certificate->type() : question.key->type());
    case 'u':
    case 'U':
    case 'h': return user.token(letter);
    default:
        return certificate ? token_of_certificate(letter, *certificate)
                           : std::optional<std::string>();
    }
}

}  // namespace

std::shared_ptr<const std::string> login_program_output(command_launcher& launcher,
                                                        std::vector<std::string> program,
                                                        std::chrono::milliseconds time_max,
                                                        const auth_question& question,
                                                        login_user& user) {
    if (!question.key || !only_we_can_change(program.front())) return nullptr;
    const auto value = [&](char letter) { return token_of(letter, question, user); };
    for (std::size_t i = 1; i < program.size(); ++i) {
        auto word = replace_tokens(program[i], value);
        if (!word) return nullptr;
        program[i] = std::move(*word);
    }
    if (program.size() == 1) program.push_back(question.user);
    auto text = program_output(launcher, program, {limits::policy_file_length_max, time_max});
    if (!text || text->find('\0') != std::string::npos) return nullptr;
    return std::make_shared<const std::string>(std::move(*text));
}

}  // namespace sluice
