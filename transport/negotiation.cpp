#include "sluice/transport/negotiation.hpp"

#include "sluice/crypto/signature_algorithms.hpp"

namespace sluice {
namespace {

result<negotiated::direction> negotiate_direction(wire::name_list client_ciphers,
                                                  wire::name_list server_ciphers,
                                                  wire::name_list client_macs,
                                                  wire::name_list server_macs,
                                                  wire::name_list client_compressions,
                                                  wire::name_list server_compressions) {
    negotiated::direction chosen;
    chosen.cipher = find_cipher(wire::first_common(client_ciphers, server_ciphers));
    if (chosen.cipher == nullptr) return errc::no_common_cipher;
    if (chosen.cipher->needs_mac) {
        chosen.mac = find_mac(wire::first_common(client_macs, server_macs));
        if (chosen.mac == nullptr) return errc::no_common_mac;
    }
    chosen.compression =
        find_compression(wire::first_common(client_compressions, server_compressions));
    if (chosen.compression == nullptr) return errc::no_common_compression;
    return chosen;
}

}  // namespace

result<negotiated> negotiate(const kexinit& client, const kexinit& server, role own) {
    negotiated chosen;
    // A mark is never chosen: each of them is only ever in one side's list.
    chosen.kex = find_kex(wire::first_common(client.kex_algorithms, server.kex_algorithms));
    if (chosen.kex == nullptr) return errc::no_common_kex;
    // Every method we have needs a host key that signs, and all our key types do.
    chosen.host_key_algorithm =
        wire::first_common(client.server_host_key_algorithms, server.server_host_key_algorithms);
    if (crypto::find_signature_algorithm(chosen.host_key_algorithm) == nullptr)
        return errc::no_common_host_key;

    const auto up = negotiate_direction(
        client.encryption_algorithms_client_to_server,
        server.encryption_algorithms_client_to_server, client.mac_algorithms_client_to_server,
        server.mac_algorithms_client_to_server, client.compression_algorithms_client_to_server,
        server.compression_algorithms_client_to_server);
    if (!up) return up.error();
    const auto down = negotiate_direction(
        client.encryption_algorithms_server_to_client,
        server.encryption_algorithms_server_to_client, client.mac_algorithms_server_to_client,
        server.mac_algorithms_server_to_client, client.compression_algorithms_server_to_client,
        server.compression_algorithms_server_to_client);
    if (!down) return down.error();
    chosen.client_to_server = *up;
    chosen.server_to_client = *down;

    const kexinit& peer = own == role::server ? client : server;
    chosen.guess_is_wrong =
        peer.first_kex_packet_follows &&
        (client.kex_algorithms.first() != server.kex_algorithms.first() ||
         client.server_host_key_algorithms.first() != server.server_host_key_algorithms.first());
    return chosen;
}

}  // namespace sluice
