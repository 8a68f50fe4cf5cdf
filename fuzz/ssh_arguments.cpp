// The command line of ssh(1), a word a line: what is accepted has a host and settings that are read
// or refused with words.

#include "sluice/fuzz/fuzz.hpp"
#include "sluice/tools/sluice_forward.hpp"
#include "sluice/tools/sluice_ssh_options.hpp"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size > 4096) return 0;
    std::vector<std::string> words;
    for (std::string_view text = as_text({data, size}); !text.empty();) {
        const auto end = std::min(text.find('\n'), text.size());
        words.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    const auto a = ssh_arguments_of(words);
    if (!a) {
        expects(!a.error().empty());
        return 0;
    }
    if (a->version || a->query) return 0;
    expects(!a->client.host.empty());
    ssh_config_system system;
    system.local_user = "own";
    auto query = query_of(a->client, system);
    query.files.clear();
    const auto config = resolve_ssh_config(query, system);
    if (!config) {
        expects(!config.error().message().empty());
        return 0;
    }
    std::vector<std::string> faults;
    for (const forward& one : local_forwards_of(*config, faults))
        expects(!one.bind.empty());
    return 0;
}
