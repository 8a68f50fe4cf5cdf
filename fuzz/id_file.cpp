// Files in the form of passwd(5) and group(5), as they lie below a root.

#include "sluice/io/id_file.hpp"
#include "sluice/fuzz/fuzz.hpp"
#include "sluice/wire/limits.hpp"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto names = parse_id_file(as_text({data, size}));
    expects(names.size() <= limits::id_file_names_max);
    for (const auto& [id, name] : names) {
        expects(!name.empty() && name.size() <= limits::user_name_length_max);
        for (const char c : name)
            expects(c > ' ' && c < '\x7f' && c != ':');
    }
    return 0;
}
