// sluice: the client program. Arguments only; each command is a sluice_<command>.cpp.

#include "sluice/tools/sluice_agent.hpp"
#include "sluice/tools/sluice_config.hpp"
#include "sluice/tools/sluice_connection.hpp"
#include "sluice/tools/sluice_files.hpp"
#include "sluice/tools/sluice_forward.hpp"
#include "sluice/tools/sluice_options.hpp"
#include "sluice/tools/sluice_run.hpp"
#include "sluice/tools/sluice_ssh.hpp"
#include "sluice/tools/sluice_terminal.hpp"
#include "sluice/tools/sluiced_process.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr int exit_error = 255;                    // as ssh(1)
constexpr std::string_view with_value = "lpioFJ";  // options that take one

void declare(CLI::App& command, sluice::client_arguments& a) {
    command.add_option("-p", a.port, "Port to connect to; 22")->type_name("PORT");
    command.add_option("-i", a.identities, "Private key file to log in with")
        ->type_name("FILE")
        ->allow_extra_args(false);
    command.add_option("-o", a.settings, "One setting, as in ssh_config(5): Keyword=value")
        ->type_name("SETTING")
        ->allow_extra_args(false);
    command.add_option("-F", a.config_file, "Settings of this file only; none: of no file")
        ->type_name("FILE");
    command.add_option("-J", a.jump, "Servers to go through, with commas between them")
        ->type_name("[USER@]HOST[:PORT]");
}

void declare_files(CLI::App& command, sluice::client_arguments& a, sluice::file_arguments& files) {
    declare(command, a);
    command.add_flag("-v", files.verbose, "Say more, and how the connection ended");
}

void declare_transfer(CLI::App& command, sluice::client_arguments& a,
                      sluice::file_arguments& files) {
    declare_files(command, a, files);
    command.add_flag("-r", files.recursive, "Also directories, with what is in them");
    command.add_flag("--follow", files.follow, "With -r: also into directories by links to them");
    command.add_flag("--preserve", files.preserve,
                     "Keep modes and times, but for setuid, setgid, sticky");
    command.add_flag("--preserve-special", files.preserve_special,
                     "--preserve, and those too where the file's owner is you");
    command.add_flag("-q,--quiet", files.quiet, "Show no progress");
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

// Where the words for `sluice ssh` begin, or for the program that is called by the name ssh.
std::optional<int> behind_ssh(int argc, char** argv) {
    const std::string_view path = argc > 0 ? argv[0] : "";
    const auto slash = path.rfind('/');
    if (path.substr(slash == path.npos ? 0 : slash + 1) == "ssh") return 1;
    if (argc > 1 && std::string_view(argv[1]) == "ssh") return 2;
    return std::nullopt;
}

// Keys and passphrases are in the memory of most commands.
sluice::error_code prepare() {
    if (const auto e = sluice::prepare_process()) return e;
    return sluice::forbid_inspection(sluice::child_core_files::where_raised);
}

}  // namespace

