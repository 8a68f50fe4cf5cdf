// What a peer's messages cost: bounded by their length and a constant each, whatever it sends.
//
// Counted are bytes copied (memcpy and memmove of the whole program, libraries included) and
// allocations. A test runs N and 4 N messages: what grows faster than the messages shows.

#include "sluice/sftp/codec.hpp"
#include "sluice/sftp/driver.hpp"
#include "sluice/sftp/requests.hpp"
#include "sluice/tests/support/linked.hpp"
#include "sluice/tests/support/memory_filesystem.hpp"
#include "sluice/wire/limits.hpp"

#include <gtest/gtest.h>

#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <ostream>
#include <string>

// AddressSanitizer has its own memcpy: there, allocations alone are counted. ThreadSanitizer has
// its own operator new too: there, nothing could be counted and so there are no tests.
#if defined(__has_feature)
#define SLUICE_HAS_FEATURE(name) __has_feature(name)
#else
#define SLUICE_HAS_FEATURE(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || SLUICE_HAS_FEATURE(address_sanitizer)
#define SLUICE_COUNTS_COPIES 0
#else
#define SLUICE_COUNTS_COPIES 1
#endif
#if !defined(__SANITIZE_THREAD__) && !SLUICE_HAS_FEATURE(thread_sanitizer)

namespace {

std::atomic<std::size_t> allocations;
std::atomic<std::size_t> allocated;  // bytes, ever
std::atomic<std::size_t> freed;
std::atomic<std::size_t> peak;  // bytes in use at once
std::atomic<std::size_t> copied;

void* count_allocation(std::size_t n) noexcept {
    void* const p = std::malloc(n == 0 ? 1 : n);
    if (p == nullptr) std::abort();
    ++allocations;
    allocated += ::malloc_usable_size(p);
    peak = std::max<std::size_t>(peak, allocated - freed);
    return p;
}

void count_free(void* p) noexcept {
    if (p != nullptr) freed += ::malloc_usable_size(p);
    std::free(p);
}

}  // namespace

void* operator new(std::size_t n) { return count_allocation(n); }
void* operator new[](std::size_t n) { return count_allocation(n); }
void* operator new(std::size_t n, const std::nothrow_t&) noexcept { return count_allocation(n); }
void* operator new[](std::size_t n, const std::nothrow_t&) noexcept { return count_allocation(n); }
void operator delete(void* p) noexcept { count_free(p); }
void operator delete[](void* p) noexcept { count_free(p); }
void operator delete(void* p, std::size_t) noexcept { count_free(p); }
void operator delete[](void* p, std::size_t) noexcept { count_free(p); }

#if SLUICE_COUNTS_COPIES
// Byte by byte, with a barrier: the compiler would make a call of memcpy of it.
extern "C" void* memmove(void* to, const void* from, std::size_t n) {
    copied += n;
    auto* const t = static_cast<unsigned char*>(to);
    const auto* const f = static_cast<const unsigned char*>(from);
    const bool down = t < f;
    for (std::size_t i = 0; i < n; ++i) {
        const std::size_t at = down ? i : n - 1 - i;
        t[at] = f[at];
        asm volatile("" ::: "memory");
    }
    return to;
}
extern "C" void* memcpy(void* to, const void* from, std::size_t n) { return memmove(to, from, n); }
#endif

namespace sluice {
namespace {

using test::linked;

struct cost {
    std::size_t allocations = 0;
    std::size_t allocated = 0;  // bytes
    std::size_t peak = 0;       // bytes in use above those at the start
    std::size_t copied = 0;     // bytes

