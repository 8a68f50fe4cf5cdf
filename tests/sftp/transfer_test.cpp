#include "sluice/sftp/transfer.hpp"

#include "sluice/tests/sftp/pair.hpp"
#include "sluice/wire/limits.hpp"

#include <map>
#include <optional>

namespace sluice::sftp {
namespace {

using test::scripted_server;
using test::sftp_packet;
using test::sftp_pair;

bytes content_of(std::size_t n) {
    bytes out(n);
    for (std::size_t i = 0; i < n; ++i)
        out[i] = static_cast<std::uint8_t>(i * 2654435761u >> 11);
    return out;
}

// Runs a download until it is finished; its pieces have to be in order.
bytes run(sftp_pair& p, download& d, std::uint64_t from = 0) {
    bytes got;
    for (;;) {
        d.ask();
        while (auto piece = d.next_piece()) {
            EXPECT_EQ(piece->offset, from + got.size());
            const auto view = piece->data.view();
            got.insert(got.end(), view.begin(), view.end());
        }
        d.ask();
        const bool moved = p.step();
        while (auto o = p.client.next_outcome())
            EXPECT_TRUE(d.take(*o));
        if (d.finished()) return got;
        if (!moved && p.client.requests_in_flight() == 0 && !p.client.has_output()) {
            ADD_FAILURE() << "nothing under way and not finished";
            return got;
        }
    }
}

void run(sftp_pair& p, upload& u, bytes_view data) {
    std::size_t at = 0;
    while (!u.finished()) {
        while (u.wanted() != 0) {
            const auto n = std::min(u.wanted(), data.size() - at);
            if (n == 0) {
                u.finish();
                break;
            }
            auto buffer = test::written(data.subspan(at, n));
            ASSERT_TRUE(u.write(buffer));
            at += n;
        }
        p.step();
        while (auto o = p.client.next_outcome())
            ASSERT_TRUE(u.take(*o));
    }
}

TEST(SftpTransfer, DownloadsAreWholeWhateverTheHint) {
    const std::size_t sizes[] = {0,         1,        4096, 32 * 1024, 252 * 1024, 252 * 1024 + 1,
                                 1'000'000, 6'000'000};
    for (const auto size : sizes) {
        const bytes content = content_of(size);
        const std::optional<std::uint64_t> hints[] = {
            std::nullopt, size, 0, size / 2, size + 1, size * 3 + 100'000, ~std::uint64_t{0}};
        for (const auto& hint : hints) {
            SCOPED_TRACE(std::to_string(size) + " hint " +
                         (hint ? std::to_string(*hint) : std::string("none")));
            sftp_pair p;
            p.server_files().add_file("/f", content);
            p.start();
            const auto h = p.value<remote_handle>(p.client.open("/f", fxf_read));
            const auto before = p.client.report().requests_made;
            download d(p.client, h, {.size_hint = hint});
            const bytes got = run(p, d);
            EXPECT_TRUE(got == content);
            EXPECT_FALSE(d.error());
            EXPECT_EQ(d.position(), size);
            if (hint == size) {  // one read beyond, no more
                const std::size_t chunks = (size + transfer_chunk_max - 1) / transfer_chunk_max;
                EXPECT_EQ(p.client.report().requests_made - before, chunks + 1);
            }
            p.settle();
            EXPECT_FALSE(p.client.next_outcome());  // what was asked for too much is forgotten
            EXPECT_FALSE(p.error(p.client.close(h)));
            EXPECT_EQ(p.finish(), 0u);
        }
    }
}

TEST(SftpTransfer, DownloadsInPiecesAndOutOfOrder) {
    const bytes content = content_of(3'000'000);
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        SCOPED_TRACE(seed);
        sftp_pair p(seed);
        p.server_files().add_file("/f", content);
        p.start();
        const auto h = p.value<remote_handle>(p.client.open("/f", fxf_read));
        p.server_files().defer = true;  // operations complete in random order
        const std::uint64_t from = seed * 7'919 % content.size();
        const std::uint64_t length = seed % 3 == 0 ? seed * 30'011 : ~std::uint64_t{0};
        download d(p.client, h,
                   {.offset = from,
                    .length_max = length,
                    .size_hint =
                        seed % 2 == 0 ? std::optional<std::uint64_t>(content.size()) : std::nullopt,
                    .bytes_max = std::size_t{1} << (seed % 24)});
        const bytes got = run(p, d, from);
        const auto want = bytes_view(content).subspan(from);
        EXPECT_TRUE(
            std::ranges::equal(got, want.first(std::min<std::uint64_t>(want.size(), length))));
        EXPECT_FALSE(d.error());
        p.settle();
        p.server_files().defer = false;
        EXPECT_FALSE(p.error(p.client.close(h)));
        EXPECT_EQ(p.finish(), 0u);
    }
}

TEST(SftpTransfer, UploadsInPiecesAndOutOfOrder) {
    for (std::uint64_t seed = 0; seed <= 60; ++seed) {
        SCOPED_TRACE(seed);
        const bytes content = content_of(seed == 1 ? 0 : 50'021 * seed);
        sftp_pair p(seed);
        p.start();
        const auto h = p.value<remote_handle>(p.client.open("/f", fxf_write | fxf_creat));
        p.server_files().defer = seed != 0;
        const std::uint64_t from = seed % 4 == 0 ? 0 : 1000;
        upload u(p.client, h, {.offset = from, .bytes_max = std::size_t{1} << (seed % 24)});
        run(p, u, content);
        EXPECT_FALSE(u.error());
        EXPECT_EQ(u.acknowledged_bytes(), content.size());
        EXPECT_EQ(p.client.report().bytes_written, content.size());
        p.server_files().defer = false;
        EXPECT_FALSE(p.error(p.client.close(h)));
        bytes want(content.empty() ? 0 : from);
        want.insert(want.end(), content.begin(), content.end());
        EXPECT_TRUE(p.server_files().content("/f") == want);
        EXPECT_EQ(p.server().report().files_committed, 1u);
        EXPECT_EQ(p.finish(), 0u);
    }
}

// A session that is lost at any point: the transfer ends with an error, at the place it got to.
TEST(CloseAndDrain, ALostSessionEndsTransfersWhereTheyAre) {
    const bytes content = content_of(400'000);
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
        SCOPED_TRACE(seed);
        sftp_pair p(seed);
        p.server_files().add_file("/f", content);
        p.start();
        const auto in = p.value<remote_handle>(p.client.open("/f", fxf_read));
        const auto out = p.value<remote_handle>(p.client.open("/g", fxf_write | fxf_creat));
        p.server_files().defer = true;
        download d(p.client, in, {.size_hint = content.size()});
        upload u(p.client, out, {});
        bytes got;
        std::size_t sent = 0;
        for (std::uint64_t step = 0; step < seed * 3 && !(d.finished() && u.finished()); ++step) {
            d.ask();
            while (auto piece = d.next_piece())
                got.insert(got.end(), piece->data.view().begin(), piece->data.view().end());
            if (const auto n = std::min(u.wanted(), content.size() - sent); n != 0) {
                auto piece = test::written(bytes_view(content).subspan(sent, n));
                ASSERT_TRUE(u.write(piece));
                sent += n;
            } else if (sent == content.size()) {
                u.finish();
            }
            p.step();
            while (auto o = p.client.next_outcome())
                EXPECT_TRUE(d.take(*o) || u.take(*o));
        }
        p.lose();
        while (auto o = p.client.next_outcome())
            EXPECT_TRUE(d.take(*o) || u.take(*o));
        d.ask();
        while (auto piece = d.next_piece())
            got.insert(got.end(), piece->data.view().begin(), piece->data.view().end());
        EXPECT_TRUE(d.finished());
        EXPECT_TRUE(std::ranges::equal(got, bytes_view(content).first(got.size())));
        EXPECT_EQ(d.position(), got.size());
        if (got.size() != content.size() || d.error()) {
            EXPECT_EQ(d.error(), errc::connection_lost);
            EXPECT_EQ(d.error_offset(), got.size());
        }
        if (u.wanted() != 0) {  // nothing was in flight: the next write finds out
            auto piece = test::written(bytes(1));
            EXPECT_TRUE(u.write(piece));
        }
        EXPECT_TRUE(u.finished());
        EXPECT_TRUE(u.error() == errc::connection_lost || u.acknowledged_bytes() == content.size());
        EXPECT_LE(u.acknowledged_bytes(), sent);
        // Nothing is acknowledged that did not happen.
        const bytes kept = p.server_files().content("/g");
        ASSERT_GE(kept.size(), u.acknowledged_bytes());
        EXPECT_TRUE(std::equal(
            content.begin(), content.begin() + static_cast<std::ptrdiff_t>(u.acknowledged_bytes()),
            kept.begin()));
        EXPECT_EQ(p.server_files().handles_open(), 0u);
    }
}

// --- against a server that the test plays -----------------------------------------------------

struct scripted_download : scripted_server {
    explicit scripted_download(const download::options& o = {}) {
        version({});
        handle = open_handle("h");
        transfer.emplace(client, handle, o);
        ask();
    }
    // The READs that were sent since the last call, by offset.
    void ask() {
        transfer->ask();
        const bytes all = sent();
        for (wire::reader r(all); !r.at_end();) {
            bytes_view packet;
            r.read(packet);
            const auto m = decode<fxp_read>(packet);
            ASSERT_TRUE(m.has_value());
            EXPECT_TRUE(asked.emplace(m->offset, std::pair(m->id, m->length)).second)
                << m->offset << " twice";
        }
    }
    void outcomes() {
        while (auto o = client.next_outcome())
            EXPECT_TRUE(transfer->take(*o));
        ask();
    }
    void answer(std::uint64_t offset, const bytes& data) {
        const auto id = asked.at(offset).first;
        asked.erase(offset);
        client.receive(sftp_packet(fxp_data{id, data}));
        outcomes();
    }
    void fail(std::uint64_t offset, std::uint32_t code) {
        const auto id = asked.at(offset).first;
        asked.erase(offset);
        client.receive(sftp_packet(fxp_status{id, code, "", ""}));
        outcomes();
    }
    std::size_t take_all() {
        std::size_t n = 0;
        while (auto piece = transfer->next_piece())
            n += piece->data.size();
        return n;
    }

    remote_handle handle{};
    std::optional<download> transfer;
    std::map<std::uint64_t, std::pair<std::uint32_t, std::uint32_t>> asked;
};

constexpr std::uint64_t k32 = 32 * 1024;

TEST(SftpTransfer, WhatComesShortIsAskedForAgain) {
    scripted_download s({.length_max = 2 * k32});
    ASSERT_EQ(s.asked.size(), 2u);
    s.answer(0, bytes(100, 1));
    ASSERT_EQ(s.asked.count(100), 1u);
    EXPECT_EQ(s.asked.at(100).second, k32 - 100);
    s.answer(k32, bytes(50, 3));  // behind a gap: kept
    s.answer(k32 + 50, bytes(60, 4));
    EXPECT_EQ(s.asked.at(k32 + 110).second, k32 - 110);
    auto piece = s.transfer->next_piece();
    ASSERT_TRUE(piece);
    EXPECT_EQ(piece->data.size(), 100u);
    EXPECT_FALSE(s.transfer->next_piece());
    s.answer(100, bytes(k32 - 100, 2));
    EXPECT_EQ(s.transfer->next_piece()->offset, 100u);
    piece = s.transfer->next_piece();
    ASSERT_TRUE(piece);
    EXPECT_EQ(piece->offset, k32);
    bytes want(50, 3);
    want.insert(want.end(), 60, 4);
    EXPECT_EQ(to_bytes(piece->data.view()), want);
    s.answer(k32 + 110, bytes(k32 - 110, 5));
    EXPECT_EQ(s.take_all(), k32 - 110);
    EXPECT_TRUE(s.transfer->finished());
}

TEST(SftpTransfer, AServerThatAnswersShortIsAskedForLess) {
    scripted_download s;
    const std::size_t first = s.asked.size();
    s.answer(0, bytes(8192));
    EXPECT_EQ(s.take_all(), 8192u);
    s.ask();
    EXPECT_EQ(s.asked.at(first * k32).second, 8192u);
}

TEST(SftpTransfer, TheWindowGrowsWhileItIsTooSmallUpToItsCap) {
    scripted_download s({.bytes_max = 2 * 1024 * 1024});
    EXPECT_EQ(s.asked.size(), 16u);
    std::uint64_t at = 0;
    std::size_t before = 0;
    while (s.asked.size() != before || at < 4 * 1024 * 1024) {
        before = s.asked.size();
        s.answer(at, bytes(k32));
        EXPECT_EQ(s.take_all(), k32);
        s.ask();
        at += k32;
    }
    EXPECT_EQ(s.asked.size(), 64u);
}

TEST(SftpTransfer, PiecesThatNobodyTakesStopTheAsking) {
    scripted_download s({.bytes_max = 10 * k32});
    ASSERT_EQ(s.asked.size(), 10u);
    for (std::uint64_t i = 0; i < 10; ++i)
        s.answer(i * k32, bytes(k32));
    EXPECT_TRUE(s.asked.empty());
    EXPECT_TRUE(s.transfer->next_piece());
    s.ask();
    EXPECT_EQ(s.asked.size(), 1u);
}

// A server that gives one byte at a time, in the worst order, makes us hold no more than was asked.
TEST(SftpTransfer, ByteByByteBackwardsHoldsNoMoreThanTheWindow) {
    scripted_download s({.length_max = 300, .bytes_max = 100});
    std::size_t got = 0;
    while (!s.transfer->finished()) {
        ASSERT_FALSE(s.asked.empty());
        EXPECT_LE(s.asked.size(), 1u);
        s.answer(s.asked.rbegin()->first, bytes(1));
        got += s.take_all();
        s.ask();
    }
    EXPECT_EQ(got, 300u);
}

TEST(SftpTransfer, TheFirstEndOfFileInTheFilesOrderCounts) {
    scripted_download s;
    ASSERT_EQ(s.asked.size(), 16u);
    s.fail(5 * k32, 1);  // the end is here at the latest
    s.answer(2 * k32, bytes(k32));
    s.fail(3 * k32, 1);  // no, here
    EXPECT_EQ(s.take_all(), 0u);
    s.answer(0, bytes(k32));
    EXPECT_FALSE(s.transfer->finished());
    s.answer(k32, bytes(k32));
    EXPECT_EQ(s.take_all(), 3 * k32);
    EXPECT_TRUE(s.transfer->finished());
    EXPECT_FALSE(s.transfer->error());
    EXPECT_EQ(s.transfer->position(), 3 * k32);
}

TEST(SftpTransfer, TheFirstErrorStopsAndNamesTheOffset) {
    scripted_download s;
    s.fail(4 * k32, 1);
    s.fail(3 * k32, 4);
    s.answer(k32, bytes(10));
    s.fail(k32 + 10, 3);
    EXPECT_FALSE(s.transfer->finished());
    s.answer(0, bytes(k32));
    EXPECT_EQ(s.take_all(), k32 + 10);
    EXPECT_TRUE(s.transfer->finished());
    EXPECT_EQ(s.transfer->error(), errc::sftp_permission_denied);
    EXPECT_EQ(s.transfer->error_offset(), k32 + 10);
    s.ask();
    EXPECT_EQ(s.client.requests_in_flight(), 12u);  // forgotten
    s.client.on_stream_end({});
    EXPECT_FALSE(s.client.next_outcome());
}

TEST(SftpTransfer, ADownloadIsCancelledBetweenPieces) {
    scripted_download s;
    s.answer(0, bytes(k32));
    s.answer(k32, bytes(k32));
    EXPECT_TRUE(s.transfer->next_piece());
    s.transfer->cancel();
    EXPECT_TRUE(s.transfer->finished());
    EXPECT_FALSE(s.transfer->next_piece());
    EXPECT_EQ(s.transfer->error(), errc::cancelled);
    EXPECT_EQ(s.transfer->error_offset(), k32);
    s.client.receive(sftp_packet(fxp_data{s.asked.at(2 * k32).first, bytes(5)}));
    EXPECT_FALSE(s.client.next_outcome());
    EXPECT_FALSE(s.client.error());
    s.transfer->cancel();
    EXPECT_EQ(s.transfer->error_offset(), k32);
}

TEST(SftpTransfer, AskingWaitsForRoomAndGoesOn) {
    scripted_server s;
    s.version({});
    const auto h = s.open_handle("h");
    std::vector<request_id> others;
    while (s.client.room())
        others.push_back(s.client.stat("/").value());
    download d(s.client, h, {.length_max = 10});
    d.ask();
    EXPECT_FALSE(d.finished());
    s.client.receive(sftp_packet(fxp_status{static_cast<std::uint32_t>(others[0]), 2, "", ""}));
    auto o = s.client.next_outcome();
    EXPECT_FALSE(d.take(*o));
    d.ask();
    const auto id = s.last_id();
    s.client.receive(sftp_packet(fxp_data{id, bytes(4)}));
    o = s.client.next_outcome();
    // Another took the room: the rest of what came short waits for it.
    EXPECT_TRUE(s.client.stat("/"));
    EXPECT_TRUE(d.take(*o));
    EXPECT_EQ(s.last_id(), id + (1u << 12));  // of the stat: no READ since
    s.client.receive(sftp_packet(fxp_status{static_cast<std::uint32_t>(others[1]), 2, "", ""}));
    static_cast<void>(s.client.next_outcome());
    d.ask();
    s.client.receive(sftp_packet(fxp_data{s.last_id(), bytes(6)}));
    o = s.client.next_outcome();
    EXPECT_TRUE(d.take(*o));
    EXPECT_EQ(d.next_piece()->data.size(), 10u);
    EXPECT_TRUE(d.finished());
}

TEST(SftpTransfer, AnUploadStopsAtTheFirstErrorInTheFilesOrder) {
    scripted_server s;
    s.version({});
    const auto h = s.open_handle("h");
    upload u(s.client, h, {.offset = 1000});
    std::vector<std::uint32_t> ids;
    while (u.wanted() != 0) {
        EXPECT_EQ(u.wanted(), k32);
        auto piece = test::written(bytes(u.wanted()));
        ASSERT_TRUE(u.write(piece));
        ids.push_back(s.last_id());
    }
    EXPECT_EQ(ids.size(), 16u);
    auto more = test::written(bytes(10));
    EXPECT_FALSE(u.write(more));
    EXPECT_EQ(client::write_length(more), 10u);  // left as it was
    const auto answer = [&](std::size_t i, std::uint32_t code) {
        s.client.receive(sftp_packet(fxp_status{ids[i], code, "", ""}));
        auto o = s.client.next_outcome();
        EXPECT_TRUE(u.take(*o));
    };
    answer(1, 0);
    EXPECT_EQ(u.acknowledged_bytes(), 0u);
    answer(0, 0);
    EXPECT_EQ(u.acknowledged_bytes(), 2 * k32);
    EXPECT_NE(u.wanted(), 0u);
    answer(5, 4);
    EXPECT_EQ(u.wanted(), 0u);
    EXPECT_EQ(u.error_offset(), 1000 + 5 * k32);
    answer(3, 3);
    answer(4, 0);
    answer(2, 0);
    EXPECT_EQ(u.acknowledged_bytes(), 3 * k32);
    EXPECT_FALSE(u.finished());  // what was sent is still answered
    for (std::size_t i = 6; i < ids.size(); ++i)
        answer(i, 0);
    EXPECT_TRUE(u.finished());
    EXPECT_EQ(u.error(), errc::sftp_permission_denied);
    EXPECT_EQ(u.error_offset(), 1000 + 3 * k32);
    EXPECT_EQ(u.acknowledged_bytes(), 3 * k32);
}

TEST(SftpTransfer, AnUploadIsCancelledBetweenPieces) {
    scripted_server s;
    s.version({});
    const auto h = s.open_handle("h");
    upload u(s.client, h, {});
    std::vector<std::uint32_t> ids;
    for (int i = 0; i < 3; ++i) {
        auto piece = test::written(bytes(10));
        ASSERT_TRUE(u.write(piece));
        ids.push_back(s.last_id());
    }
    s.client.receive(sftp_packet(fxp_status{ids[0], 0, "", ""}));
    auto o = s.client.next_outcome();
    EXPECT_TRUE(u.take(*o));
    u.cancel();
    EXPECT_TRUE(u.finished());
    EXPECT_EQ(u.error(), errc::cancelled);
    EXPECT_EQ(u.acknowledged_bytes(), 10u);
    EXPECT_EQ(u.wanted(), 0u);
    s.client.receive(sftp_packet(fxp_status{ids[1], 0, "", ""}));
    EXPECT_FALSE(s.client.next_outcome());
    EXPECT_FALSE(s.client.error());
}

TEST(SftpTransfer, AFullDiskIsToldAsTheServerSaysIt) {
    sftp_pair p;
    p.start();
    const auto h = p.value<remote_handle>(p.client.open("/f", fxf_write | fxf_creat));
    p.server_files().write_error = errc::sftp_failure;
    upload u(p.client, h, {});
    run(p, u, content_of(1'000'000));
    EXPECT_EQ(u.error(), errc::sftp_failure);
    EXPECT_EQ(u.error_offset(), 0u);
    EXPECT_EQ(u.acknowledged_bytes(), 0u);
    EXPECT_FALSE(p.error(p.client.close(h)));
    p.finish();
}

}  // namespace
}  // namespace sluice::sftp
