// Handles between their CLOSE and its answer, and between OPEN and its answer.

#include "sluice/tests/sftp/session.hpp"

namespace sluice::sftp {
namespace {

using test::extended_packet;
using test::sftp_packet;
using test::sftp_session;

using answers = std::vector<std::pair<std::uint32_t, std::uint32_t>>;

constexpr auto failure = static_cast<std::uint32_t>(status_code::failure);

// Every request that names a handle.
std::vector<std::pair<const char*, bytes>> requests_of(const bytes& h, const bytes& other) {
    return {
        {"read", sftp_packet(fxp_read{2, h, 0, 1})},
        {"read of nothing", sftp_packet(fxp_read{2, h, 0, 0})},
        {"write", sftp_packet(fxp_write{2, h, 0, bytes{1}})},
        {"write of nothing", sftp_packet(fxp_write{2, h, 0, {}})},
        {"fstat", sftp_packet(fxp_fstat{2, h})},
        {"fsetstat", sftp_packet(fxp_fsetstat{2, h, {.size = 0}})},
        {"readdir", sftp_packet(fxp_readdir{2, h})},
        {"fsync", extended_packet(2, ext_fsync{h})},
        {"fstatvfs", extended_packet(2, ext_fstatvfs{h})},
        {"copy from it", extended_packet(2, ext_copy_data{h, 0, 0, other, 0})},
        {"copy to it", extended_packet(2, ext_copy_data{other, 0, 0, h, 0})},
        {"close", sftp_packet(fxp_close{2, h})},
    };
}

// "The handle becomes invalid immediately after this request has been sent" (§6.3), though what was
// asked before it is still being done.
TEST(FilexferDraft02s6_3, AHandleEndsWithItsCloseNotWithTheAnswer) {
    enum { running, behind_a_write, of_a_directory };
    for (const auto how : {running, behind_a_write, of_a_directory}) {
        const std::size_t count = requests_of({}, {}).size();
        for (std::size_t i = 0; i < count; ++i) {
            sftp_session s;
            s.start();
            s.files.add_file("/f", bytes(3));
            const bytes other = s.open("/other", fxf_read | fxf_write | fxf_creat);
            bytes h;
            if (how == of_a_directory) {
                s.send(fxp_opendir{1, "/"});
                h = to_bytes(s.only<fxp_handle>().handle);
            } else {
                h = s.open("/f", fxf_read | fxf_write);
            }
            s.files.defer = true;
            answers want;
            if (how == behind_a_write) {
                s.send(fxp_write{7, h, 0, bytes(2)});
                want.emplace_back(7, 0);
            }
            s.send(fxp_close{1, h});
            want.emplace_back(1, 0);
            const std::size_t pending = s.files.pending();

            const auto [name, request] = requests_of(h, other)[i];
            SCOPED_TRACE(name);
            s.send(request);
            EXPECT_EQ(s.files.pending(), pending) << "nothing is begun";
            EXPECT_EQ(s.statuses(), (answers{{2, failure}}));
            while (s.files.pending() != 0) {
                s.files.run(0);
                s.pump();
            }
            EXPECT_EQ(s.statuses(), want) << "the close is answered as if nothing had been";
            EXPECT_EQ(s.files.handles_open(), 1u);
        }
    }
}

// Nor is there one before OPEN is answered: numbers that can be guessed are not yet handles.
TEST(FilexferDraft02s6_3, AHandleBeginsWithTheAnswerToItsOpen) {
    sftp_session s;
    s.start();
    s.files.add_file("/f", bytes(3));
    const bytes first = s.open("/f", fxf_read);
    s.send(fxp_close{1, first});
    s.replies.clear();
    const bytes second = s.open("/f", fxf_read);
    s.send(fxp_close{1, second});
    s.replies.clear();
    ASSERT_EQ(bytes(second.begin(), second.begin() + 7), bytes(first.begin(), first.begin() + 7));
    bytes guessed = second;
    guessed[7] = static_cast<std::uint8_t>(guessed[7] + (second[7] - first[7]));

    s.files.defer = true;
    s.send(fxp_open{3, "/f", fxf_read, {}});
    for (const auto& [name, request] : requests_of(guessed, guessed)) {
        SCOPED_TRACE(name);
        s.send(request);
        EXPECT_EQ(s.statuses(), (answers{{2, failure}}));
    }
    ASSERT_EQ(s.files.pending(), 1u);
    s.files.run(0);
    s.pump();
    EXPECT_EQ(to_bytes(s.only<fxp_handle>().handle), guessed) << "it is the one that was guessed";
    s.files.defer = false;
    s.send(fxp_close{4, guessed});
    EXPECT_EQ(s.status(), 0u);
}

}  // namespace
}  // namespace sluice::sftp
