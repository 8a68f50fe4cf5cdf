// One packet of a hostile server as the answer to each kind of request: what is taken fits what was
// asked for. The input is one packet without its length; its id is made to fit.

#include "sluice/fuzz/fuzz.hpp"
#include "sluice/sftp/client.hpp"
#include "sluice/sftp/names_reply.hpp"
#include "sluice/sftp/path.hpp"
#include "sluice/sftp/requests.hpp"
#include "sluice/wire/limits.hpp"

using namespace sluice;

namespace {

constexpr std::uint32_t read_length = 64;
constexpr std::uint32_t users[] = {0, 1000};

result<sftp::request_id> ask(sftp::client& c, unsigned kind, sftp::remote_handle h) {
    switch (kind) {
    case 0: return c.read(h, 0, read_length);
    case 1: return c.readdir(h);
    case 2: return c.open("/", sftp::fxf_read);
    case 3: return c.stat("/");
    case 4: return c.realpath("/");
    case 5: return c.statvfs("/");
    case 6: return c.users_groups(users, {});
    default: return c.remove("/");
    }
}
constexpr unsigned kinds = 8;

void put_u32(bytes& at, std::size_t offset, std::uint32_t value) {
    for (std::size_t i = 0; i < 4; ++i)
        at[offset + i] = static_cast<std::uint8_t>(value >> (24 - 8 * i));
}

void check(sftp::outcome& o, unsigned kind) {
    if (o.error) {
        expects(o.value.index() == 0);
        for (const char c : o.text)
            expects(c >= ' ' && c <= '~');
        return;
    }
    switch (kind) {
    case 0: {
        const auto n = std::get<wire::buffer>(o.value).size();
        return expects(n != 0 && n <= read_length);
    }
    case 1: {
        auto& names = std::get<sftp::names_reply>(o.value);
        sftp::name_entry entry;
        std::uint32_t n = 0;
        for (; names.next(entry); ++n)
            expects(entry.filename.find('/') == std::string_view::npos);
        return expects(n == names.count() && n + names.left_out() != 0);
    }
    case 2: return expects(std::holds_alternative<sftp::remote_handle>(o.value));
    case 3: return expects(std::holds_alternative<sftp::attributes>(o.value));
    case 4: return expects(sftp::check_path(std::get<std::string>(o.value)).has_value());
    case 5: return expects(std::holds_alternative<sftp::statvfs_reply>(o.value));
    case 6: {
        const auto& names = std::get<sftp::id_names>(o.value);
        return expects(names.users.size() == std::size(users) && names.groups.empty());
    }
    default: return expects(o.value.index() == 0);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 5 || size > 4096) return 0;
    for (unsigned kind = 0; kind < kinds; ++kind) {
        sftp::client c;
        bytes version{0, 0, 0, 0, 2, 0, 0, 0, 3};
        sftp::put_extension_list(version);
        put_u32(version, 0, static_cast<std::uint32_t>(version.size() - 4));
        c.receive(version);
        const auto opened = c.open("/", sftp::fxf_read);
        bytes handle{0, 0, 0, 10, 102, 0, 0, 0, 0, 0, 0, 0, 1, 'h'};
        put_u32(handle, 5, static_cast<std::uint32_t>(*opened));
        c.receive(handle);
        const auto h = std::get<sftp::remote_handle>(c.next_outcome()->value);

        const auto id = ask(c, kind, h);
        bytes packet(4);
        packet.insert(packet.end(), data, data + size);
        put_u32(packet, 0, static_cast<std::uint32_t>(size));
        put_u32(packet, 5, static_cast<std::uint32_t>(*id));
        c.receive(packet);
        auto o = c.next_outcome();
        expects(o.has_value() && o->id == *id);  // an answer, or the end of the session
        expects(!c.error() || o->error == c.error());
        check(*o, kind);
        expects(!c.next_outcome().has_value());
    }
    return 0;
}
