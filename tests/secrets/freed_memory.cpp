#include "sluice/tests/secrets/freed_memory.hpp"

#include <malloc.h>
#include <openssl/crypto.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>

namespace sluice::test {
namespace {

constexpr std::size_t capacity = std::size_t{1} << 30;  // of address space, touched as needed

std::uint8_t* memory = nullptr;
std::atomic<std::size_t> used = 0;
std::atomic<bool> watching = false;
std::atomic<bool> watching_openssl = false;

struct known_secret {
    std::string name;
    std::vector<std::uint8_t> bytes;
};
std::vector<known_secret>* secrets = nullptr;

// With SLUICE_STOP_AT_SECRET in the environment the process ends where a secret is freed that is
// known by then, so that a debugger shows who does it.
void stop_at_secret(const void* block, std::size_t size) {
    for (const known_secret& one : *secrets)
        for (std::size_t at = 0; at + freed_memory::window <= one.bytes.size();
             at += freed_memory::window)
            if (::memmem(block, size, one.bytes.data() + at, freed_memory::window) != nullptr)
                std::abort();
}

void note(const void* block) {
    if (block == nullptr || !watching.load(std::memory_order_relaxed)) return;
    const std::size_t size = ::malloc_usable_size(const_cast<void*>(block));
    static const bool stops = std::getenv("SLUICE_STOP_AT_SECRET") != nullptr;
    if (stops) stop_at_secret(block, size);
    const std::size_t at = used.fetch_add(size);
    if (at + size <= capacity) std::memcpy(memory + at, block, size);
}

void* allocated(std::size_t size) {
    void* const block = std::malloc(size);
    if (block == nullptr) throw std::bad_alloc();
    return block;
}

void* openssl_malloc(std::size_t size, const char*, int) { return std::malloc(size); }

void openssl_free(void* block, const char*, int) {
    if (watching_openssl.load(std::memory_order_relaxed)) note(block);
    std::free(block);
}

// As a new block, so that the old one is seen.
void* openssl_realloc(void* block, std::size_t size, const char* file, int line) {
    if (block == nullptr) return std::malloc(size);
    void* const moved = std::malloc(size);
    if (moved == nullptr) return nullptr;
    std::memcpy(moved, block, std::min(size, ::malloc_usable_size(block)));
    openssl_free(block, file, line);
    return moved;
}

}  // namespace

freed_memory::freed_memory(whose memory_of) {
    secrets = new std::vector<known_secret>;
    if (memory == nullptr)
        memory =
            static_cast<std::uint8_t*>(::mmap(nullptr, capacity, PROT_READ | PROT_WRITE,
                                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    if (memory == MAP_FAILED) std::abort();
    used = 0;
    watching_openssl = memory_of == whose::everybodys;
    watching = true;
}

freed_memory::~freed_memory() {
    watching = false;
    static_cast<void>(::madvise(memory, capacity, MADV_DONTNEED));
    for (known_secret& one : *secrets)
        ::OPENSSL_cleanse(one.bytes.data(), one.bytes.size());
    delete secrets;
}

void freed_memory::secret(std::string name, std::span<const std::uint8_t> bytes) {
    watching = false;
    secrets->push_back({std::move(name), {bytes.begin(), bytes.end()}});
    watching = true;
}

void freed_memory::secret(std::string name, std::string_view text) {
    secret(std::move(name),
           std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
}

std::vector<std::string> freed_memory::found() const {
    watching = false;
    std::vector<std::string> names;
    if (used > capacity) names.emplace_back("too much was freed");
    const std::size_t size = std::min(used.load(), capacity);
    for (const known_secret& one : *secrets) {
        if (std::ranges::find(names, one.name) != names.end()) continue;
        for (std::size_t at = 0; at + window <= one.bytes.size(); at += window)
            if (::memmem(memory, size, one.bytes.data() + at, window) != nullptr) {
                names.push_back(one.name + " at " + std::to_string(at));
                break;
            }
    }
    return names;
}

std::size_t freed_memory::size() const { return used; }

bool watch_openssl() {
    return ::CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free) == 1;
}

void free_by_openssl(std::string_view text, bool cleansed) {
    void* const copy = OPENSSL_malloc(text.size());
    std::memcpy(copy, text.data(), text.size());
    cleansed ? OPENSSL_clear_free(copy, text.size()) : OPENSSL_free(copy);
}

}  // namespace sluice::test

void* operator new(std::size_t size) { return sluice::test::allocated(size); }
void* operator new[](std::size_t size) { return sluice::test::allocated(size); }
void operator delete(void* block) noexcept {
    sluice::test::note(block);
    std::free(block);
}
void operator delete[](void* block) noexcept {
    sluice::test::note(block);
    std::free(block);
}
void operator delete(void* block, std::size_t) noexcept { operator delete(block); }
void operator delete[](void* block, std::size_t) noexcept { operator delete(block); }
