#include "sluice/tools/sluiced_settings.hpp"

#include "sluice/io/ssh_config_lines.hpp"
#include "sluice/tools/sluiced_keywords.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

namespace sluice {
namespace {

using settings::keyword_row;
using settings::keywords;
using settings::words;

constexpr unsigned include_depth_max = 16;     // as OpenSSH
constexpr std::size_t included_max = 1024;     // files
constexpr std::size_t match_lines_max = 1024;  // of one block

// Which rows have had a value, of one layer: the global one or that of Match.
using rows_set = std::vector<bool>;

// Puts a value where it counts: the first one, or all of those that add up.
config_fault apply(std::size_t row, const words& values, const algorithm_choices& algorithms,
                   rows_set& set, sluiced_config& config) {
    const keyword_row& r = keywords()[row];
    if (set[row] && !r.adds_up) {
        // It does not count, but it must be right, as for sshd.
        sluiced_config ignored;
        r.clear(ignored);
        return r.read(values, algorithms, ignored);
    }
    if (!set[row]) r.clear(config);
    set[row] = true;
    return r.read(values, algorithms, config);
}

void apply_block(const match_block& block, const algorithm_choices& algorithms, rows_set& set,
                 sluiced_config& config) {
    for (const auto& line : block.lines)
        static_cast<void>(apply(line.row, line.values, algorithms, set, config));
}

// --- what does not go together -------------------------------------------------------------------

struct contradiction {
    std::string_view keyword;  // whose line is blamed
    std::string text;
};

bool is_enabled(const sluiced_config& c, std::string_view method) {
    if (method == "password") return c.password_authentication;
    if (method == "publickey") return c.pubkey_authentication;
    if (method == "hostbased") return c.hostbased_authentication;
    return c.interactive_authentication;
}

std::optional<contradiction> contradiction_in(const sluiced_config& c) {
    if (!c.password_authentication && !c.pubkey_authentication && !c.interactive_authentication &&
        !c.hostbased_authentication)
        return contradiction{"PubkeyAuthentication",
                             "with PasswordAuthentication no, nobody could log in"};
    const auto possible = [&](const words& list) {
        return std::ranges::all_of(list, [&](const auto& method) { return is_enabled(c, method); });
    };
    if (!c.authentication_methods.empty() &&
        std::ranges::none_of(c.authentication_methods, possible))
        return contradiction{"AuthenticationMethods", "every list needs a method that is disabled"};
    const penalty_setting& p = c.per_source_penalties;
    if (p.on && p.max < p.min)
        return contradiction{"PerSourcePenalties", "with max below min, nothing is ever refused"};
    for (const auto& user : c.allow_users)
        if (std::ranges::find(c.deny_users, user) != c.deny_users.end())
            return contradiction{"AllowUsers", "'" + user.user + "' is in DenyUsers too"};
    for (const auto& group : c.allow_groups)
        if (std::ranges::find(c.deny_groups, group) != c.deny_groups.end())
            return contradiction{"AllowGroups", "'" + group + "' is in DenyGroups too"};
    return std::nullopt;
}

// --- reading -------------------------------------------------------------------------------------

class settings_reader {
public:
    settings_reader(const algorithm_choices& algorithms, const include_reader& include)
        : include_(include), set_(keywords().size()) {
        read_.algorithms = algorithms;
        auto& base = read_.base;
        base.kex_algorithms = algorithms.kex.defaults;
        base.host_key_algorithms = algorithms.host_key.defaults;
        base.pubkey_accepted_algorithms = algorithms.pubkey.defaults;
        base.hostbased_accepted_algorithms = algorithms.hostbased.defaults;
        base.ca_signature_algorithms = algorithms.ca_signature.defaults;
        base.ciphers = algorithms.cipher.defaults;
        base.macs = algorithms.mac.defaults;
    }

    // A whole file, in the place where it is included.
    std::optional<config_error> read(const config_text& file, unsigned depth) {
        std::string_view text = file.text;
        if (text.size() > limits::policy_file_length_max)
            return config_error{file.name, 0, "", "file is too long"};
        const auto outer = conditions_;
        for (std::size_t line = 1; !text.empty(); ++line) {
            const std::size_t end = std::min(text.find('\n'), text.size());
            std::string_view content = text.substr(0, end);
            text.remove_prefix(std::min(end + 1, text.size()));
            config_error wrong{file.name, line, "", ""};
            if (content.size() > limits::policy_line_length_max) {
                wrong.text = "line is too long";
                return wrong;
            }
            wrong.text = take_keyword(content, wrong.keyword);
            if (wrong.text.empty() && wrong.keyword.empty()) continue;
            if (wrong.text.empty() && in_lower_case(wrong.keyword) == "include") {
                if (auto inner = on_include(content, depth, wrong)) return inner;
                continue;
            }
            if (wrong.text.empty()) wrong.text = on_line(wrong, content, outer);
            if (!wrong.text.empty()) return wrong;
        }
        // What a file says of Match ends with it.
        if (conditions_ != outer) leave_block(outer);
        return std::nullopt;
    }

