#include "sluice/auth/policy_line.hpp"

#include <algorithm>
#include <array>
#include <ctime>

namespace sluice {
namespace {

constexpr std::string_view blanks = " \t";

// Of digits only.
int number_in(std::string_view text, std::size_t at, std::size_t count) {
    int value = 0;
    for (const char c : text.substr(at, count))
        value = value * 10 + (c - '0');
    return value;
}

// Days from 1970-01-01 in the Gregorian calendar: years begin in March, so that the leap day is the
// last, and repeat every 400.
std::int64_t days_from_civil(std::int64_t year, int month, int day) {
    if (month <= 2) --year;
    const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
    const std::int64_t year_of_era = year - era * 400;
    const int month_from_march = (month + 9) % 12;
    const std::int64_t day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    return era * 146'097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719'468;
}

bool is_leap(int year) { return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0; }

// Takes a quoted value from the front of `text`; \" in it is a quote.
std::optional<std::string> take_quoted(std::string_view& text) {
    if (!text.starts_with('"')) return std::nullopt;
    std::string value;
    for (std::size_t i = 1; i < text.size(); ++i) {
        if (text[i] == '"') {
            text.remove_prefix(i + 1);
            return value;
        }
        if (text[i] == '\\' && i + 1 < text.size() && text[i + 1] == '"') ++i;
        value += text[i];
    }
    return std::nullopt;
}

}  // namespace

std::string_view without_leading_blanks(std::string_view text) {
    text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
    return text;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
    const auto lower = [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    };
    return std::ranges::equal(a, b, {}, lower, lower);
}

std::optional<std::int64_t> parse_policy_time(std::string_view text) {
    const bool utc = text.ends_with('Z') || text.ends_with('z');
    if (utc) text.remove_suffix(1);
    if (text.size() != 8 && text.size() != 12 && text.size() != 14) return std::nullopt;
    if (!std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; }))
        return std::nullopt;
    const int year = number_in(text, 0, 4);
    const int month = number_in(text, 4, 2);
    const int day = number_in(text, 6, 2);
    const int hour = text.size() > 8 ? number_in(text, 8, 2) : 0;
    const int minute = text.size() > 8 ? number_in(text, 10, 2) : 0;
    const int second = text.size() > 12 ? number_in(text, 12, 2) : 0;
    constexpr std::array days_of{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (year < 1970 || month < 1 || month > 12 || hour > 23 || minute > 59 || second > 59)
        return std::nullopt;
    const int days = days_of[static_cast<std::size_t>(month - 1)] + (month == 2 && is_leap(year));
    if (day < 1 || day > days) return std::nullopt;
    if (utc) return ((days_from_civil(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    std::tm local{};
    local.tm_year = year - 1900;
    local.tm_mon = month - 1;
    local.tm_mday = day;
    local.tm_hour = hour;
    local.tm_min = minute;
    local.tm_sec = second;
    local.tm_isdst = -1;
    const std::time_t seconds = std::mktime(&local);
    if (seconds == -1) return std::nullopt;
    return static_cast<std::int64_t>(seconds);
}

std::optional<std::size_t> options_length(std::string_view line) {
    bool quoted = false;
    for (std::size_t i = 0; i < line.size(); ++i) {
        if (line[i] == '\\' && i + 1 < line.size() && line[i + 1] == '"')
            ++i;
        else if (line[i] == '"')
            quoted = !quoted;
        else if (!quoted && blanks.find(line[i]) != std::string_view::npos)
            return i;
    }
    return quoted ? std::nullopt : std::optional(line.size());
}

std::optional<policy_option> take_option(std::string_view& text) {
    policy_option option;
    option.name = text.substr(0, text.find_first_of("=,\""));
    text.remove_prefix(option.name.size());
    if (text.starts_with('=')) {
        text.remove_prefix(1);
        option.value = take_quoted(text);
        if (!option.value) return std::nullopt;
    }
    if (text.empty()) return option;
    if (text.front() != ',' || text.size() == 1) return std::nullopt;
    text.remove_prefix(1);
    return option;
}

}  // namespace sluice
