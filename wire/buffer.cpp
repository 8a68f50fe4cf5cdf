#include "sluice/wire/buffer.hpp"

#include <array>
#include <new>

namespace sluice::wire {
namespace {

// Smaller blocks are the allocator's business, larger ones are rare.
constexpr std::size_t kept_above = 64 * 1024;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::size_t kept_max = 0;  // so that a use after free is seen
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr std::size_t kept_max = 0;
#else
constexpr std::size_t kept_max = 16;
#endif
#else
constexpr std::size_t kept_max = 16;
#endif

class kept_blocks {
public:
    ~kept_blocks() {
        while (std::uint8_t* const p = take())
            ::operator delete(p);
        closed_ = true;
    }
    std::uint8_t* take() { return count_ == 0 ? nullptr : blocks_[--count_]; }
    bool keep(std::uint8_t* p) {
        if (closed_ || count_ == kept_max) return false;
        blocks_[count_++] = p;
        return true;
    }

private:
    std::array<std::uint8_t*, kept_max + 1> blocks_;
    std::size_t count_ = 0;
    bool closed_ = false;  // the thread is ending
};

thread_local kept_blocks kept;

}  // namespace

block::block(std::size_t size) : size_(size) {
    if (size > kept_above && size <= bulk_block_size) {
        size_ = bulk_block_size;
        data_ = kept.take();
    }
    if (data_ == nullptr) data_ = static_cast<std::uint8_t*>(::operator new(size_));
}

void block::release() {
    if (size_ != bulk_block_size || !kept.keep(data_)) ::operator delete(data_);
    data_ = nullptr;
}

}  // namespace sluice::wire
