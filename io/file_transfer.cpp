#include "sluice/io/file_transfer.hpp"

#include "sluice/io/file_descriptor.hpp"
#include "sluice/io/posix_calls.hpp"
#include "sluice/sftp/requests.hpp"
#include "sluice/sftp/transfer.hpp"
#include "sluice/wire/expects.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <utility>

namespace sluice {
namespace {

constexpr std::uint32_t mode_bits = 0777;  // never setuid, setgid or sticky without being asked
constexpr std::uint32_t special_bits = 07000;

using side = transfer_fault::side;

// Of a mode, those bits that a copy is to have.
std::uint32_t kept_mode(const transfer_options& options, std::uint32_t mode,
                        std::optional<std::uint32_t> owner) {
    const bool special = options.preserve_special && owner == ::geteuid();
    return mode & (special ? mode_bits | special_bits : mode_bits);
}

// Not one that opening would wait for.
result<file_descriptor> open_local(const std::string& path, int flags, mode_t mode,
                                   struct ::stat& status) {
    file_descriptor file(::open(path.c_str(), flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, mode));
    if (!file || ::fstat(file.get(), &status) != 0) return last_system_error();
    if (S_ISDIR(status.st_mode)) return make_error_code(boost::system::errc::is_a_directory);
    // Pieces have their places: nothing is begun with what has none.
    if (::lseek(file.get(), 0, SEEK_CUR) < 0) return last_system_error();
    return file;
}

// A time as version 3 has it.
std::uint32_t sftp_time(std::int64_t seconds, bool& clamped) {
    constexpr std::int64_t most = std::numeric_limits<std::uint32_t>::max();
    const std::int64_t nearest = std::clamp<std::int64_t>(seconds, 0, most);
    if (nearest != seconds) clamped = true;
    return static_cast<std::uint32_t>(nearest);
}

void tell(const transfer_options& options, std::uint64_t bytes,
          std::optional<std::uint64_t> total) {
    if (options.on_progress) options.on_progress({bytes, total});
}

// A file there, a file here, and what became of the copy.
class transfer_operation : public sftp_operation {
public:
    transfer_operation(operation_number number, std::string remote, std::string local,
                       transfer_options options, pending_operation<transfer_result> done)
        : sftp_operation(number),
          remote_(std::move(remote)),
          local_(std::move(local)),
          options_(std::move(options)),
          done_(std::move(done)) {
        result_.error_offset = options_.offset;
    }

protected:
    void blame(side where, std::string_view operation, std::string text = {}) {
        const bool here = where == side::here;
        result_.fault = {where, here ? local_ : remote_, operation, std::move(text)};
    }

