#include "sluice/sftp/name_batch.hpp"

#include "sluice/sftp/responses.hpp"
#include "sluice/wire/limits.hpp"

#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <utility>

namespace sluice::sftp {
namespace {

constexpr std::size_t header_length = 4 + 1 + 4 + 4;  // length, type, id, count
constexpr std::size_t prefix_length_max = 256;
constexpr std::size_t entry_length_max = 4 + limits::sftp_name_length_max + 4 + prefix_length_max +
                                         limits::sftp_name_length_max + attributes_length_max;

void put_number(std::uint8_t* at, std::uint64_t value, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i)
        at[i] = static_cast<std::uint8_t>(value >> (8 * (size - 1 - i)));
}

// Writes where there is room for certain.
class cursor {
public:
    explicit cursor(std::uint8_t* at) : begin_(at), at_(at) {}
    void u32(std::uint32_t value) {
        put_number(at_, value, 4);
        at_ += 4;
    }
    void u64(std::uint64_t value) {
        put_number(at_, value, 8);
        at_ += 8;
    }
    void text(std::string_view value) {
        if (!value.empty()) std::memcpy(at_, value.data(), value.size());
        at_ += value.size();
    }
    std::size_t written() const { return static_cast<std::size_t>(at_ - begin_); }

private:
    std::uint8_t* begin_;
    std::uint8_t* at_;
};

char type_letter(std::uint32_t mode) {
    switch (mode & type_mask) {
    case type_directory: return 'd';
    case type_regular: return '-';
    case type_symlink: return 'l';
    case 0010000: return 'p';
    case 0020000: return 'c';
    case 0060000: return 'b';
    case 0140000: return 's';
    }
    return '?';
}

std::array<char, 11> mode_text(std::uint32_t mode) {
    std::array<char, 11> text{type_letter(mode)};
    static constexpr char letters[] = "rwxrwxrwx";
    for (std::size_t i = 0; i < 9; ++i)
        text[1 + i] = (mode & (0400u >> i)) != 0 ? letters[i] : '-';
    if ((mode & 04000) != 0) text[3] = (mode & 0100) != 0 ? 's' : 'S';
    if ((mode & 02000) != 0) text[6] = (mode & 0010) != 0 ? 's' : 'S';
    if ((mode & 01000) != 0) text[9] = (mode & 0001) != 0 ? 't' : 'T';
    return text;
}

// "Mar 25 14:29", or "Mar 25  2001" for what is old or in the future, as ls has it.
std::array<char, 16> time_text(std::int64_t when, const long_name_details& details) {
    static constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                             "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    using namespace std::chrono;
    const sys_seconds local{seconds(when + details.utc_offset)};
    const auto day_start = floor<days>(local);
    const year_month_day date(day_start);
    const hh_mm_ss time(local - day_start);
    const char* const month = months[static_cast<unsigned>(date.month()) - 1];
    const auto day = static_cast<unsigned>(date.day()) & 31;

    std::array<char, 16> text{};
    constexpr std::int64_t half_a_year = 365 * 24 * 3600 / 2;
    if (when > details.now || when < details.now - half_a_year)
        std::snprintf(text.data(), text.size(), "%s %2u %5d", month, day,
                      static_cast<int>(date.year()) % 10000);
    else
        std::snprintf(text.data(), text.size(), "%s %2u %02u:%02u", month, day,
                      static_cast<unsigned>(time.hours().count()) % 24,
                      static_cast<unsigned>(time.minutes().count()) % 60);
    return text;
}

}  // namespace

name_batch::name_batch() : packet_(names_length_max) { packet_.commit(header_length); }

bool name_batch::full() const {
    return count_ >= limits::sftp_directory_batch_max ||
           packet_.size() + entry_length_max > names_length_max;
}

bool name_batch::add(std::string_view name, std::string_view long_prefix, const attributes& attrs) {
    expects(!full());
    if (name.size() > limits::sftp_name_length_max || long_prefix.size() > prefix_length_max)
        return false;
    cursor w(packet_.space().data());
    w.u32(static_cast<std::uint32_t>(name.size()));
    w.text(name);
    w.u32(static_cast<std::uint32_t>(long_prefix.size() + name.size()));
    w.text(long_prefix);
    w.text(name);
    w.u32((attrs.size ? attr_size : 0) | (attrs.owner ? attr_uidgid : 0) |
          (attrs.permissions ? attr_permissions : 0) | (attrs.times ? attr_acmodtime : 0));
    if (attrs.size) w.u64(*attrs.size);
    if (attrs.owner) {
        w.u32(attrs.owner->uid);
        w.u32(attrs.owner->gid);
    }
    if (attrs.permissions) w.u32(*attrs.permissions);
    if (attrs.times) {
        w.u32(attrs.times->atime);
        w.u32(attrs.times->mtime);
    }
    packet_.commit(w.written());
    ++count_;
    return true;
}

void name_batch::erase_if(bool (*predicate)(std::string_view name)) {
    std::uint8_t* const begin = packet_.span().data();
    const bytes_view all = packet_.view();
    std::size_t kept = header_length;
    std::uint32_t count = 0;
    wire::reader r(all.subspan(header_length));
    while (!r.at_end()) {
        const std::size_t from = all.size() - r.left().size();
        name_entry entry;
        r.read(entry.filename);
        r.read(entry.longname);
        get(r, entry.attrs);
        expects(!r.error());  // we wrote it
        if (predicate(entry.filename)) continue;
        const std::size_t length = all.size() - r.left().size() - from;
        if (kept != from) std::memmove(begin + kept, begin + from, length);
        kept += length;
        ++count;
    }
    packet_.clear();
    packet_.commit(kept);
    count_ = count;
}

wire::buffer name_batch::to_packet(std::uint32_t id) && {
    std::uint8_t* const at = packet_.span().data();
    put_number(at, packet_.size() - 4, 4);
    at[4] = fxp_name::number;
    put_number(at + 5, id, 4);
    put_number(at + 9, count_, 4);
    return std::move(packet_);
}

std::string long_name_prefix(const attributes& attrs, const long_name_details& details) {
    const auto number_or = [](std::string_view name, std::uint32_t number) {
        return name.empty() ? std::to_string(number) : std::string(name.substr(0, 64));
    };
    const std::string user = number_or(details.user, attrs.owner ? attrs.owner->uid : 0);
    const std::string group = number_or(details.group, attrs.owner ? attrs.owner->gid : 0);
    const auto time = time_text(attrs.times ? attrs.times->mtime : 0, details);
    char text[prefix_length_max];
    const int n =
        std::snprintf(text, sizeof text, "%s %3llu %-8s %-8s %8llu %s ",
                      mode_text(attrs.permissions.value_or(0)).data(),
                      static_cast<unsigned long long>(details.links), user.c_str(), group.c_str(),
                      static_cast<unsigned long long>(attrs.size.value_or(0)), time.data());
    return {text, static_cast<std::size_t>(n)};
}

}  // namespace sluice::sftp