int main(int argc, char** argv) {
    if (const auto e = prepare()) {
        sluice::complain(e.message());
        return exit_error;
    }
    if (const auto behind = behind_ssh(argc, argv)) {
        const std::vector<std::string> words(argv + *behind, argv + argc);
        return sluice::run_ssh(words);
    }
    CLI::App app{"SSH client"};
    app.set_version_flag("--version,-V", std::string("sluice 0.1.0"));
    app.require_subcommand(1);

    sluice::client_arguments common;
    sluice::run_arguments running;
    CLI::App& run = *app.add_subcommand("run", "Run a command on a server");
    declare(run, common);
    run.add_option("-l", common.user, "User to log in as")->type_name("USER");
    run.add_option("HOST", common.host, "Server: [USER@]HOST")->required();
    bool forward_agent = false;
    run.add_flag("-A", forward_agent, "Let the server's programs use the agent");
    run.add_flag("-n", running.no_input, "Give the command no input");
    run.add_flag("-v", running.verbose, "Say more, and how the connection ended");
    run.footer("COMMAND... follows the host; its exit status is that of sluice, 255 on errors.");

    sluice::file_arguments files;
    CLI::App& get = *app.add_subcommand("get", "Copy a file from a server");
    declare_transfer(get, common, files);
    get.add_option("FROM", files.from, "File: [USER@]HOST:PATH")->required();
    get.add_option("TO", files.to,
                   "Local file or directory, or -, standard output; the one we are in");
    CLI::App& put = *app.add_subcommand("put", "Copy a file to a server");
    declare_transfer(put, common, files);
    put.add_option("FROM", files.from, "Local file, or -, standard input")->required();
    put.add_option("TO", files.to, "File or directory: [USER@]HOST:[PATH]")->required();
    CLI::App& ls = *app.add_subcommand("ls", "List a directory of a server");
    declare_files(ls, common, files);
    ls.add_flag("-l", files.details, "With modes, owners, sizes and times");
    ls.add_option("PATH", files.from, "Directory: [USER@]HOST[:PATH]")->required();
    for (CLI::App* one : {&get, &put, &ls})
        one->footer("Exit status: 0; 1 where a file failed; 255 without a connection.");

    sluice::forward_arguments forwarding;
    CLI::App& forward = *app.add_subcommand("forward", "Carry connections through a server");
    declare(forward, common);
    forward.add_option("-l", common.user, "User to log in as")->type_name("USER");
    forward.add_flag("-v", forwarding.verbose, "Say more, and how the connections ended");
    forward.add_option("HOST", common.host, "Server: [USER@]HOST")->required();
    forward.add_option("FORWARD", forwarding.forwards, "[BIND:]PORT:HOST:HOSTPORT, as ssh -L")
        ->required();
    forward.footer("Runs until it is interrupted; connections that are open then may finish.");

    sluice::agent_arguments holding;
    CLI::App& agent = *app.add_subcommand("agent", "Hold keys for ssh and sluice");
    agent.add_option("-a", holding.socket_path, "Socket to listen on; one below $TMPDIR")
        ->type_name("SOCKET");
    agent.add_option("-t", holding.lifetime, "How long keys are held that say nothing: 3600, 1h")
        ->type_name("TIME");
    agent.add_flag("-D", holding.foreground, "Stay in the foreground");
    agent.prefix_command();
    agent.footer(
        "COMMAND... is run with the agent, which ends with it. Without one the agent goes "
        "to the background, and what a shell is to evaluate is printed.");
    app.add_subcommand("ssh", "As ssh(1), with its options, for programs that call it");
    CLI::App& config = *app.add_subcommand("config", "Print what holds for a server, as ssh -G");
    declare(config, common);
    config.add_option("-l", common.user, "User to log in as")->type_name("USER");
    config.add_option("HOST", common.host, "Server: [USER@]HOST")->required();

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
    if (agent.parsed()) {
        holding.command = agent.remaining();
        return sluice::run_agent(holding);
    }
    // For Match, as where ssh(1) is called for it.
    common.command = running.command;
    if (forward.parsed()) common.settings.insert(common.settings.begin(), "SessionType=none");
    if (get.parsed() || put.parsed() || ls.parsed()) {
        common.command = "sftp";
        common.settings.insert(common.settings.begin(), "SessionType=subsystem");
    }
    const auto system = sluice::ssh_config_system::here(true);
    if (config.parsed()) return sluice::print_config(common, system);
    if (!run.parsed() && !forward.parsed()) {
        const std::string& text = put.parsed() ? files.to : files.from;
        const auto place = ls.parsed() ? sluice::start_or_place_of(text) : sluice::place_of(text);
        if (!place) {
            sluice::complain(text + ": expected HOST:PATH");
            return exit_error;
        }
        common.host = place->host;
    }
    auto settings = sluice::understand(common, system);
    if (!settings) {
        sluice::complain(settings.error());
        return exit_error;
    }
    sluice::ask_where_permitted(*settings);

    if (forward_agent) settings->connect.forward_agent.emplace();
    if (get.parsed()) return sluice::get_files(std::move(*settings), files);
    if (put.parsed()) return sluice::put_files(std::move(*settings), files);
    if (ls.parsed()) return sluice::list_files(std::move(*settings), files);
    if (forward.parsed()) return sluice::forward_connections(std::move(*settings), forwarding);
    return sluice::run_command(std::move(*settings), running);
}
