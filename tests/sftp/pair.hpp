#pragma once

#include "sluice/sftp/client.hpp"
#include "sluice/sftp/extensions.hpp"
#include "sluice/tests/sftp/session.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <utility>

namespace sluice::test {

inline bytes all_extensions() {
    bytes list;
    sftp::put_extension_list(list);
    return list;
}

/// A client::write_buffer with this data.
inline wire::buffer written(bytes_view data) {
    wire::buffer b = sftp::client::write_buffer(data.size());
    std::copy(data.begin(), data.end(), b.space().data());
    b.commit(data.size());
    return b;
}

/// A client whose server is the test: it sees what is sent, and sends what it likes.
class scripted_server {
public:
    /// Answers INIT. Where limits@openssh.com is among the extensions, the request for them is
    /// answered too, by ours.
    void version(const bytes& extensions, bool answer_limits = true) {
        static_cast<void>(sent());
        client.receive(sftp_packet(sftp::fxp_version{3, {extensions}}));
        ASSERT_TRUE(client.ready());
        if (!answer_limits || !client.supports<sftp::ext_limits>()) return;
        static_cast<void>(sent());
        bytes data;
        wire::writer w(data);
        sftp::put_fields(sftp::limits_reply{256 * 1024, 255 * 1024, 255 * 1024, 1024}, w);
        client.receive(sftp_packet(sftp::fxp_extended_reply{last_id(), {data}}));
    }

    sftp::remote_handle open_handle(std::string_view text) {
        const auto id = client.open("/", 0).value();
        static_cast<void>(sent());
        client.receive(
            sftp_packet(sftp::fxp_handle{static_cast<std::uint32_t>(id), as_bytes(text)}));
        return std::get<sftp::remote_handle>(client.next_outcome().value().value);
    }

    /// The bytes that the client has sent since the last call.
    bytes sent() {
        bytes all;
        while (client.has_output()) {
            const auto chunk = client.next_output();
            EXPECT_FALSE(chunk.empty());
            all.insert(all.end(), chunk.view().begin(), chunk.view().end());
        }
        for (wire::reader r(all); !r.at_end();) {
            bytes_view packet;
            r.read(packet);
            if (r.error() || packet.size() < 5) break;
            wire::reader(packet.subspan(1)).read(last_id_);
        }
        return all;
    }
    /// Of the last packet sent.
    std::uint32_t last_id() {
        static_cast<void>(sent());
        return last_id_;
    }

    sftp::client client;

private:
    std::uint32_t last_id_ = 0;
};

/// Our client and our server, over a file system in memory. What each sends arrives whole, or in
/// pieces of random sizes when there is a seed.
class sftp_pair {
public:
    explicit sftp_pair(std::uint64_t seed = 0) : seed_(seed), random_(seed) {}

    memory_filesystem& server_files() { return files_; }
    sftp::server& server() { return server_; }

    void start() {
        settle();
        ASSERT_TRUE(client.ready());
    }

    /// Moves bytes once in each direction; tells whether anything moved.
    bool step() {
        bool moved = false;
        while (client.has_output()) {
            const auto chunk = client.next_output();
            to_server_.insert(to_server_.end(), chunk.view().begin(), chunk.view().end());
        }
        moved |= deliver(to_server_, [this](bytes_view piece) { server_.receive(piece); });
        if (files_.pending() != 0) {
            files_.run(seed_ == 0 ? 0 : random_() % files_.pending());
            moved = true;
        }
        driver_.start_ready();
        while (server_.has_output()) {
            const auto chunk = server_.next_output();
            to_client_.insert(to_client_.end(), chunk.view().begin(), chunk.view().end());
            moved = true;
        }
        moved |= deliver(to_client_, [this](bytes_view piece) { client.receive(piece); });
        return moved || files_.pending() != 0;
    }
    void settle() {
        while (step()) {
        }
    }

    /// The outcome of a request, when everything has settled.
    sftp::outcome outcome_of(const result<sftp::request_id>& id) {
        EXPECT_TRUE(id.has_value());
        settle();
        auto o = client.next_outcome();
        EXPECT_TRUE(o.has_value());
        if (!id || !o) return {};
        EXPECT_EQ(o->id, *id);
        EXPECT_FALSE(client.next_outcome().has_value());
        return std::move(*o);
    }
    template <class T>
    T value(const result<sftp::request_id>& id) {
        auto o = outcome_of(id);
        EXPECT_FALSE(o.error) << o.error.message();
        auto* v = std::get_if<T>(&o.value);
        EXPECT_NE(v, nullptr);
        return v != nullptr ? std::move(*v) : T{};
    }
    error_code error(const result<sftp::request_id>& id) { return outcome_of(id).error; }

    /// Ends the session in protocol order; gives the handles that the filesystem still has.
    std::size_t finish() {
        client.end();
        settle();
        EXPECT_TRUE(client.may_send_eof());
        server_.on_eof();
        settle();
        EXPECT_TRUE(server_.finished());
        client.on_stream_end({});
        EXPECT_TRUE(client.over());
        EXPECT_FALSE(client.error());
        return files_.handles_open();
    }
    /// The connection is gone, for both.
    void lose() {
        to_server_.clear();
        to_client_.clear();
        server_.abandon();
        client.on_stream_end(errc::connection_lost);
        for (driver_.start_ready(); files_.pending() != 0; driver_.start_ready())
            files_.run(0);
        EXPECT_TRUE(server_.finished());
    }

    sftp::client client;

private:
    template <class Receive>
    bool deliver(bytes& stream, Receive receive) {
        if (stream.empty()) return false;
        std::size_t n = stream.size();
        if (seed_ != 0) {
            // Small, packet-sized and large pieces alike.
            const std::size_t most = std::size_t{1} << (random_() % 19);
            n = std::min<std::size_t>(n, 1 + random_() % most);
        }
        receive(bytes_view(stream).first(n));
        stream.erase(stream.begin(), stream.begin() + static_cast<std::ptrdiff_t>(n));
        return true;
    }

    std::uint64_t seed_;
    std::mt19937_64 random_;
    memory_filesystem files_;
    sftp::server server_;
    sftp::driver driver_{server_, files_, [] {}};
    bytes to_server_;
    bytes to_client_;
};

}  // namespace sluice::test
