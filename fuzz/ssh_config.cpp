// Files of ssh_config(5): whatever is accepted can be printed, and what is printed reads the same.

#include "sluice/fuzz/fuzz.hpp"
#include "sluice/io/load_ssh_config.hpp"
#include "sluice/io/ssh_config_lines.hpp"

using namespace sluice;

namespace {

// "main" is the text; Include finds its second half.
ssh_config_system system_with(const std::string& text) {
    ssh_config_system s;
    s.local_user = "own";
    s.home = "/own";
    s.user_id = "1000";
    s.local_host = "here.example";
    s.environment = [](std::string_view name) -> std::optional<std::string> {
        if (name.starts_with("X")) return "value";
        return std::nullopt;
    };
    s.read = [&text](const std::string& path, bool) -> result<std::string> {
        return path == "main" ? text : text.substr(text.size() / 2);
    };
    s.glob = [](const std::string& pattern) -> result<std::vector<std::string>> {
        return std::vector<std::string>(pattern.size() % 3, "half");
    };
    s.run = [](const std::string& command) -> result<int> {
        return static_cast<int>(command.size() % 2);
    };
    s.canonical_name = [](const std::string& name) -> std::optional<std::string> {
        if (name.size() % 2 == 0) return std::nullopt;
        return "canonical.example.";
    };
    return s;
}

bool may_be_read_again(const std::string& value) {
    return value.find_first_of("\\\"'#%$~ \t\r\n") == std::string::npos && !value.empty();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size > 4096) return 0;
    const std::string text(as_text({data, size}));
    const auto system = system_with(text);
    const ssh_config_query query{"h.example", "u", {}, {{"main", true, true, false}}};
    const auto c = resolve_ssh_config(query, system);
    if (!c) {
        expects(!c.error().message().empty());
        return 0;
    }
    expects(c->host_name && c->port && c->user && *c->port != 0);
    for (const auto& [keyword, value] : ssh_config_lines(*c)) {
        expects(value.find('\n') == value.npos);
        const bool once = keyword != "host" && keyword != "hostname" && keyword != "user" &&
                          keyword != "controlpath" && may_be_read_again(value);
        if (!once) continue;
        ssh_config_query again{"h.example", {}, {keyword + "=" + value}, {}};
        expects(resolve_ssh_config(again, system).has_value());
    }
    static_cast<void>(load_ssh_config(query, system));
    return 0;
}
