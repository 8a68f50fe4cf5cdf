#pragma once

#include "sluice/auth/policy_line.hpp"
#include "sluice/tools/sluiced_lines.hpp"
#include "sluice/tools/sluiced_settings.hpp"

#include <array>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// Kinds of values, both directions. `read` takes what stands behind a keyword, at least one word;
/// the target is as new, or for keywords that add up, what the lines before have left. `write`
/// gives the words of a line, or of many.
namespace sluice::settings {

using words = std::vector<std::string>;
using lines = std::vector<words>;

config_fault expected(std::string_view what, std::string_view found);

template <class Number>
std::optional<Number> number_from(std::string_view text) {
    Number n{};
    const auto end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, n);
    if (error != std::errc() || stop != end) return std::nullopt;
    return n;
}

template <std::uint64_t Min, std::uint64_t Max>
struct number {
    template <class Member>
    static config_fault read(const words& w, Member& out) {
        const auto n = number_from<std::uint64_t>(w[0]);
        if (!n || *n < Min || *n > Max)
            return expected("a number from " + std::to_string(Min) + " to " + std::to_string(Max),
                            w[0]);
        out = static_cast<Member>(*n);
        return {};
    }
    template <class Member>
    static lines write(Member n) {
        return {{std::to_string(n)}};
    }
};

/// Words that stand for values. The first of each value is the one that is written.
template <class Value, std::size_t Size>
struct word_table {
    std::string_view form;  // for messages
    std::array<std::pair<std::string_view, Value>, Size> rows;
};

template <const auto& Table>
struct one_of {
    template <class Member>
    static config_fault read(const words& w, Member& out) {
        for (const auto& [name, value] : Table.rows)
            if (equal_ignoring_case(w[0], name)) return out = value, config_fault();
        return expected(Table.form, w[0]);
    }
    template <class Member>
    static lines write(Member value) {
        for (const auto& [name, meant] : Table.rows)
            if (meant == value) return {{std::string(name)}};
        return {};
    }
};

/// One file, or none.
struct file {
    static config_fault read(const words& w, std::string& out);
    static lines write(const std::string& name);
};

/// Files on one line, or none.
struct files {
    static config_fault read(const words& w, words& out);
    static lines write(const words& names);
};

/// A file, or files on one line, whose names may hold %u, %U, %h and %%; or none.
struct user_file {
    static config_fault read(const words& w, std::string& out);
    static lines write(const std::string& name) { return file::write(name); }
};
struct user_files {
    static config_fault read(const words& w, words& out);
    static lines write(const words& names) { return files::write(names); }
};

/// A program that is told who wants to come in: an absolute path, and arguments with tokens of
/// sshd_config(5), those of a key or also those of a certificate. Or none.
struct keys_program {
    static config_fault read(const words& w, words& out);
    static lines write(const words& program);
};
struct principals_program {
    static config_fault read(const words& w, words& out);
    static lines write(const words& program) { return keys_program::write(program); }
};

/// A file a line.
struct file_lines {
    static config_fault read(const words& w, words& out);
    static lines write(const words& names);
};

/// "90", "2m", "1h30m" (TIME FORMATS).
struct time {
    static config_fault read(const words& w, std::chrono::seconds& out);
    static lines write(std::chrono::seconds t);
};

struct port_lines {
    static config_fault read(const words& w, std::vector<std::uint16_t>& out);
    static lines write(const std::vector<std::uint16_t>& ports);
};

/// host, host:port, [v6], [v6]:port, v6.
struct listen_lines {
    static config_fault read(const words& w, std::vector<listen_address>& out);
    static lines write(const std::vector<listen_address>& addresses);
};

/// start:rate:full, or one number for a hard limit.
struct startups {
    static config_fault read(const words& w, startup_limit& out);
    static lines write(const startup_limit& limit);
};

/// Bytes with K, M or G, or default; then a time, or none.
struct rekeying {
    static config_fault read(const words& w, rekey_limit& out);
    static lines write(const rekey_limit& limit);
};

struct method_lists {
    static config_fault read(const words& w, std::vector<words>& out);
    static lines write(const std::vector<words>& lists);
};

struct user_lines {
    static config_fault read(const words& w, std::vector<user_pattern>& out);
    static lines write(const std::vector<user_pattern>& users);
};

/// Patterns of groups; ! has no meaning there.
struct group_lines {
    static config_fault read(const words& w, words& out);
    static lines write(const words& patterns);
};

/// host:port, [v6]:port, with wildcards in the host and * for any port; or any, or none.
struct open_patterns {
    static config_fault read(const words& w, std::optional<std::vector<open_pattern>>& out);
    static lines write(const std::optional<std::vector<open_pattern>>& patterns);
};

/// sftp internal-sftp, or sftp-server wherever it lies, with the options of sftp-server(8). Any
/// other subsystem is left out.
struct sftp_subsystem {
    static constexpr std::string_view name = "sftp";
    static config_fault read(const words& w, sftp_options& out);
    static lines write(const sftp_options& options);
};

/// A command as it was written, or none. internal-sftp has good options.
struct command {
    static config_fault read(const words& w, std::string& out);
    static lines write(const std::string& text);
};

/// What stands behind the name of the program in the identification line, or none.
struct addendum {
    static constexpr std::size_t length_max = 200;  // the line has 253 at most (RFC 4253 §4.2)
    static config_fault read(const words& w, std::string& out);
    static lines write(const std::string& text);
};

/// A name without '/', such as that of a PAM service.
struct service_name {
    static config_fault read(const words& w, std::string& out);
    static lines write(const std::string& name);
};

/// The name of a user or group of this machine, or none.
struct account_name {
    static config_fault read(const words& w, std::string& out);
    static lines write(const std::string& name);
};

/// Patterns of names of environment variables.
struct variable_patterns {
    static config_fault read(const words& w, words& out);
    static lines write(const words& patterns);
};

/// NAME=value; the first value of a name counts.
struct variables {
    using pairs = std::vector<std::pair<std::string, std::string>>;
    static config_fault read(const words& w, pairs& out);
    static lines write(const pairs& all);
};

/// A list, or a change of the defaults: '+' appends, '-' removes (wildcards), '^' puts in front.
/// Names that OpenSSH has and we have not are left out.
config_fault read_algorithms(const words& w, const algorithm_choice& choice, words& out);
/// What is to be said where any were; empty: nothing.
std::string_view note_on_algorithms(const words& w, const algorithm_choice& choice);
lines write_algorithms(const words& names);

}  // namespace sluice::settings
