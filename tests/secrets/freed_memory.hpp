#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::test {

/// Keeps what memory held when it was freed, so that a test can look for secrets in it: every
/// operator delete of the process and every free of OpenSSL's. One at a time.
class freed_memory {
public:
    enum class whose { everybodys, not_openssls };
    explicit freed_memory(whose memory = whose::everybodys);
    ~freed_memory();
    freed_memory(const freed_memory&) = delete;
    freed_memory& operator=(const freed_memory&) = delete;

    /// Remembers a secret in memory that is not watched. Only what is long enough not to be there
    /// by chance is looked for: in windows of `window` bytes, so that pieces are found too.
    void secret(std::string name, std::span<const std::uint8_t> bytes);
    void secret(std::string name, std::string_view text);

    /// The names of the secrets that are in freed memory, each once; "too much was freed" where not
    /// all could be kept.
    std::vector<std::string> found() const;

    /// How many bytes were freed since the beginning: a test that saw none has proven nothing.
    std::size_t size() const;

    static constexpr std::size_t window = 12;
};

/// Has OpenSSL's memory watched. To be called before anything of OpenSSL's is.
bool watch_openssl();

/// Allocates and frees a copy of `text` as OpenSSL does, for the test of the watch itself.
void free_by_openssl(std::string_view text, bool cleansed);

}  // namespace sluice::test
