#include "sluice/io/sftp_client.hpp"

#include "sluice/wire/limits.hpp"

#include <algorithm>
#include <cstring>

namespace asio = boost::asio;

namespace sluice {
namespace {

using admission = sftp_core::admission;

// --- one file -----------------------------------------------------------------------------------

class open_operation final : public sftp_operation,
                             public std::enable_shared_from_this<open_operation> {
public:
    open_operation(operation_number number, std::shared_ptr<sftp_hold> session, std::string path,
                   std::uint32_t pflags, const sftp::attributes& attrs,
                   pending_operation<remote_file> done)
        : sftp_operation(number),
          session_(std::move(session)),
          path_(std::move(path)),
          pflags_(pflags),
          attrs_(attrs),
          done_(std::move(done)) {}

    void ask(sftp_core& core) override {
        const auto id = core.requests().open(path_, pflags_, attrs_);
        if (!id) return done_.post(id.error(), {});
        core.await(*id, shared_from_this());
    }
    void on_outcome(sftp_core&, sftp::outcome& o) override {
        if (o.error) return done_.post(o.error, {});
        done_.post({}, remote_file(std::move(session_), std::get<sftp::remote_handle>(o.value)));
    }
    void cancel(sftp_core&) override { done_.cancel(); }

private:
    std::shared_ptr<sftp_hold> session_;
    std::string path_;
    std::uint32_t pflags_;
    sftp::attributes attrs_;
    pending_operation<remote_file> done_;
};

class read_operation final : public sftp_operation,
                             public std::enable_shared_from_this<read_operation> {
public:
    read_operation(operation_number number, sftp::remote_handle handle, std::uint64_t offset,
                   mutable_bytes_view space, pending_operation<std::size_t> done)
        : sftp_operation(number),
          handle_(handle),
          offset_(offset),
          space_(space),
          done_(std::move(done)) {}

    void ask(sftp_core& core) override {
        if (space_.empty()) return done_.post({}, 0);
        const std::size_t n =
            std::min<std::size_t>(space_.size(), core.requests().read_length_max());
        const auto id = core.requests().read(handle_, offset_, static_cast<std::uint32_t>(n));
        if (!id) return done_.post(id.error(), 0);
        core.await(*id, shared_from_this());
    }
    void on_outcome(sftp_core&, sftp::outcome& o) override {
        if (o.error == errc::sftp_eof) return done_.post(asio::error::eof, 0);
        if (o.error) return done_.post(o.error, 0);
        const auto& data = std::get<wire::buffer>(o.value);
        std::memcpy(space_.data(), data.view().data(), data.size());
        done_.post({}, data.size());
    }
    void cancel(sftp_core&) override { done_.cancel(); }

private:
    sftp::remote_handle handle_;
    std::uint64_t offset_;
    mutable_bytes_view space_;
    pending_operation<std::size_t> done_;
};

class write_operation final : public sftp_operation,
                              public std::enable_shared_from_this<write_operation> {
public:
    write_operation(operation_number number, sftp::remote_handle handle, std::uint64_t offset,
                    bytes_view data, pending_operation<std::size_t> done)
        : sftp_operation(number),
          handle_(handle),
          offset_(offset),
          data_(data),
          done_(std::move(done)) {}

    void ask(sftp_core& core) override {
        if (data_.empty()) return done_.post({}, 0);
        data_ =
            data_.first(std::min<std::size_t>(data_.size(), core.requests().write_length_max()));
        wire::buffer packet = sftp::client::write_buffer(data_.size());
        std::memcpy(packet.space().data(), data_.data(), data_.size());
        packet.commit(data_.size());
        const auto id = core.requests().write(handle_, offset_, std::move(packet));
        if (!id) return done_.post(id.error(), 0);
        core.await(*id, shared_from_this());
    }
    void on_outcome(sftp_core&, sftp::outcome& o) override {
        done_.post(o.error, o.error ? 0 : data_.size());
    }
    void cancel(sftp_core&) override { done_.cancel(); }

private:
    sftp::remote_handle handle_;
    std::uint64_t offset_;
    bytes_view data_;
    pending_operation<std::size_t> done_;
};

// --- a directory --------------------------------------------------------------------------------

directory_batch batch_of(sftp::names_reply& names) {
    directory_batch batch;
    batch.names_left_out = names.left_out();
    sftp::name_entry entry;
    while (names.next(entry)) {
        if (entry.filename == "." || entry.filename == "..") continue;
        const auto longname = entry.longname.substr(0, limits::sftp_longname_length_max);
        batch.entries.push_back({std::string(entry.filename), std::string(longname), entry.attrs});
    }
    return batch;
}

class opendir_operation final : public sftp_operation,
                                public std::enable_shared_from_this<opendir_operation> {
public:
    opendir_operation(operation_number number, std::shared_ptr<sftp_hold> session, std::string path,
                      pending_operation<remote_directory> done)
        : sftp_operation(number),
          session_(std::move(session)),
          path_(std::move(path)),
          done_(std::move(done)) {}

    void ask(sftp_core& core) override {
        const auto id = core.requests().opendir(path_);
        if (!id) return done_.post(id.error(), {});
        core.await(*id, shared_from_this());
    }
    void on_outcome(sftp_core&, sftp::outcome& o) override {
        if (o.error) return done_.post(o.error, {});
        done_.post({},
                   remote_directory(std::move(session_), std::get<sftp::remote_handle>(o.value)));
    }
    void cancel(sftp_core&) override { done_.cancel(); }

private:
    std::shared_ptr<sftp_hold> session_;
    std::string path_;
    pending_operation<remote_directory> done_;
};

class readdir_operation final : public sftp_operation,
                                public std::enable_shared_from_this<readdir_operation> {
public:
    readdir_operation(operation_number number, sftp::remote_handle handle,
                      pending_operation<directory_batch> done)
        : sftp_operation(number), handle_(handle), done_(std::move(done)) {}

    void ask(sftp_core& core) override {
        const auto id = core.requests().readdir(handle_);
        if (!id) return done_.post(id.error(), {});
        core.await(*id, shared_from_this());
    }
    void on_outcome(sftp_core&, sftp::outcome& o) override {
        if (o.error == errc::sftp_eof) return done_.post(asio::error::eof, {});
        if (o.error) return done_.post(o.error, {});
        done_.post({}, batch_of(std::get<sftp::names_reply>(o.value)));
    }
    void cancel(sftp_core&) override { done_.cancel(); }

private:
    sftp::remote_handle handle_;
    pending_operation<directory_batch> done_;
};

class list_operation final : public sftp_operation,
                             public std::enable_shared_from_this<list_operation> {
public:
    list_operation(operation_number number, std::string path,
                   pending_operation<std::vector<directory_entry>> done)
        : sftp_operation(number), path_(std::move(path)), done_(std::move(done)) {}

    void ask(sftp_core& core) override {
        const auto id =
            handle_ ? core.requests().readdir(*handle_) : core.requests().opendir(path_);
        if (!id) return complete(core, id.error());
        core.await(*id, shared_from_this());
    }
    void on_outcome(sftp_core& core, sftp::outcome& o) override {
        if (handle_ && o.error == errc::sftp_eof) return complete(core, {});
        if (o.error) return complete(core, o.error);
        if (!handle_)
            handle_ = std::get<sftp::remote_handle>(o.value);
        else if (!add(std::get<sftp::names_reply>(o.value)))
            return complete(core, errc::too_long);
        core.start(shared_from_this());
    }
    void cancel(sftp_core& core) override { complete(core, asio::error::operation_aborted); }

private:
    bool add(sftp::names_reply& names) {
        for (directory_entry& entry : batch_of(names).entries) {
            size_ += sizeof entry + entry.name.size() + entry.longname.size();
            if (entries_.size() == limits::sftp_list_max || size_ > limits::sftp_list_bytes_max)
                return false;
            entries_.push_back(std::move(entry));
        }
        return true;
    }
    void complete(sftp_core& core, error_code e) {
        if (handle_) core.drop_handle(*handle_);
        if (e) entries_.clear();
        done_.post(e, std::move(entries_));
    }

    std::string path_;
    pending_operation<std::vector<directory_entry>> done_;
    std::optional<sftp::remote_handle> handle_;
    std::vector<directory_entry> entries_;
    std::size_t size_ = 0;  // bytes of them
};

}  // namespace

// --- remote_file --------------------------------------------------------------------------------

remote_file& remote_file::operator=(remote_file&& other) noexcept {
    if (session_) (*session_)->close_handle(handle_);
    session_ = std::move(other.session_);
    handle_ = other.handle_;
    return *this;
}

remote_file::~remote_file() {
    if (session_) (*session_)->close_handle(handle_);
}

void remote_file::start_read(sftp_core& core, sftp::remote_handle handle, std::uint64_t offset,
                             mutable_bytes_view space, completion<std::size_t> done) {
    core.begin<read_operation>(admission::open_file, std::move(done), handle, offset, space);
}

void remote_file::start_write(sftp_core& core, sftp::remote_handle handle, std::uint64_t offset,
                              bytes_view data, completion<std::size_t> done) {
    core.begin<write_operation>(admission::open_file, std::move(done), handle, offset, data);
}

// --- remote_directory ---------------------------------------------------------------------------

remote_directory& remote_directory::operator=(remote_directory&& other) noexcept {
    if (session_) (*session_)->close_handle(handle_);
    session_ = std::move(other.session_);
    handle_ = other.handle_;
    return *this;
}

remote_directory::~remote_directory() {
    if (session_) (*session_)->close_handle(handle_);
}

void remote_directory::start_next(sftp_core& core, sftp::remote_handle handle,
                                  completion<directory_batch> done) {
    core.begin<readdir_operation>(admission::open_file, std::move(done), handle);
}

// --- sftp_client --------------------------------------------------------------------------------

void sftp_client::start_get(sftp_core& core, std::string remote, std::string local,
                            transfer_options options, completion<transfer_result> done) {
    core.async_operation<transfer_result>(
        admission::new_work, std::move(done),
        [remote = std::move(remote), local = std::move(local), options = std::move(options)](
            operation_number number, pending_operation<transfer_result> waiting) mutable {
            return make_get(number, std::move(remote), std::move(local), std::move(options),
                            std::move(waiting));
        });
}

void sftp_client::start_put(sftp_core& core, std::string local, std::string remote,
                            transfer_options options, completion<transfer_result> done) {
    core.async_operation<transfer_result>(
        admission::new_work, std::move(done),
        [remote = std::move(remote), local = std::move(local), options = std::move(options)](
            operation_number number, pending_operation<transfer_result> waiting) mutable {
            return make_put(number, std::move(local), std::move(remote), std::move(options),
                            std::move(waiting));
        });
}

void sftp_client::start_open(std::shared_ptr<sftp_hold> session, std::string path,
                             std::uint32_t pflags, const sftp::attributes& attrs,
                             completion<remote_file> done) {
    sftp_core& core = **session;
    core.begin<open_operation>(admission::new_work, std::move(done), std::move(session),
                               std::move(path), pflags, attrs);
}

void sftp_client::start_open_directory(std::shared_ptr<sftp_hold> session, std::string path,
                                       completion<remote_directory> done) {
    sftp_core& core = **session;
    core.begin<opendir_operation>(admission::new_work, std::move(done), std::move(session),
                                  std::move(path));
}

void sftp_client::start_list(sftp_core& core, std::string path,
                             completion<std::vector<directory_entry>> done) {
    core.begin<list_operation>(admission::new_work, std::move(done), std::move(path));
}

void sftp_client::start_limits(sftp_core& core, completion<sftp_limits> done) {
    core.async_limits(std::move(done));
}

}  // namespace sluice
