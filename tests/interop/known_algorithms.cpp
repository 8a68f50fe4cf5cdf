// Prints the names that we know, for matrix.py and offers.py: a line each, "kind name offer", where
// the offer is default, choice or weak.

#include "sluice/crypto/signature_algorithms.hpp"
#include "sluice/transport/cipher.hpp"
#include "sluice/transport/compression.hpp"
#include "sluice/transport/kex.hpp"
#include "sluice/transport/mac.hpp"

#include <cstdio>
#include <string>
#include <string_view>

namespace {

void print(const char* kind, std::string_view name, bool offered, bool weak) {
    std::printf("%s %s %s\n", kind, std::string(name).c_str(),
                weak ? "weak" : (offered ? "default" : "choice"));
}

}  // namespace

int main() {
    using namespace sluice;
    for (const auto& row : kex_methods())
        print("kex", row.name, row.offered, false);
    for (const auto& row : crypto::known_signature_algorithms()) {
        if (row.of_hosts) print("host_key", row.name, true, row.weak);
        print("user_key", row.name, true, row.weak);
    }
    for (const auto& row : ciphers())
        print("cipher", row.name, row.offered, row.weak);
    for (const auto& row : macs())
        print("mac", row.name, row.offered, row.weak);
    for (const auto& row : compressions())
        print("compression", row.name, row.offered, false);
}
