// sluice: the client program. Arguments only; each command is a sluice_<command>.cpp.

#include "sluice/tools/sluice_options.hpp"
#include "sluice/tools/sluice_run.hpp"
#include "sluice/tools/sluice_terminal.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <string>
#include <string_view>

namespace {

constexpr int exit_error = 255;                  // as ssh(1)
constexpr std::string_view with_value = "lpio";  // options that take one

void declare(CLI::App& command, sluice::client_arguments& a) {
    command.add_option("-l", a.user, "User to log in as")->type_name("USER");
    command.add_option("-p", a.port, "Port to connect to; 22")->type_name("PORT");
    command.add_option("-i", a.identities, "Private key file to log in with")
        ->type_name("FILE")
        ->allow_extra_args(false);
    command.add_option("-o", a.settings, "One setting, as in ssh_config(5): Keyword=value")
        ->type_name("SETTING")
        ->allow_extra_args(false);
    command.add_option("HOST", a.host, "Server: [USER@]HOST")->required();
}

// Where the command of `run` begins: behind the first argument that is neither an option nor the
// value of one. What comes there is not ours to understand.
int behind_host(int argc, char** argv) {
    for (int i = 2; i < argc; ++i) {
        const std::string_view word = argv[i];
        if (word == "--") return std::min(i + 2, argc);
        if (!word.starts_with('-')) return i + 1;
        const bool value_follows = word.size() == 2 && with_value.find(word[1]) != with_value.npos;
        if (value_follows) ++i;
    }
    return argc;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"SSH client"};
    app.set_version_flag("--version,-V", std::string("sluice 0.1.0"));
    app.require_subcommand(1);

    sluice::client_arguments common;
    sluice::run_arguments running;
    CLI::App& run = *app.add_subcommand("run", "Run a command on a server");
    declare(run, common);
    run.add_flag("-n", running.no_input, "Give the command no input");
    run.add_flag("-v", running.verbose, "Say more, and how the connection ended");
    run.footer("COMMAND... follows the host; its exit status is that of sluice, 255 on errors.");

    const int command =
        argc > 1 && std::string_view(argv[1]) == "run" ? behind_host(argc, argv) : argc;
    const bool mark = command < argc && std::string_view(argv[command]) == "--";
    for (int i = command + mark; i < argc; ++i)
        running.command += (running.command.empty() ? "" : " ") + std::string(argv[i]);
    try {
        app.parse(command, argv);
    } catch (const CLI::ParseError& e) {
        return app.exit(e) == 0 ? 0 : exit_error;
    }
    auto settings = sluice::understand(common);
    if (!settings) {
        std::fprintf(stderr, "sluice: %s\n", settings.error().c_str());
        return exit_error;
    }
    if (!settings->batch_mode) sluice::ask_on_terminal(settings->connect);

    if (running.command.empty()) {
        std::fprintf(stderr, "sluice: no command\n");
        return exit_error;
    }
    return sluice::run_command(std::move(*settings), running);
}