    std::optional<config_error> contradiction() const {
        // Match may well make good what the global part forbids.
        if (!read_.blocks.empty()) return std::nullopt;
        const auto wrong = contradiction_in(read_.base);
        if (!wrong) return std::nullopt;
        const auto where = first_lines_.find(std::string(wrong->keyword));
        config_error e{"", 0, std::string(wrong->keyword), wrong->text};
        if (where != first_lines_.end()) std::tie(e.file, e.line) = where->second;
        return e;
    }

    sluiced_settings take() { return std::move(read_); }

private:
    using block_conditions = std::optional<std::vector<match_condition>>;  // nothing: no block

    void leave_block(const block_conditions& outer) {
        conditions_ = outer;
        // The lines that follow come after those of the file, so they are a block of their own.
        if (outer) read_.blocks.push_back({*outer, {}});
    }

    std::optional<config_error> on_include(std::string_view rest, unsigned depth,
                                           config_error wrong) {
        words patterns;
        wrong.text = split_words(rest, patterns);
        if (wrong.text.empty() && patterns.empty()) wrong.text = "a value is missing";
        if (wrong.text.empty() && !include_) wrong.text = "not possible here";
        if (wrong.text.empty() && depth == include_depth_max)
            wrong.text = "files are included too deeply";
        if (!wrong.text.empty()) return wrong;
        for (const auto& pattern : patterns) {
            const auto files = include_(pattern);
            wrong.text = files ? "" : files.error();
            if (files && (included_ += files->size()) > included_max)
                wrong.text = "too many files are included";
            if (!wrong.text.empty()) return wrong;
            for (const auto& file : *files)
                if (auto inner = read(file, depth + 1)) return inner;
        }
        return std::nullopt;
    }

    config_fault on_match(std::string_view rest, const block_conditions& outer) {
        words all;
        if (auto wrong = split_words(rest, all); !wrong.empty()) return wrong;
        std::vector<match_condition> conditions = outer.value_or(std::vector<match_condition>());
        if (auto wrong = read_match(all, conditions); !wrong.empty()) return wrong;
        conditions_ = conditions;
        read_.blocks.push_back({std::move(conditions), {}});
        return {};
    }

    config_fault on_line(const config_error& here, std::string_view rest,
                         const block_conditions& outer) {
        if (in_lower_case(here.keyword) == "match") return on_match(rest, outer);
        std::string_view keyword = here.keyword;
        if (const auto* former = settings::find_keyword(settings::former_keywords(), keyword))
            keyword = former->now;
        const auto* fixed = settings::find_keyword(settings::fixed_keywords(), keyword);
        const auto* row = settings::find_keyword(keywords(), keyword);
        if (fixed == nullptr && row == nullptr) return "unknown keyword";

        words values;
        if (row != nullptr && row->raw) {
            const auto raw = without_blanks_around(rest);
            if (raw.find('\0') != std::string_view::npos) return "a NUL byte";
            if (!raw.empty()) values.emplace_back(raw);
        } else if (auto wrong = split_words(rest, values); !wrong.empty()) {
            return wrong;
        }
        if (values.empty()) return "a value is missing";
        if (values.size() > (row != nullptr ? row->arguments_max : config_values_max))
            return "too many values";
        if (conditions_ && !(row != nullptr ? row->in_match : fixed->in_match))
            return "may not stand in a Match block";
        std::string_view why;
        if (row == nullptr) {
            if (auto wrong = settings::read_fixed(*fixed, values, why); !wrong.empty())
                return wrong;
        } else {
            if (row->note != nullptr) why = row->note(values, read_.algorithms);
            if (auto wrong = on_setting(*row, std::move(values), here); !wrong.empty())
                return wrong;
        }
        if (!why.empty()) note(here, keyword, why);
        return {};
    }

    void note(const config_error& here, std::string_view keyword, std::string_view why) {
        if (noted_.insert(in_lower_case(keyword)).second)
            read_.notes.push_back({here.file, here.line, here.keyword, std::string(why)});
    }