    friend std::ostream& operator<<(std::ostream& out, const cost& c) {
        return out << c.allocations << " allocations of " << c.allocated << " bytes, at most "
                   << c.peak << " at once, " << c.copied << " bytes copied";
    }
};

// What `work` costs.
template <class Work>
cost cost_of(Work&& work) {
    const std::size_t in_use = ::allocated - ::freed;
    ::peak = in_use;
    const cost before{::allocations, ::allocated, in_use, ::copied};
    work();
    return {::allocations - before.allocations, ::allocated - before.allocated,
            ::peak - before.peak, ::copied - before.copied};
}

// Not more than `times` as much, with something for what happens now and then.
void expect_at_most(const cost& c, double times, const cost& base, std::size_t slack = 4096) {
    const auto bound = [&](std::size_t n) {
        return static_cast<std::size_t>(times * static_cast<double>(n)) + slack;
    };
    EXPECT_LE(c.allocations, bound(base.allocations)) << c << "\nagainst " << base;
    EXPECT_LE(c.allocated, bound(base.allocated)) << c << "\nagainst " << base;
    EXPECT_LE(c.copied, bound(base.copied)) << c << "\nagainst " << base;
}

bytes all_output(transport& client) {
    const bytes data = to_bytes(client.output());
    client.consume_output(data.size());
    client.release_idle_memory();
    return data;
}

// What the client has to say, received by the server `piece` bytes at a time into space for a whole
// read, as a driver does it.
cost receive(linked& l, std::size_t piece = 16 * 1024) {
    const bytes data = all_output(*l.client);
    return cost_of([&] {
        for (std::size_t at = 0; at < data.size(); at += piece) {
            const auto part = bytes_view(data).subspan(at, std::min(piece, data.size() - at));
            std::ranges::copy(part, l.server->prepare_input(16 * 1024).begin());
            l.server->commit_input(part.size(), l.now);
            l.poll_server();
            while (!l.server->output().empty())
                l.server->consume_output(l.server->output().size());
        }
    });
}

// Freed blocks that the thread keeps for the next bulk data.
constexpr std::size_t kept_blocks = 2 * wire::bulk_block_size;

constexpr std::size_t wire_size_min = 36;  // of a packet with a payload of some bytes

bytes one_byte(std::uint32_t id) { return wire::encoded(channel_data{id, as_bytes("x")}); }

struct logged_in : linked {
    logged_in() {
        start();
        log_in();
        id = open_session();
    }
    std::uint32_t id;
};

// --- input --------------------------------------------------------------------------------------

TEST(Cost, ManyTinyPackets) {
    const struct {
        const char* name;
        bytes (*payload)(std::uint32_t id);
        double allocations;  // each
    } cases[] = {
        {"a byte of data", one_byte, 0},
        {"nothing at all",
         [](std::uint32_t id) {
             return wire::encoded(channel_data{id, {}});
         },
         0},
        {"window of a byte",
         [](std::uint32_t id) {
             return wire::encoded(channel_window_adjust{id, 1});
         },
         0},
        {"IGNORE", [](std::uint32_t) { return wire::encoded(ignore{as_bytes("x")}); }, 0},
        {"an unknown global request", [](std::uint32_t) { return test::global("what@this", true); },
         0},
        {"an unknown channel request",
         [](std::uint32_t id) {
             return wire::encoded(channel_request_message{id, "what@this", true, {}});
         },
         0},
        {"a number of no message", [](std::uint32_t) { return bytes{127}; }, 2},
        {"a request after the login", [](std::uint32_t) { return test::none_request(); }, 0},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        logged_in l;
        const auto run = [&](std::size_t n) {
            for (std::size_t i = 0; i < n; ++i)
                l.client->send(c.payload(l.id));
            return receive(l);
        };
        run(1000);  // buffers get their size
        const cost few = run(1000);
        const cost many = run(4000);
        ASSERT_EQ(l.server_error, error_code());
        expect_at_most(many, 4, few);
        EXPECT_LE(many.allocations, static_cast<std::size_t>(c.allocations * 4000) + 8) << many;
        EXPECT_LE(many.copied, 4000 * 6 * wire_size_min) << many;
    }
}

TEST(Cost, InputThatComesByteByByte) {
    logged_in l;
    l.server_settings.channels.window_size = 1 << 30;
    const bytes data(32 * 1024, 'x');
    const auto say = [&](std::size_t packets) {
        std::size_t n = 0;
        for (std::size_t i = 0; i < packets; ++i) {
            l.client->send(wire::encoded(channel_data{l.id, data}));
            n += data.size();
        }
        return n;
    };
    say(8);
    receive(l);
    say(8);
    const cost at_once = receive(l);
    const std::size_t size = say(32);
    const cost by_byte = receive(l, 1);
    ASSERT_EQ(l.server_error, error_code());
    expect_at_most(by_byte, 4 * 2, at_once, 64 * 1024);
    EXPECT_LE(by_byte.copied, 4 * size) << by_byte;
    EXPECT_LE(by_byte.allocations, 8u) << by_byte;
}

// The largest packet there may be, and never its end: no byte of it is looked at twice.
TEST(Cost, APacketThatNeverEnds) {
    logged_in l;
    l.client->send(wire::encoded(channel_data{l.id, bytes(250 * 1024, 'x')}));
    bytes data = all_output(*l.client);
    data.pop_back();
    const cost c = cost_of([&] {
        for (const std::uint8_t byte : data) {
            l.server->prepare_input(16 * 1024).front() = byte;
            l.server->commit_input(1, l.now);
            l.poll_server();
        }
    });
    EXPECT_LE(c.copied, 2 * data.size() + 64 * 1024) << c;
    EXPECT_LE(c.peak, 3 * limits::packet_length_max) << c;
    EXPECT_EQ(l.server_error, error_code());
}

TEST(Cost, NameListsOfTheGreatestLength) {
    const auto names = [](std::size_t n, std::string_view last) {
        std::vector<std::string> list;
        for (std::size_t i = 0; i + 1 < n; ++i)
            list.push_back("unknown-" + std::to_string(1000 + i));
        list.emplace_back(last);
        return list;
    };
    const auto run = [&](std::size_t n) {
        linked l;
        l.server_settings.transport.host_keys = {test::test_host_key()};
        l.client_settings.kex_algorithms = names(n, "curve25519-sha256");
        l.client_settings.ciphers = names(n / 2, "aes128-gcm@openssh.com");
        l.start();
        const cost c = receive(l);
        EXPECT_EQ(l.server_error, error_code());
        l.client.emplace(l.client_settings, role::client, l.now);
        l.start();
        l.run();
        EXPECT_TRUE(l.server->lower().keys_in_use()) << "the last of " << n << " is the one";
        return c;
    };
    constexpr std::size_t most = limits::name_list_names_max - 2;  // and two markers
    run(most);
    const cost few = run(most / 4);
    const cost many = run(most);
    expect_at_most(many, 4, few);
    EXPECT_LE(many.allocated, 256u * 1024) << many;
}

// A packet before there are keys.
void append_in_clear(bytes& out, bytes_view payload) {
    const std::size_t padding = 4 + (8 - (4 + 1 + payload.size() + 4) % 8) % 8;
    wire::writer w(out);
    w.write(static_cast<std::uint32_t>(1 + payload.size() + padding));
    w.write(static_cast<std::uint8_t>(padding));
    w.append(payload);
    out.resize(out.size() + padding);
}

// KEXINIT in the clear, with these lists.
bytes first_packet(const std::string& names) {
    bytes payload(1 + 16, 20);
    wire::writer w(payload);
    for (int i = 0; i < 10; ++i)
        w.write(std::string_view(i == 0 ? names : "none"));
    w.write(false);
    w.write(std::uint32_t{0});
    bytes out = to_bytes(as_bytes("SSH-2.0-test\r\n"));
    append_in_clear(out, payload);
    return out;
}

// --- before the login ---------------------------------------------------------------------------

// However a stranger floods and leaves the answers unread: what he makes the server keep is the
// documented bound, beside the buffers of a packet in and out.
TEST(Cost, WhatAStrangerCanMakeTheServerKeep) {
    const bytes large(30'000, 'x');
    const struct {
        const char* name;
        bytes payload;
    } floods[] = {
        {"pings", wire::encoded(ping{})},
        {"large pings", wire::encoded(ping{large})},
        {"IGNORE", wire::encoded(ignore{as_bytes("x")})},
        {"large IGNORE", wire::encoded(ignore{large})},
        {"DEBUG", wire::encoded(debug{true, "x", ""})},
        {"a number of no message", {127}},
        {"a large message of no known number",
         [&] {
             bytes m = large;
             m.front() = 127;
             return m;
         }()},
        {"global requests", test::global("what@this", true)},
        {"channels", wire::encoded(channel_open{"session", 1, 1000, 1000, {}})},
        {"EXT_INFO", wire::encoded(ext_info{})},
        {"requests for the service", wire::encoded(service_request{"ssh-userauth"})},
        {"logins that fail", test::password_request("no")},
        {"large logins", test::password_request(std::string(30'000, 'x'))},
        {"answers to nothing", {61, 0, 0, 0, 0}},
    };
    enum class moment { in_exchange, in_exchange_not_strict, after_it, in_login, in_question };
    using enum moment;
    constexpr std::size_t flood_size = 1 << 20;  // bytes
    // What comes and what waits to be sent are in a block each, of which no more is touched than is
    // used.
    constexpr std::size_t bound = limits::unauthenticated_bytes_max + 2 * wire::bulk_block_size +
                                  3 * limits::packet_length_max_before_auth;
    for (const auto& f : floods) {
        for (const moment when :
             {in_exchange, in_exchange_not_strict, after_it, in_login, in_question}) {
            SCOPED_TRACE(std::string(f.name) + ", moment " +
                         std::to_string(static_cast<int>(when)));
            linked l;
            l.server_settings.auth.method_chains = {{"password"}};
            l.decide = [&](const auth_question&) -> std::optional<auth_answer> {
                if (when == in_question) return std::nullopt;
                return auth_answer::refuse;
            };
            l.start();
            const bool exchanged = when == after_it || when == in_login || when == in_question;
            bytes data;
            if (exchanged) {
                l.run();
                if (when != after_it) l.begin_login();
                if (when == in_question) l.say({test::password_request("?")});
                for (std::size_t n = 0; n < flood_size; n += f.payload.size() + wire_size_min)
                    l.client->send(f.payload);
                data = all_output(*l.client);
            } else {
                data = all_output(*l.client);
                if (when == in_exchange_not_strict) {
                    const auto name = std::ranges::search(data, std::string_view("kex-strict-c"));
                    ASSERT_FALSE(name.empty());
                    name.front() = 'K';
                }
                while (data.size() < flood_size)
                    append_in_clear(data, f.payload);
            }
            std::size_t taken = 0;
            const cost c = cost_of([&] {
                while (taken < data.size() && l.server->wants_input() && !l.server_error) {
                    const auto part = bytes_view(data).subspan(
                        taken, std::min<std::size_t>(16 * 1024, data.size() - taken));
                    std::ranges::copy(part, l.server->prepare_input(16 * 1024).begin());
                    l.server->commit_input(part.size(), l.now);
                    l.poll_server();
                    taken += part.size();
                }
            });
            EXPECT_LE(c.peak, bound) << c << ", " << taken << " bytes taken";
            EXPECT_FALSE(l.server->authenticated());
        }
    }
}

TEST(Cost, NameListsPastTheCap) {
    std::string many_names = "n";
    for (std::size_t i = 0; i < limits::name_list_names_max; ++i)
        many_names += ",n";
    const struct {
        const char* name;
        std::string list;
        errc error;
    } cases[] = {
        {"few enough, none known", "n,n,n", errc::no_common_kex},
        {"too many names", many_names, errc::too_long},
        {"too many bytes", std::string(30'000, ','), errc::too_long},
        {"a name too long", std::string(limits::name_length_max + 1, 'n'), errc::bad_name_list},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        linked l;
        l.start();
        const bytes data = first_packet(c.list);
        const cost spent = cost_of([&] { l.give_server(data); });
        EXPECT_EQ(l.server_error, c.error);
        EXPECT_LE(spent.allocated, wire::bulk_block_size + 64u * 1024 + 4 * data.size()) << spent;
        EXPECT_LE(spent.copied, 16u * 1024 + 8 * data.size()) << spent;
    }
}

// A few KiB that would be 16 MiB: inflated no further than a packet may be.
TEST(Cost, ACompressedPacketThatInflatesPastTheLimit) {
    linked l;
    l.client_settings.compressions = {"zlib@openssh.com"};
    l.server_settings.transport.compressions = {"zlib@openssh.com"};
    l.start();
    l.log_in();
    const auto id = l.open_session();
    l.client->send(wire::encoded(channel_data{id, bytes(16 << 20, 0)}));
    ASSERT_LT(l.client->output().size(), 64u * 1024);
    const cost c = receive(l);
    EXPECT_EQ(l.server_error, errc::inflated_too_long);
    EXPECT_LE(c.peak, 4 * limits::packet_length_max) << c;
    EXPECT_LE(c.allocated, 5 * limits::packet_length_max) << c;
}

TEST(Cost, TenThousandChannelsThatAreRefused) {
    const struct {
        const char* name;
        bytes open;
    } cases[] = {
        {"of an unknown type", wire::encoded(channel_open{"x11", 1, 1000, 1000, {}})},
        {"without packets", wire::encoded(channel_open{"session", 1, 1000, 0, {}})},
        {"of a type that is not served", wire::encoded(channel_open{"session", 1, 1000, 1, {}})},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        logged_in l;
        l.on_server_event = [&](server_event& event) {
            if (const auto* channel = std::get_if<channel_event>(&event))
                if (const auto* open = std::get_if<channel_open_event>(channel))
                    l.server->channels().refuse_open(open->id, 1, "no");
        };
        const auto run = [&](std::size_t n) {
            for (std::size_t i = 0; i < n; ++i)
                l.client->send(c.open);
            return receive(l);
        };
        run(2500);
        const std::size_t in_use = ::allocated - ::freed;
        const cost few = run(2500);
        const cost many = run(10'000);
        EXPECT_LE(::allocated - ::freed, in_use + kept_blocks) << "nothing of them is kept";
        expect_at_most(many, 4, few);
        EXPECT_LE(many.allocations, 10'000u + 8) << many;
        EXPECT_EQ(l.server->channels().open_channels(), 1u);
        EXPECT_EQ(l.server_error, error_code());
    }
}

TEST(Cost, ChannelsThatComeAndGo) {
    linked l;
    l.start();
    l.log_in();
    std::uint32_t next = 0;
    const auto run = [&](std::size_t n) {
        for (std::size_t i = 0; i < n; ++i) {
            l.client->send(wire::encoded(channel_open{"session", 1, 1000, 1000, {}}));
            l.client->send(wire::encoded(channel_close{next++}));
        }
        return receive(l);
    };
    run(1000);
    const std::size_t in_use = ::allocated - ::freed;
    const cost few = run(1000);
    const cost many = run(4000);
    ASSERT_EQ(l.server_error, error_code());
    EXPECT_LE(::allocated - ::freed, in_use + kept_blocks);
    expect_at_most(many, 4, few);
}

// --- output -------------------------------------------------------------------------------------

void write(linked& l, std::uint32_t id, std::size_t n) {
    wire::buffer chunk(n);
    chunk.commit(n);
    l.server->channels().write(id, std::move(chunk));
}

TEST(Cost, AShutWindowCostsNothing) {
    linked l;
    l.start();
    l.log_in();
    const auto id = l.open_session(0);
    write(l, id, 1 << 20);
    l.run();
    ASSERT_TRUE(l.server->channels().has_pending_output());
    const cost c = cost_of([&] {
        for (int i = 0; i < 100'000; ++i) {
            l.poll_server();
            l.server->channels().flush();
            l.server->consume_output(0);
        }
    });
    EXPECT_EQ(c.allocations, 0u) << c;
    EXPECT_EQ(c.copied, 0u) << c;
    EXPECT_TRUE(l.server->output().empty());
    EXPECT_EQ(l.server->next_deadline(), time_point{} + l.server_settings.keepalive_interval)
        << "nor does it want to be called";
}

// One byte out for each that is allowed, whatever waits behind it.
TEST(Cost, AWindowThatIsOpenedByteByByte) {
    const auto run = [](std::size_t behind) {
        linked l;
        l.start();
        l.log_in();
        const auto id = l.open_session(0);
        write(l, id, behind);
        constexpr std::size_t n = 10'000;
        for (std::size_t i = 0; i < n; ++i)
            l.client->send(wire::encoded(channel_window_adjust{id, 1}));
        const bytes data = all_output(*l.client);
        std::ranges::copy(data, l.server->prepare_input(data.size()).begin());
        l.server->commit_input(data.size(), l.now);
        const cost c = cost_of([&] { l.poll_server(); });
        l.run();
        EXPECT_LE(l.count(channel_data::number), n);  // the output buffer fills on the way
        EXPECT_EQ(l.server->channels().report(id).bytes_sent, n);
        return c;
    };
    run(20'000);
    const cost little = run(20'000);
    const cost much = run(1 << 20);
    expect_at_most(much, 1, little);
    EXPECT_LE(much.allocations, 16u) << much;
    EXPECT_LE(much.copied, 10'000u * 8 * wire_size_min) << much;
}

// A packet size of a byte makes many packets, not much memory.
TEST(Cost, PacketsOfAByte) {
    linked l;
    l.start();
    l.log_in();
    const auto id = l.open_session(1 << 20, 1);
    const auto run = [&](std::size_t n) {
        return cost_of([&] {
            write(l, id, n);
            for (;;) {
                const std::size_t size = l.server->output().size();
                if (size == 0) break;
                l.server->consume_output(size);
            }
        });
    };
    run(100'000);
    const cost few = run(100'000);
    const cost many = run(400'000);
    EXPECT_FALSE(l.server->channels().has_pending_output());
    expect_at_most(many, 4, few, 2 * wire::bulk_block_size);  // what is written is a block itself
    EXPECT_LE(many.copied, 400'000u * 4 * wire_size_min) << many;
    EXPECT_LE(many.peak, 400'000 + 4 * limits::output_high_water) << many;
}

TEST(Cost, ASocketThatTakesAByteATime) {
    logged_in l;
    write(l, l.id, 256 * 1024);
    const std::size_t size = l.server->output().size();
    const cost c = cost_of([&] {
        while (!l.server->output().empty())
            l.server->consume_output(1);
    });
    EXPECT_LE(c.allocations, 4u) << c;  // what did not fit follows as room comes
    EXPECT_LE(c.copied, size) << c;
}

// Tiny writes behind a shut window are gathered: bounded in memory, each byte moved a few times.
TEST(Cost, AQueueOfSmallWrites) {
    const auto run = [](std::size_t n, std::size_t chunk) {
        linked l;
        l.start();
        l.log_in();
        const auto id = l.open_session(0);
        std::size_t written = 0;
        const cost c = cost_of([&] {
            while (written < n && l.server->channels().writable(id) != 0) {
                write(l, id, chunk);
                written += chunk;
            }
        });
        EXPECT_GE(written, n) << "the bound is on bytes";
        return c;
    };
    for (const std::size_t chunk : {1u, 10u, 500u}) {
        SCOPED_TRACE(chunk);
        const cost few = run(100'000, chunk);
        const cost many = run(400'000, chunk);
        expect_at_most(many, 4.2, few, 64 * 1024);
        EXPECT_LE(many.copied, 4u * 400'000) << many;
        EXPECT_LE(many.peak, 3u * 400'000) << many;
    }
}

// --- SFTP ---------------------------------------------------------------------------------------

TEST(Cost, ManyTinySftpRequests) {
    const auto request = [](const auto& m) {
        bytes packet;
        wire::writer w(packet);
        const std::size_t mark = w.begin_string();
        sftp::encode(m, packet);
        w.end_string(mark);
        return packet;
    };
    const bytes handle{0, 0, 0, 0};
    const struct {
        const char* name;
        bytes packet;
    } cases[] = {
        {"of a handle that is not there", request(sftp::fxp_fstat{1, handle})},
        {"of a file that is not there", request(sftp::fxp_lstat{1, "/absent"})},
        {"a byte of a file", request(sftp::fxp_stat{1, "/file"})},
        {"of a type that is not there", {0, 0, 0, 5, 99, 0, 0, 0, 1}},
        {"cut short", {0, 0, 0, 6, sftp::fxp_lstat::number, 0, 0, 0, 1, 0}},
    };
    for (const auto& c : cases) {
        for (const std::size_t piece : {std::size_t{1}, std::size_t{10'000}}) {
            SCOPED_TRACE(std::string(c.name) + ", in pieces of " + std::to_string(piece));
            test::memory_filesystem files;
            files.add_file("/file", {1});
            sftp::server server;
            sftp::driver driver(server, files, [] {});
            const auto give = [&](bytes_view data) {
                for (std::size_t at = 0; at < data.size(); at += piece) {
                    server.receive(data.subspan(at, std::min(piece, data.size() - at)));
                    do {
                        driver.start_ready();
                        while (server.has_output())
                            server.next_output();
                    } while (server.take_consumed() != 0);
                    files.log.clear();
                }
            };
            give(request(sftp::fxp_init{3, {}}));
            const auto run = [&](std::size_t n) {
                bytes data;
                for (std::size_t i = 0; i < n; ++i)
                    data.insert(data.end(), c.packet.begin(), c.packet.end());
                const auto before = server.report().requests_answered;
                const cost spent = cost_of([&] { give(data); });
                EXPECT_EQ(server.report().requests_answered - before, n);
                return spent;
            };
            run(1000);
            const std::size_t in_use = ::allocated - ::freed;
            const cost few = run(1000);
            const cost many = run(4000);
            EXPECT_LE(::allocated - ::freed, in_use + 4096);
            EXPECT_EQ(server.error(), error_code());
            expect_at_most(many, 4.2, few);
            EXPECT_LE(many.allocations, 12u * 4000) << many;
            EXPECT_LE(many.copied, 4000u * 1024) << many;
        }
    }
}

}  // namespace
}  // namespace sluice

#endif
