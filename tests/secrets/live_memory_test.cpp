// Secrets that are kept are in memory in another form: what is there is looked through.

#include "sluice/crypto/private_key_fields.hpp"
#include "sluice/crypto/shielded_key.hpp"
#include "sluice/tests/support/seeded_random.hpp"
#include "sluice/wire/secret.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <optional>
#include <string>

namespace sluice::crypto {
namespace {

// Bytes to look for, of which memory holds only a masked form.
class masked {
public:
    explicit masked(bytes_view plain) {
        for (std::size_t i = 0; i < plain.size(); ++i)
            bytes_[i] = plain[i] ^ mask;
        size_ = plain.size();
    }
    bool is_at(const std::uint8_t* at) const {
        for (std::size_t i = 0; i < size_; ++i)
            if ((at[i] ^ mask) != bytes_[i]) return false;
        return true;
    }
    std::size_t size() const { return size_; }
    std::uint8_t at(std::size_t i) const { return bytes_[i] ^ mask; }

private:
    static constexpr std::uint8_t mask = 0xa5;
    std::array<std::uint8_t, 64> bytes_{};
    std::size_t size_ = 0;
};

// How often it is in the memory of this process that can be written to.
std::size_t times_in_memory(const masked& secret) {
    constexpr std::size_t page = 4096;
    constexpr std::size_t region_max = std::size_t{1} << 29;  // more is freed_memory's
    void* const mapped =
        ::mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    auto* const window = static_cast<std::uint8_t*>(mapped);
    const auto own = reinterpret_cast<std::uintptr_t>(window);
    const int memory = ::open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    EXPECT_GE(memory, 0);
    std::ifstream maps("/proc/self/maps");
    std::size_t times = 0;
    for (std::string line; std::getline(maps, line);) {
        std::uintptr_t begin = 0;
        std::uintptr_t end = 0;
        std::array<char, 5> rights{};
        if (std::sscanf(line.c_str(), "%lx-%lx %4s", &begin, &end, rights.data()) != 3) continue;
        if (rights[0] != 'r' || rights[1] != 'w' || end - begin > region_max) continue;
        for (std::uintptr_t at = begin; at < end; at += page) {
            if (at + 2 * page > own && at < own + 2 * page) continue;
            const ssize_t n = ::pread(memory, window, 2 * page, static_cast<off_t>(at));
            if (n < static_cast<ssize_t>(secret.size())) continue;
            const auto last =
                std::min<std::size_t>(page, static_cast<std::size_t>(n) - secret.size() + 1);
            for (std::size_t i = 0; i < last; ++i)
                if (secret.is_at(window + i)) ++times;
        }
    }
    ::close(memory);
    ::munmap(mapped, 2 * page);
    return times;
}

// What calls that have returned left below the stack's end; the next ones would do the same.
[[gnu::noinline]] void overwrite_stack() {
    std::array<volatile std::uint8_t, 256 * 1024> below;
    for (auto& byte : below)
        byte = 0;
}

TEST(ShieldedKey, MemoryHoldsNoKeyBetweenSignatures) {
    test::seeded_random random(2);
    std::optional<masked> seed;
    std::optional<private_key> plain;
    {
        const auto key = private_key::generate("ssh-ed25519").value();
        bytes fields;
        fields.reserve(1024);
        wire::writer w(fields);
        ASSERT_TRUE(write_private_fields(key, w));
        seed.emplace(bytes_view(fields).subspan(4 + 32 + 4, 32));
        wire::reader r(fields);
        plain = read_private_fields("ssh-ed25519", r).value();
        wipe(fields);
    }
    ASSERT_GT(times_in_memory(*seed), 0U) << "it is seen where it is";
    auto shield = shielded(*plain, random).value();
    plain.reset();
    overwrite_stack();
    EXPECT_EQ(times_in_memory(*seed), 0U);
    const auto signature = shield.sign("ssh-ed25519", as_bytes("what is signed"));
    ASSERT_TRUE(signature);
    overwrite_stack();
    EXPECT_EQ(times_in_memory(*seed), 0U);
}

}  // namespace
}  // namespace sluice::crypto