    const std::string remote_;
    const std::string local_;
    const transfer_options options_;
    pending_operation<transfer_result> done_;
    transfer_result result_;
    std::optional<sftp::remote_handle> handle_;
    file_descriptor file_;
};

// --- get ----------------------------------------------------------------------------------------

class get_operation final : public transfer_operation,
                            public std::enable_shared_from_this<get_operation> {
public:
    using transfer_operation::transfer_operation;

    void ask(sftp_core& core) override {
        const auto id = handle_ ? core.requests().fstat(*handle_)
                                : core.requests().open(remote_, sftp::fxf_read);
        if (!id) {
            blame(side::there, "open");
            return complete(core, id.error());
        }
        core.await(*id, shared_from_this());
    }

    void on_outcome(sftp_core& core, sftp::outcome& o) override {
        if (!handle_) {
            if (o.error) {
                blame(side::there, "open", std::move(o.text));
                return complete(core, o.error);
            }
            handle_ = std::get<sftp::remote_handle>(o.value);
            return core.start(shared_from_this());
        }
        // A server that cannot tell the size may give the file all the same.
        if (!o.error) attributes_ = std::get<sftp::attributes>(o.value);
        if (const error_code e = open_copy()) {
            blame(side::here, "open");
            return complete(core, e);
        }
        sftp::download::options how;
        how.offset = options_.offset;
        how.length_max = options_.length_max;
        how.size_hint = attributes_.size;
        download_.emplace(core.requests(), *handle_, how);
        core.add_mover(shared_from_this());
    }

    bool take(sftp::outcome& o) override {
        const bool ours = download_->take(o);
        if (ours && o.error && o.error != errc::sftp_eof) text_ = std::move(o.text);
        return ours;
    }

    bool move(sftp_core& core) override {
        if (!done_) return false;
        download_->ask();
        bool any = false;
        while (auto piece = download_->next_piece()) {
            const auto written = posix::write_fully(file_.get(), piece->offset, piece->data.view());
            if (!written) {
                result_.error_offset = piece->offset;
                blame(side::here, "write");
                complete(core, written.error());
                return false;
            }
            result_.bytes += piece->data.size();
            any = true;
        }
        if (any) {
            tell(options_, result_.bytes, expected());
            if (!done_) return false;
            download_->ask();
        }
        if (!download_->finished()) return true;
        result_.error_offset = download_->error() ? download_->error_offset() : 0;
        if (download_->error()) blame(side::there, "read", std::move(text_));
        complete(core, download_->error() ? download_->error() : finish_copy());
        return false;
    }

    void cancel(sftp_core& core) override {
        result_.error_offset = options_.offset + result_.bytes;
        complete(core, boost::asio::error::operation_aborted);
    }

private:
    std::optional<std::uint64_t> expected() const {
        if (!attributes_.size || *attributes_.size < options_.offset) return std::nullopt;
        return std::min(options_.length_max, *attributes_.size - options_.offset);
    }

    error_code open_copy() {
        const mode_t mode = attributes_.permissions.value_or(0666) & mode_bits;
        struct ::stat status {};
        auto file = open_local(local_, O_WRONLY | O_CREAT | (options_.offset == 0 ? O_TRUNC : 0),
                               mode | S_IWUSR, status);
        if (!file) return file.error();
        file_ = std::move(*file);
        ours_ = options_.offset == 0 && S_ISREG(status.st_mode);
        return {};
    }

    error_code finish_copy() {
        if (options_.preserve) {
            const auto& a = attributes_;
            const auto owner = a.owner ? std::optional(a.owner->uid) : std::nullopt;
            blame(side::here, "set the attributes of");
            if (a.permissions &&
                ::fchmod(file_.get(), kept_mode(options_, *a.permissions, owner)) != 0)
                return last_system_error();
            if (a.times) {
                const std::array<timespec, 2> times{{{a.times->atime, 0}, {a.times->mtime, 0}}};
                if (::futimens(file_.get(), times.data()) != 0) return last_system_error();
            }
        }
        // What close(2) says may be the first that is heard of a disk that is full.
        blame(side::here, "close");
        return file_.close();
    }

    // The server's answer to CLOSE says nothing about a file that was read.
    void complete(sftp_core& core, error_code e) {
        if (!done_) return;
        if (download_) download_->cancel();
        if (handle_) core.drop_handle(*handle_);
        if (!e) result_.fault.reset();
        if (e && ours_ && !options_.keep_partial) ::unlink(local_.c_str());
        file_.reset();
        done_.post(e, result_);
    }

    sftp::attributes attributes_;
    bool ours_ = false;  // to be removed where it stays incomplete
    std::string text_;   // of the server's latest error
    std::optional<sftp::download> download_;
};

// --- put ----------------------------------------------------------------------------------------

class put_operation final : public transfer_operation,
                            public std::enable_shared_from_this<put_operation> {
public:
    using transfer_operation::transfer_operation;

    void ask(sftp_core& core) override {
        if (!file_) {
            if (const error_code e = open_original()) {
                blame(side::here, "open");
                return complete(core, e);
            }
        }
        const auto id = next_request(core.requests());
        if (!id) {
            blame(side::there, now());
            return complete(core, id.error());
        }
        if (now_ == phase::closing) handle_.reset();
        core.await(*id, shared_from_this());
    }

    void on_outcome(sftp_core& core, sftp::outcome& o) override {
        if (o.error) {
            blame(side::there, now(), std::move(o.text));
            return complete(core, o.error);
        }
        switch (now_) {
        case phase::opening: {
            handle_ = std::get<sftp::remote_handle>(o.value);
            sftp::upload::options how;
            how.offset = options_.offset;
            upload_.emplace(core.requests(), *handle_, how);
            now_ = phase::moving;
            return core.add_mover(shared_from_this());
        }
        case phase::moving: break;
        case phase::setting: now_ = phase::closing; return core.start(shared_from_this());
        case phase::closing: return complete(core, {});
        }
        unreachable();
    }

    bool take(sftp::outcome& o) override {
        const bool ours = upload_->take(o);
        if (ours && o.error && text_.empty()) text_ = std::move(o.text);
        return ours;
    }

    bool move(sftp_core& core) override {
        if (!done_) return false;
        while (const std::size_t n = upload_->wanted()) {
            const std::uint64_t left = options_.length_max - (next_ - options_.offset);
            const auto length = static_cast<std::size_t>(std::min<std::uint64_t>(n, left));
            wire::buffer data = sftp::client::write_buffer(length);
            const auto read = posix::read_fully(file_.get(), next_, length, data);
            if (!read) {
                result_.error_offset = next_;
                blame(side::here, "read");
                complete(core, read.error());
                return false;
            }
            const std::size_t got = sftp::client::write_length(data);
            if (got == 0) {
                upload_->finish();
                break;
            }
            next_ += got;
            if (!upload_->write(data)) break;
        }
        if (upload_->acknowledged_bytes() != result_.bytes) {
            result_.bytes = upload_->acknowledged_bytes();
            tell(options_, result_.bytes, expected_);
            if (!done_) return false;
        }
        if (!upload_->finished()) return true;
        result_.error_offset = upload_->error() ? upload_->error_offset() : 0;
        if (upload_->error()) {
            blame(side::there, now(), std::move(text_));
            complete(core, upload_->error());
        } else {
            now_ = options_.preserve ? phase::setting : phase::closing;
            core.start(shared_from_this());
        }
        return false;
    }

    void cancel(sftp_core& core) override {
        result_.error_offset = options_.offset + result_.bytes;
        complete(core, boost::asio::error::operation_aborted);
    }

private:
    enum class phase { opening, moving, setting, closing };

    std::string_view now() const {
        switch (now_) {
        case phase::opening: return "open";
        case phase::moving: return "write";
        case phase::setting: return "set the attributes of";
        case phase::closing: return "close";
        }
        unreachable();
    }

    result<sftp::request_id> next_request(sftp::client& requests) {
        switch (now_) {
        case phase::opening: {
            const std::uint32_t truncate = options_.offset == 0 ? sftp::fxf_trunc : 0;
            sftp::attributes attrs;
            attrs.permissions = status_.st_mode & mode_bits;
            return requests.open(remote_, sftp::fxf_write | sftp::fxf_creat | truncate, attrs);
        }
        case phase::setting: {
            sftp::attributes attrs;
            attrs.permissions = kept_mode(options_, status_.st_mode, status_.st_uid);
            attrs.times = {sftp_time(status_.st_atim.tv_sec, result_.times_clamped),
                           sftp_time(status_.st_mtim.tv_sec, result_.times_clamped)};
            return requests.fsetstat(*handle_, attrs);
        }
        case phase::closing: return requests.close(*handle_);
        case phase::moving: break;
        }
        unreachable();
    }

    error_code open_original() {
        auto file = open_local(local_, O_RDONLY, 0, status_);
        if (!file) return file.error();
        file_ = std::move(*file);
        next_ = options_.offset;
        if (!S_ISREG(status_.st_mode)) return {};
        const auto size = static_cast<std::uint64_t>(status_.st_size);
        expected_ = std::min(options_.length_max, size - std::min(size, options_.offset));
        static_cast<void>(::posix_fadvise(file_.get(), 0, 0, POSIX_FADV_SEQUENTIAL));
        return {};
    }

    void complete(sftp_core& core, error_code e) {
        if (!done_) return;
        if (upload_) upload_->cancel();
        if (handle_) core.drop_handle(*handle_);
        file_.reset();
        done_.post(e, result_);
    }

    phase now_ = phase::opening;
    struct ::stat status_ {};
    std::optional<std::uint64_t> expected_;
    std::uint64_t next_ = 0;  // to be read
    std::string text_;        // of the server's first error
    std::optional<sftp::upload> upload_;
};

}  // namespace

std::shared_ptr<sftp_operation> make_get(operation_number number, std::string remote,
                                         std::string local, transfer_options options,
                                         pending_operation<transfer_result> done) {
    return std::make_shared<get_operation>(number, std::move(remote), std::move(local),
                                           std::move(options), std::move(done));
}

std::shared_ptr<sftp_operation> make_put(operation_number number, std::string local,
                                         std::string remote, transfer_options options,
                                         pending_operation<transfer_result> done) {
    return std::make_shared<put_operation>(number, std::move(remote), std::move(local),
                                           std::move(options), std::move(done));
}

}  // namespace sluice
