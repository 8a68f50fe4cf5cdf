#include "sluice/tools/sluice_terminal.hpp"

#include "sluice/auth/known_hosts.hpp"
#include "sluice/io/file_descriptor.hpp"
#include "sluice/tools/sluice_askpass.hpp"
#include "sluice/tools/sluice_text.hpp"
#include "sluice/wire/limits.hpp"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <string_view>
#include <vector>

namespace sluice {
namespace {

constexpr unsigned answers_max = 10;  // a program may give the same one for ever

// The controlling terminal, with echo off while it lives if so wanted.
class terminal_conversation {
public:
    explicit terminal_conversation(bool echo)
        : fd_(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)) {
        if (!fd_ || echo || ::tcgetattr(fd_.get(), &before_) != 0) return;
        termios hidden = before_;
        hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        hidden_ = ::tcsetattr(fd_.get(), TCSAFLUSH, &hidden) == 0;
    }
    terminal_conversation(const terminal_conversation&) = delete;
    terminal_conversation& operator=(const terminal_conversation&) = delete;
    ~terminal_conversation() {
        if (!hidden_) return;
        ::tcsetattr(fd_.get(), TCSAFLUSH, &before_);
        say("\n");
    }

    bool say(std::string_view text) {
        return fd_ &&
               ::write(fd_.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
    }

    // Without its end; nothing at the end of input.
    std::optional<secret_bytes> line() {
        secret_bytes text(limits::password_length_max);
        std::size_t n = 0;
        for (;;) {
            std::uint8_t c = 0;
            if (::read(fd_.get(), &c, 1) != 1) return std::nullopt;
            if (c == '\n') break;
            if (n < text.size()) text.data()[n++] = c;
        }
        text.shrink(n);
        return text;
    }

private:
    file_descriptor fd_;
    termios before_{};
    bool hidden_ = false;
};

host_key_answer ask_host_key(const host_key_question& q) {
    const std::string fingerprint = q.key.fingerprint();
    std::string prompt = "The authenticity of host '" +
                         printable(known_hosts_name(q.host, q.port)) + "' can't be established.\n" +
                         std::string(q.key.type()) + " key fingerprint is " + fingerprint +
                         ".\nAre you sure you want to continue connecting (yes/no/[fingerprint])? ";
    for (unsigned i = 0; i < answers_max; ++i) {
        const auto answer = ask_line(prompt);
        if (!answer || *answer == "no") return host_key_answer::refuse;
        if (*answer == "yes" || *answer == fingerprint) return host_key_answer::accept_and_save;
        prompt = "Please type 'yes', 'no' or the fingerprint: ";
    }
    return host_key_answer::refuse;
}

std::size_t columns() {
    const file_descriptor terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
    return terminal ? terminal_columns(terminal.get()) : 0;
}

// What stands above the prompts: each line of it is the server's, and is marked as such.
std::string heading(const client_auth_question& q, const std::string& mark) {
    std::string text;
    if (!q.name.empty()) text += marked_line(q.name, mark, columns()) + '\n';
    if (!q.instruction.empty()) text += marked(q.instruction, mark, columns()) + '\n';
    return text;
}

}  // namespace

std::optional<secret_bytes> ask_secret(const std::string& prompt) {
    if (const auto program = askpass_program()) return ask_by_program(*program, prompt);
    terminal_conversation terminal(false);
    if (!terminal.say(prompt)) return std::nullopt;
    return terminal.line();
}

std::optional<std::string> ask_line(const std::string& prompt) {
    std::optional<secret_bytes> line;
    if (const auto program = askpass_program()) {
        line = ask_by_program(*program, prompt);
    } else {
        terminal_conversation terminal(true);
        if (terminal.say(prompt)) line = terminal.line();
    }
    if (!line) return std::nullopt;
    return std::string(as_text(*line));
}

void ask_on_terminal(connect_options& o) {
    o.on_unknown_host_key = ask_host_key;
    o.on_host_key_update = [host = o.host](const host_key_update_question& q) {
        std::string text = "The server's host keys have changed.\n";
        for (const auto& key : q.learn)
            text +=
                "Learned new hostkey: " + std::string(key.type()) + ' ' + key.fingerprint() + '\n';
        if (q.forget != 0)
            text += "Hostkeys that are no longer used: " + std::to_string(q.forget) + '\n';
        const auto answer = ask_line(text + "Accept updated hostkeys of " + host + "? (yes/no): ");
        return answer == "yes";
    };
    o.on_passphrase = [](const std::string& path) {
        return ask_secret("Enter passphrase for key '" + path + "': ");
    };
    // Only what we ask ourselves stands there without the mark.
    o.on_password = [mark = server_mark(o)](const client_auth_question& q) {
        const bool change = q.what == client_auth_question::kind::new_password;
        return ask_secret(heading(q, mark) + mark + (change ? "New password: " : "Password: "));
    };
    o.on_prompts = [mark = server_mark(o)](
                       const client_auth_question& q) -> std::optional<std::vector<secret_bytes>> {
        std::vector<secret_bytes> answers;
        std::string text = heading(q, mark);
        if (q.prompts.empty()) std::fputs(text.c_str(), stderr);
        for (const auto& prompt : q.prompts) {
            text += marked_line(prompt.text, mark, columns());
            if (prompt.echo) {
                const auto line = ask_line(text);
                if (!line) return std::nullopt;
                answers.emplace_back(as_bytes(*line));
            } else {
                auto line = ask_secret(text);
                if (!line) return std::nullopt;
                answers.push_back(std::move(*line));
            }
            text.clear();
        }
        return answers;
    };
}

void ask_where_permitted(client_settings& settings) {
    if (settings.batch_mode) return;
    ask_on_terminal(settings.connect);
    for (connect_options& hop : settings.connect.jump_hosts)
        ask_on_terminal(hop);
}

}  // namespace sluice
