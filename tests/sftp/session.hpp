#pragma once

#include "sluice/sftp/codec.hpp"
#include "sluice/sftp/driver.hpp"
#include "sluice/sftp/requests.hpp"
#include "sluice/sftp/responses.hpp"
#include "sluice/sftp/server.hpp"
#include "sluice/tests/support/memory_filesystem.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace sluice::test {

template <class M>
bytes sftp_packet(const M& m) {
    bytes out;
    wire::writer w(out);
    const std::size_t mark = w.begin_string();
    sftp::encode(m, out);
    w.end_string(mark);
    return out;
}

template <class E>
bytes extended_packet(std::uint32_t id, const E& e) {
    bytes data;
    wire::writer w(data);
    sftp::put_fields(e, w);
    return sftp_packet(sftp::fxp_extended{id, E::name, {data}});
}

inline bytes joined(const std::vector<bytes>& parts) {
    bytes out;
    for (const auto& p : parts)
        out.insert(out.end(), p.begin(), p.end());
    return out;
}

/// A server, a memory file system and what the client has received.
class sftp_session {
public:
    explicit sftp_session(sftp::server_config config = {})
        : server(config), driver(server, files, [this] { pump(); }) {}

    /// Sends stream bytes, lets the server work and collects its replies.
    void send(bytes_view data) {
        server.receive(data);
        sent += data.size();
        pump();
    }
    template <sftp::packet M>
    void send(const M& m) {
        send(bytes_view(sftp_packet(m)));
    }
    void start() {
        send(sftp::fxp_init{3, {}});
        ASSERT_EQ(replies.size(), 1u);
        ASSERT_EQ(replies[0][0], sftp::fxp_version::number);
        replies.clear();
    }

    void pump() {
        for (bool took = true; took;) {
            driver.start_ready();
            credited += server.take_consumed();
            took = false;
            while (taking && server.has_output()) {
                take(server.next_output().view());
                took = true;
            }
        }
    }

    /// Replies by their bytes, without length.
    std::vector<bytes> replies;
    std::size_t sent = 0;
    std::size_t credited = 0;
    bool taking = true;

    /// The only reply there is; forgets it.
    template <class M>
    M only() {
        EXPECT_EQ(replies.size(), 1u);
        if (replies.empty()) return M{};
        last = std::move(replies.back());
        replies.clear();
        const auto m = sftp::decode<M>(last);
        EXPECT_TRUE(m.has_value()) << "reply of type " << int(last[0]);
        return m ? *m : M{};
    }
    /// The codes of the STATUS replies, by id, in order of arrival; forgets all replies.
    std::vector<std::pair<std::uint32_t, std::uint32_t>> statuses() {
        std::vector<std::pair<std::uint32_t, std::uint32_t>> out;
        for (const auto& r : replies) {
            const auto m = sftp::decode<sftp::fxp_status>(r);
            if (m) out.emplace_back(m->id, m->code);
        }
        replies.clear();
        return out;
    }
    std::uint32_t status() { return only<sftp::fxp_status>().code; }

    bytes open(std::string_view path, std::uint32_t pflags) {
        send(sftp::fxp_open{77, path, pflags, {}});
        return to_bytes(only<sftp::fxp_handle>().handle);
    }

    memory_filesystem files;
    sftp::server server;
    sftp::driver driver;

private:
    void take(bytes_view chunk) {
        stream_.insert(stream_.end(), chunk.begin(), chunk.end());
        for (;;) {
            if (stream_.size() < 4) return;
            wire::reader r(stream_);
            bytes_view packet;
            r.read(packet);
            if (r.error()) return;
            ASSERT_LE(packet.size(), 256u * 1024);
            replies.push_back(to_bytes(packet));
            stream_.erase(stream_.begin(),
                          stream_.begin() + 4 + static_cast<std::ptrdiff_t>(packet.size()));
        }
    }

    bytes stream_;
    bytes last;
};

}  // namespace sluice::test
