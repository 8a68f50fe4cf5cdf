#pragma once

#include "sluice/io/memory_filesystem.hpp"
#include "sluice/io/posix_filesystem.hpp"
#include "sluice/sftp/codec.hpp"
#include "sluice/sftp/requests.hpp"
#include "sluice/sftp/responses.hpp"
#include "sluice/sftp/status.hpp"
#include "sluice/tests/support/temp_dir.hpp"

#include <gtest/gtest.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace sluice::test {

/// What is in a batch: names with their attributes. Each has its name at the end of its long name.
inline std::vector<std::pair<std::string, sftp::attributes>> entries_of(sftp::name_batch batch) {
    const auto packet = std::move(batch).to_packet(1);
    const auto m = sftp::decode<sftp::fxp_name>(packet.view().subspan(4));
    EXPECT_TRUE(m.has_value());
    std::vector<std::pair<std::string, sftp::attributes>> entries;
    wire::reader r(m->names.data);
    for (std::uint32_t i = 0; i < m->count; ++i) {
        sftp::name_entry e;
        r.read(e.filename);
        r.read(e.longname);
        sftp::get(r, e.attrs);
        EXPECT_TRUE(e.longname.ends_with(e.filename));
        entries.emplace_back(e.filename, e.attrs);
    }
    EXPECT_TRUE(!r.error() && r.at_end());
    return entries;
}

/// Runs the operations of a filesystem one by one, each to its end.
class filesystem_runner {
public:
    filesystem_runner() : pool_(1) {}
    ~filesystem_runner() {
        pool_.join();
        io_.restart();
        io_.run();
    }

    /// What is to be run: set it before the first operation.
    std::unique_ptr<sftp::filesystem> files;

    std::unique_ptr<posix_filesystem> posix(const std::filesystem::path& root) {
        auto opened = posix_filesystem::open({.root = root.string()}, io_.get_executor(), pool_);
        EXPECT_TRUE(opened.has_value());
        return std::move(*opened);
    }

    /// Lets everything that is under way complete.
    void settle() {
        io_.restart();
        io_.run();
    }

    template <class Op>
    result<typename Op::reply> run(
        void (sftp::filesystem::*f)(Op, sftp::completion<typename Op::reply>), Op what) {
        using outcome = result<typename Op::reply>;
        struct waiting : sftp::completion_context {
            std::optional<outcome> got;
        } context;
        (files.get()->*f)(
            std::move(what),
            sftp::completion<typename Op::reply>(
                context, 0, [](sftp::completion_context& c, std::uint64_t, outcome o) {
                    static_cast<waiting&>(c).got.emplace(std::move(o));
                }));
        while (!context.got) {
            io_.restart();
            io_.run_one();
        }
        return std::move(*context.got);
    }

    using fs = sftp::filesystem;
    result<sftp::file_handle> open(std::string_view path, std::uint32_t pflags,
                                   const sftp::attributes& attrs = {}) {
        return run(&fs::open, sftp::op::open{path, pflags, attrs});
    }
    result<> close(sftp::file_handle h, const sftp::ending& end = {}) {
        return run(&fs::close, sftp::op::close{h, end});
    }
    result<std::string> read(sftp::file_handle h, std::uint64_t offset, std::uint32_t length) {
        wire::buffer into(13 + length);
        into.commit(13);
        auto got = run(&fs::read, sftp::op::read{h, offset, length, std::move(into)});
        if (!got) return got.error();
        return std::string(as_text(got->view().subspan(13)));
    }
    result<> write(sftp::file_handle h, std::uint64_t offset, std::string_view text) {
        return run(&fs::write, sftp::op::write{h, offset, wire::buffer::copy_of(as_bytes(text))});
    }
    result<std::string> content(std::string_view path) {
        const auto h = open(path, sftp::fxf_read);
        if (!h) return h.error();
        auto got = read(*h, 0, 200'000);
        EXPECT_TRUE(close(*h).has_value());
        return got;
    }
    result<sftp::attributes> stat(std::string_view path, bool follow = true) {
        return run(&fs::stat, sftp::op::stat{path, follow});
    }
    /// The names in a directory, without "." and "..".
    result<std::set<std::string>> list(std::string_view path) {
        const auto h = run(&fs::opendir, sftp::op::opendir{path});
        if (!h) return h.error();
        std::set<std::string> names;
        for (;;) {
            auto batch = run(&fs::readdir, sftp::op::readdir{*h});
            if (!batch) {
                EXPECT_EQ(batch.error(), errc::sftp_eof);
                break;
            }
            if (batch->empty()) break;
            for (const auto& [name, attrs] : entries_of(std::move(*batch))) {
                if (name == "." || name == "..") continue;
                EXPECT_TRUE(names.insert(name).second);
            }
        }
        EXPECT_TRUE(close(*h).has_value());
        return names;
    }

private:
    boost::asio::io_context io_;
    boost::asio::thread_pool pool_;
};

}  // namespace sluice::test
