#include "sluice/crypto/random.hpp"

#include "sluice/wire/expects.hpp"

#include <openssl/rand.h>

#include <algorithm>
#include <array>

namespace sluice::crypto {
namespace {

class openssl_random final : public random_source {
public:
    void fill(mutable_bytes_view out) override {
        expects(RAND_bytes(out.data(), static_cast<int>(out.size())) == 1);
    }

    // A draw from OpenSSL's generator costs a microsecond whatever its size.
    void fill_padding(mutable_bytes_view out) override {
        struct stock {
            std::array<std::uint8_t, 4096> data;
            std::size_t used = sizeof(data);
        };
        thread_local stock mine;
        if (out.size() > mine.data.size()) return fill(out);
        if (out.size() > mine.data.size() - mine.used) {
            fill(mine.data);
            mine.used = 0;
        }
        std::copy_n(mine.data.begin() + static_cast<std::ptrdiff_t>(mine.used), out.size(),
                    out.begin());
        mine.used += out.size();
    }
};

}  // namespace

random_source& system_random() {
    static openssl_random instance;
    return instance;
}

}  // namespace sluice::crypto
