#include "sluice/io/ssh_config_read.hpp"

#include "sluice/io/ssh_config_keywords.hpp"
#include "sluice/io/ssh_config_tokens.hpp"
#include "sluice/wire/limits.hpp"

#include <algorithm>

namespace sluice {
namespace {

constexpr std::string_view command_line = "command line";
constexpr std::string_view system_folder = "/etc/ssh/";

bool ignored(const ssh_config& config, const std::string& keyword) {
    return config.ignore_unknown &&
           matches_pattern_list(keyword, in_lower_case(*config.ignore_unknown));
}

}  // namespace

ssh_config_reader::problem ssh_config_reader::read_setting(std::string_view setting) {
    ssh_config_line line;
    where_ = command_line;
    std::string wrong = split_ssh_config_line(setting, line);
    if (wrong.empty() && line.keyword.empty()) wrong = "no keyword";
    if (wrong.empty() &&
        (line.keyword == "host" || line.keyword == "match" || line.keyword == "include"))
        wrong = line.keyword + " is for files";
    if (wrong.empty()) wrong = read_keyword(line, true);
    if (wrong.empty()) return std::nullopt;
    return ssh_config_error{std::string(command_line), 0, std::string(setting) + ": " + wrong};
}

ssh_config_reader::problem ssh_config_reader::read_file(const ssh_config_file& file) {
    place at{file};
    return read_file(file, at);
}

ssh_config_reader::problem ssh_config_reader::read_file(const ssh_config_file& file, place& at) {
    const auto fail = [&](std::size_t line, std::string text) {
        return ssh_config_error{file.path, line, std::move(text)};
    };
    if (++files_ > limits::ssh_config_files_max) return fail(0, "too many files");
    const auto content =
        system_.read
            ? system_.read(file.path, file.guarded)
            : result<std::string>(make_error_code(boost::system::errc::no_such_file_or_directory));
    if (!content) {
        const error_code e = content.error();
        if (!file.must_exist && e == boost::system::errc::no_such_file_or_directory)
            return std::nullopt;
        if (e == errc::bad_config) return fail(0, "others than its owner may write it");
        return fail(0, e.message());
    }
    if (content->size() > limits::ssh_config_file_length_max) return fail(0, "too long");
    std::string_view left = *content;
    for (std::size_t number = 1; !left.empty(); ++number) {
        const auto end = std::min(left.find('\n'), left.size());
        problem inside;
        where_ = file.path + ":" + std::to_string(number);
        std::string wrong = read_line(left.substr(0, end), at, inside);
        if (inside) return inside;
        if (!wrong.empty()) return fail(number, std::move(wrong));
        left.remove_prefix(std::min(end + 1, left.size()));
    }
    return std::nullopt;
}

std::string ssh_config_reader::read_line(std::string_view text, place& at, problem& inside) {
    ssh_config_line line;
    if (std::string wrong = split_ssh_config_line(text, line); !wrong.empty()) return wrong;
    if (line.keyword.empty()) return {};
    if (line.keyword == "include") return include(line, at, inside);
    std::string wrong;
    if (line.keyword == "host") {
        wrong = match_host(line.words, pass_.host, at.active);
        if (line.words.empty()) wrong = "no pattern";
    } else if (line.keyword == "match") {
        std::string unknown;
        wrong = match_conditions(line.rest, config_, pass_, system_, at.active, unknown);
        if (!unknown.empty()) note("Match: unknown condition '" + unknown + "', it does not hold");
    } else {
        return read_keyword(line, at.active);
    }
    at.active = at.active && !at.hopeless;
    return wrong.empty() ? wrong : line.keyword + ": " + wrong;
}

std::string ssh_config_reader::read_keyword(const ssh_config_line& line, bool active) {
    const ssh_keyword* row = find_ssh_keyword(line.keyword);
    if (!row && ignored(config_, line.keyword)) return {};
    if (!row && is_former_ssh_keyword(line.keyword)) {
        note(line.keyword + " has no meaning any more");
        return {};
    }
    if (!row) return "unknown keyword '" + line.keyword + "'";
    if (line.words.empty()) return std::string(row->name) + ": a value is missing";
    if (line.words.size() > row->words_max) return std::string(row->name) + ": too many values";
    if (std::ranges::any_of(line.words, &std::string::empty))
        return std::string(row->name) + ": an empty value";
    const ssh_keyword::arguments values{line.words, line.rest, system_};
    ssh_config ignored_values;  // it does not count, but it must be right, as for ssh
    std::string wrong = row->parse(values, active ? config_ : ignored_values);
    return wrong.empty() ? wrong : std::string(row->name) + ": " + wrong;
}

void ssh_config_reader::note(const std::string& what) {
    const std::string text = where_ + ": " + what;
    const bool room = config_.notes.size() < limits::policy_errors_max;
    if (room && std::ranges::find(config_.notes, text) == config_.notes.end())
        config_.notes.push_back(text);
}

std::string ssh_config_reader::include(const ssh_config_line& line, place& at, problem& inside) {
    if (at.depth >= limits::ssh_config_include_depth_max) return "too many files within files";
    if (line.words.empty()) return "Include: a value is missing";
    const bool active = at.active;
    for (const std::string& name : line.words) {
        if (name.empty()) return "Include: an empty value";
        if (name.starts_with('~') && !at.file.of_user) return "Include: no ~ in a system's file";
        std::string pattern = name;
        if (!name.starts_with('/') && !name.starts_with('~'))
            pattern = (at.file.of_user ? "~/.ssh/" : std::string(system_folder)) + name;
        const auto anchored = with_home(pattern, system_);
        if (!anchored) continue;  // nobody's home: nothing is there
        const auto paths = system_.glob
                               ? system_.glob(*anchored)
                               : result<std::vector<std::string>>(std::vector<std::string>());
        if (!paths) return "Include: " + name + ": " + paths.error().message();
        for (const std::string& path : *paths) {
            const ssh_config_file file{path, at.file.of_user, false, true};
            place within{file, at.depth + 1, at.hopeless || !active, active};
            inside = read_file(file, within);
            if (inside) return {};
        }
    }
    return {};
}

}  // namespace sluice
