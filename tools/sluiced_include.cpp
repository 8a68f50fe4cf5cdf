#include "sluice/tools/sluiced_include.hpp"

#include "sluice/io/text_file.hpp"
#include "sluice/wire/limits.hpp"

#include <glob.h>

#include <memory>
#include <span>
#include <utility>

namespace sluice {

include_reader include_from(std::string folder) {
    using outcome = boost::system::result<std::vector<config_text>, std::string>;
    return [folder = std::move(folder)](const std::string& pattern) -> outcome {
        const std::string whole = pattern.starts_with('/') ? pattern : folder + "/" + pattern;
        glob_t found{};
        const int done = ::glob(whole.c_str(), 0, nullptr, &found);
        const std::unique_ptr<glob_t, decltype(&::globfree)> owner(&found, ::globfree);
        std::vector<config_text> files;
        if (done == GLOB_NOMATCH) return files;
        if (done != 0) return "'" + whole + "' cannot be looked up";
        for (const char* const name : std::span(found.gl_pathv, found.gl_pathc)) {
            auto text = read_text_file(name, limits::policy_file_length_max);
            if (!text) return std::string(name) + ": " + text.error().message();
            files.push_back({name, std::move(*text)});
        }
        return files;
    };
}

std::string folder_of(const std::string& file) {
    const auto slash = file.rfind('/');
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : file.substr(0, slash);
}

}  // namespace sluice
