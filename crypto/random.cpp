#include "sluice/crypto/random.hpp"

#include "sluice/wire/expects.hpp"

#include <openssl/rand.h>

namespace sluice::crypto {
namespace {

class openssl_random final : public random_source {
public:
    void fill(mutable_bytes_view out) override {
        expects(RAND_bytes(out.data(), static_cast<int>(out.size())) == 1);
    }
};

}  // namespace

random_source& system_random() {
    static openssl_random instance;
    return instance;
}

}  // namespace sluice::crypto
