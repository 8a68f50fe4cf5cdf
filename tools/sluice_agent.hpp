#pragma once

#include <string>
#include <vector>

namespace sluice {

struct agent_arguments {
    std::string socket_path;           // -a
    std::string lifetime;              // -t: "3600", "1h30m"
    bool foreground = false;           // -D
    std::vector<std::string> command;  // with its arguments
};

/// `sluice agent`: an SSH agent, as ssh-agent. Without a command it goes to the background, having
/// printed what a shell is to evaluate; with one it ends with the command, and gives its exit
/// status.
int run_agent(const agent_arguments& arguments);

}  // namespace sluice