    config_fault on_setting(const keyword_row& row, words values, const config_error& here) {
        const auto index = static_cast<std::size_t>(&row - keywords().data());
        if (conditions_) {
            // Whether it is right is seen now, what it does when somebody logs in.
            sluiced_config tried;
            row.clear(tried);
            if (auto wrong = row.read(values, read_.algorithms, tried); !wrong.empty())
                return wrong;
            match_block& block = read_.blocks.back();
            if (block.lines.size() == match_lines_max) return "too many lines in a Match block";
            block.lines.push_back({index, std::move(values)});
            return {};
        }
        if ((values_[index] += values.size()) > config_values_max) return "too many values";
        first_lines_.try_emplace(std::string(row.keyword), here.file, here.line);
        return apply(index, values, read_.algorithms, set_, read_.base);
    }

    const include_reader& include_;
    sluiced_settings read_;
    block_conditions conditions_;  // of the block that lines belong to
    rows_set set_;
    std::map<std::size_t, std::size_t> values_;  // of the global part, by row
    std::map<std::string, std::pair<std::string, std::size_t>> first_lines_;
    std::set<std::string> noted_;  // keywords, in lower case
    std::size_t included_ = 0;
};

}  // namespace

std::string config_error::message() const {
    std::string out = file;
    if (line != 0) out += ":" + std::to_string(line);
    if (!keyword.empty()) out += (out.empty() ? "" : ": ") + keyword;
    return out + ": " + text;
}

std::string setting_note::message() const {
    return config_error{file, line, keyword, text}.message();
}

boost::system::result<sluiced_settings, config_error> read_sluiced_settings(
    const std::vector<config_text>& texts, const algorithm_choices& algorithms,
    const include_reader& include) {
    settings_reader reader(algorithms, include);
    for (const auto& text : texts)
        if (auto wrong = reader.read(text, 0)) return *wrong;
    if (auto wrong = reader.contradiction()) {
        if (wrong->file.empty() && !texts.empty()) wrong->file = texts.front().name;
        return *wrong;
    }
    return reader.take();
}

bool match_block::holds(const login_facts& login) const {
    return std::ranges::all_of(conditions,
                               [&](const match_condition& c) { return c.holds(login); });
}

sluiced_config sluiced_settings::effective(const login_facts& login) const {
    sluiced_config config = base;
    rows_set set(keywords().size());
    for (const auto& block : blocks)
        if (block.holds(login)) apply_block(block, algorithms, set, config);
    return config;
}

std::shared_ptr<const sluiced_config> effective_for(
    const std::shared_ptr<const sluiced_settings>& settings, const login_facts& login) {
    const auto holds = [&](const match_block& block) { return block.holds(login); };
    if (std::ranges::none_of(settings->blocks, holds)) return {settings, &settings->base};
    return std::make_shared<const sluiced_config>(settings->effective(login));
}

bool sluiced_settings::ask_for_groups() const {
    const auto asks = [](const match_block& block) {
        return std::ranges::any_of(block.conditions, asks_for_groups);
    };
    return std::ranges::any_of(blocks, asks) ||
           std::ranges::any_of(all(), [](const sluiced_config& c) {
               return !c.allow_groups.empty() || !c.deny_groups.empty();
           });
}

std::vector<sluiced_config> sluiced_settings::all() const {
    std::vector<sluiced_config> configs{base};
    for (const auto& block : blocks) {
        rows_set set(keywords().size());
        apply_block(block, algorithms, set, configs.emplace_back(base));
    }
    return configs;
}

// With the ports that they stand for, as sshd prints them.
std::vector<listen_address> addresses_with_ports(const sluiced_config& config) {
    std::vector<std::uint16_t> ports = config.ports;
    if (ports.empty()) ports.push_back(sshd_port);
    std::vector<listen_address> out;
    for (const listen_address& one : config.listen_addresses) {
        if (one.port) {
            out.push_back(one);
            continue;
        }
        for (const std::uint16_t port : ports)
            out.push_back({one.host, port});
    }
    return out;
}

std::string to_text(const sluiced_config& config) {
    sluiced_config shown = config;
    shown.listen_addresses = addresses_with_ports(config);
    std::string out;
    for (const keyword_row& row : keywords()) {
        for (const auto& line : row.write(shown)) {
            out += in_lower_case(row.keyword);
            for (const auto& word : line)
                out += " " + (row.raw ? word : quoted(word));
            out += "\n";
        }
    }
    for (const auto& row : settings::fixed_keywords())
        if (!row.value.empty())
            out += in_lower_case(row.keyword) + " " + std::string(row.value) + "\n";
    return out;
}

}  // namespace sluice
