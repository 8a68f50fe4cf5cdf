// authorized_keys files, and the patterns in them.

#include "sluice/auth/authorized_keys.hpp"
#include "sluice/fuzz/fuzz.hpp"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = as_text({data, size});
    const auto list = authorized_keys::parse(text);
    if (!list) return 0;
    int checked = 0;
    for (const authorized_key& entry : list->keys()) {
        if (++checked > 4) break;  // every one costs another pass
        expects(list->find(entry.key) != nullptr);
        // Looking for one key finds the same entries for it.
        const auto alone = authorized_keys::parse(text, &entry.key);
        const auto* one = list->find_allowed(entry.key, "192.0.2.1", 1);
        const auto* again = alone->find_allowed(entry.key, "192.0.2.1", 1);
        expects((one == nullptr) == (again == nullptr));
        expects(one == nullptr || one->line == again->line);
        (void)entry.allows("2001:db8::1", 1'700'000'000);
        if (!entry.options.unsupported.empty()) expects(!entry.allows("192.0.2.1", 0));
    }
    (void)ip_address::parse(text);
    if (const auto patterns = address_patterns::parse(text)) (void)patterns->allows("192.0.2.1");
    return 0;
}
