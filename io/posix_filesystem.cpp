#include "sluice/io/posix_filesystem.hpp"

#include "sluice/io/posix_calls.hpp"
#include "sluice/io/posix_directory.hpp"
#include "sluice/sftp/requests.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include <utility>

#include <fcntl.h>
#include <sys/stat.h>

namespace sluice {

namespace asio = boost::asio;
using reach = posix_root::reach;

// How an operation is first tried, on the caller's thread.
enum class posix_filesystem::attempt {
    no,      // it goes to the pool
    memory,  // the root's file system is in RAM
    cached,  // what the kernel can tell without a disk
};

struct posix_filesystem::open_file {
    descriptor_share share;  // goes after what it is for
    file_descriptor fd;
    std::unique_ptr<posix::directory_reader> directory;
    storage kept_in = storage::remote;
    bool written = false;
    bool device = false;
};

namespace {

error_code system_error(int number) { return {number, boost::system::system_category()}; }

// An outcome that only says that the first attempt could not go far enough: another mount, or a
// link, each of which may lead through thousands of names. EINVAL: a kernel without
// RESOLVE_CACHED.
template <class T>
bool out_of_reach(const result<T>& outcome, bool cached) {
    if (outcome) return false;
    const error_code e = outcome.error();
    if (e == system_error(EXDEV) || e == system_error(ELOOP)) return true;
    return cached && (e == system_error(EAGAIN) || e == system_error(EINVAL));
}

}  // namespace

result<std::unique_ptr<posix_filesystem>> posix_filesystem::open(const posix_options& options,
                                                                 asio::any_io_executor executor,
                                                                 asio::thread_pool& pool) {
    auto of_root = take_descriptors(options.descriptors);
    if (!of_root) return system_error(EMFILE);
    auto root = posix_root::open(options.root, options.stay_on_filesystem);
    if (root && !options.start_directory.empty())
        if (const auto started = root->start_at(options.start_directory); !started)
            return started.error();
    if (!root) return root.error();
    if (options.devices) root->permit_devices();
    return std::unique_ptr<posix_filesystem>(new posix_filesystem(
        std::move(*root), std::move(*of_root), options, std::move(executor), pool));
}

posix_filesystem::posix_filesystem(posix_root root, descriptor_share of_root,
                                   const posix_options& options, asio::any_io_executor executor,
                                   asio::thread_pool& pool)
    : root_(std::move(root)),
      of_root_(std::move(of_root)),
      descriptors_(options.descriptors),
      set_id_(options.allow_set_id ? posix::set_id::allowed : posix::set_id::refused),
      denied_modes_(options.denied_modes),
      file_mode_(options.file_mode),
      executor_(std::move(executor)),
      pool_(pool),
      turns_(options.turns) {}

posix_filesystem::~posix_filesystem() = default;

posix_filesystem::open_file& posix_filesystem::file(sftp::file_handle handle) {
    const auto index = static_cast<std::uint64_t>(handle);
    expects(index < files_.size() && files_[index] != nullptr);
    return *files_[index];
}

sftp::file_handle posix_filesystem::add(std::unique_ptr<open_file> f) {
    if (free_.empty()) {
        files_.push_back(std::move(f));
        return static_cast<sftp::file_handle>(files_.size() - 1);
    }
    const std::uint64_t index = free_.back();
    free_.pop_back();
    files_[index] = std::move(f);
    return static_cast<sftp::file_handle>(index);
}

posix_filesystem::attempt posix_filesystem::for_changes() const {
    return root_.kept_in() == storage::memory ? attempt::memory : attempt::no;
}

posix_filesystem::attempt posix_filesystem::for_looks() const {
    switch (root_.kept_in()) {
    case storage::memory: return attempt::memory;
    case storage::disk: return attempt::cached;
    case storage::remote: return attempt::no;
    }
    unreachable();
}

template <class Work>
void posix_filesystem::post(Work work) {
    if (turns_) return turns_->post(std::move(work));
    asio::post(pool_, std::move(work));
}

// What a thread of the pool has of an operation.
template <class Work, class Finish>
struct posix_filesystem::task {
    pending_tasks::token token;  // goes last
    asio::executor_work_guard<asio::any_io_executor> guard;
    Work work;
    Finish finish;

    void operator()() {
        auto outcome = work(reach::all);
        asio::post(guard.get_executor(),
                   [outcome = std::move(outcome), finish = std::move(finish)]() mutable {
                       finish(std::move(outcome));
                   });
    }
};

// Runs `work(reach)` and gives what it returns to `finish`, on the executor. The references that
// `work` holds are good until then.
template <class Work, class Finish>
void posix_filesystem::run(attempt first, Work work, Finish finish) {
    if (first != attempt::no) {
        const bool cached = first == attempt::cached;
        auto outcome = work(cached ? reach::cached : reach::same_mount);
        if (!out_of_reach(outcome, cached)) return finish(std::move(outcome));
    }
    post(task<Work, Finish>{pending_.add(), asio::make_work_guard(executor_), std::move(work),
                            std::move(finish)});
}

// The same for work that opens, within what may be open.
template <class Work>
void posix_filesystem::open_with(attempt first, sftp::completion<sftp::file_handle> done,
                                 Work work) {
    auto share = take_descriptors(descriptors_);
    if (!share) return done(system_error(EMFILE));
    run(first, std::move(work),
        [this, done = std::move(done),
         share = std::move(*share)](result<std::unique_ptr<open_file>> f) mutable {
            if (!f) {
                share = {};
                return done(f.error());
            }
            (*f)->share = std::move(share);
            done(add(std::move(*f)));
        });
}

template <class T, class Work>
void posix_filesystem::answer(attempt first, sftp::completion<T> done, Work work) {
    run(first, std::move(work),
        [done = std::move(done)](result<T> outcome) mutable { done(std::move(outcome)); });
}

// --- files ------------------------------------------------------------------------------------

void posix_filesystem::open(sftp::op::open o, sftp::completion<sftp::file_handle> done) {
    const auto asked =
        static_cast<mode_t>(o.attrs.permissions.value_or(0666) & 07777 & ~denied_modes_);
    const mode_t mode = file_mode_.value_or(asked);
    const bool creates = (o.pflags & sftp::fxf_creat) != 0;
    if (creates && set_id_ == posix::set_id::refused && sftp::sets_id(o.attrs))
        return done(errc::set_id_not_permitted);
    const bool changes = (o.pflags & (sftp::fxf_creat | sftp::fxf_trunc)) != 0;
    open_with(changes ? for_changes() : for_looks(), std::move(done),
              [this, o, mode](reach r) -> result<std::unique_ptr<open_file>> {
                  auto fd = posix::open_file(root_, o.path, o.pflags, mode, r);
                  if (!fd) return fd.error();
                  auto f = std::make_unique<open_file>();
                  f->fd = std::move(*fd);
                  f->kept_in = r == reach::all ? storage_of(f->fd.get()) : root_.kept_in();
                  f->device = posix::is_device(f->fd.get());
                  if (f->device) f->kept_in = storage::remote;
                  return f;
              });
}

void posix_filesystem::close(sftp::op::close o, sftp::completion<> done) {
    const auto index = static_cast<std::uint64_t>(o.file);
    expects(index < files_.size() && files_[index] != nullptr);
    const std::shared_ptr<open_file> f = std::move(files_[index]);
    free_.push_back(index);
    // The close of a file that was written may have to wait for the disk, and may fail.
    const bool here =
        f->directory == nullptr && !f->device && (f->kept_in == storage::memory || !f->written);
    answer(here ? attempt::memory : attempt::no, std::move(done), [f](reach) -> result<> {
        f->directory.reset();
        const error_code error = f->fd.close();
        f->share = {};  // before the client is told, who may open the next at once
        if (error) return error;
        return {};
    });
}

void posix_filesystem::read(sftp::op::read o, sftp::completion<wire::buffer> done) {
    const open_file& f = file(o.file);
    const int fd = f.fd.get();
    const std::size_t start = o.into.size();
    if (f.kept_in == storage::memory) {
        const auto got = posix::read_fully(fd, o.offset, o.length, o.into);
        if (!got) return done(got.error());
        return done(std::move(o.into));
    }
    if (!f.device) {
        const auto got = posix::read_cached(fd, o.offset, o.length, o.into);
        if (!got) return done(got.error());
        if (*got == posix::cached_read::complete) return done(std::move(o.into));
    }
    answer(attempt::no, std::move(done),
           [fd, start, o = std::move(o)](reach) mutable -> result<wire::buffer> {
               const std::size_t have = o.into.size() - start;
               const auto rest = posix::read_fully(fd, o.offset + have, o.length - have, o.into);
               if (!rest) return rest.error();
               return std::move(o.into);
           });
}

void posix_filesystem::write(sftp::op::write o, sftp::completion<> done) {
    open_file& f = file(o.file);
    f.written = true;
    answer(f.kept_in == storage::memory ? attempt::memory : attempt::no, std::move(done),
           [fd = f.fd.get(), o = std::move(o)](reach) {
               return posix::write_fully(fd, o.offset, o.data.view());
           });
}

void posix_filesystem::fstat(sftp::op::fstat o, sftp::completion<sftp::attributes> done) {
    const open_file& f = file(o.file);
    answer(f.kept_in != storage::remote ? attempt::memory : attempt::no, std::move(done),
           [fd = f.fd.get()](reach) -> result<sftp::attributes> {
               struct stat status {};
               if (::fstat(fd, &status) != 0) return last_system_error();
               return posix::attributes_of(status);
           });
}

void posix_filesystem::fsetstat(sftp::op::fsetstat o, sftp::completion<> done) {
    open_file& f = file(o.file);
    if (o.attrs.size) f.written = true;
    answer(f.kept_in == storage::memory ? attempt::memory : attempt::no, std::move(done),
           [fd = f.fd.get(), attrs = o.attrs, may = set_id_](reach) {
               return posix::fsetstat(fd, attrs, may);
           });
}

void posix_filesystem::fsync(sftp::op::fsync o, sftp::completion<> done) {
    const open_file& f = file(o.file);
    const int fd = f.directory ? f.directory->fd() : f.fd.get();
    answer(attempt::no, std::move(done), [fd](reach) -> result<> {
        if (::fsync(fd) != 0) return last_system_error();
        return {};
    });
}

void posix_filesystem::fstatvfs(sftp::op::fstatvfs o, sftp::completion<sftp::statvfs_reply> done) {
    const open_file& f = file(o.file);
    const int fd = f.directory ? f.directory->fd() : f.fd.get();
    answer(f.kept_in == storage::memory ? attempt::memory : attempt::no, std::move(done),
           [fd](reach) { return posix::statvfs(fd); });
}

// --- copy-data --------------------------------------------------------------------------------

struct posix_filesystem::copy {
    int from;
    int to;
    sftp::op::copy_data what;
    sftp::completion<> done;
    asio::executor_work_guard<asio::any_io_executor> guard;
    bool bounded = false;
};

void posix_filesystem::copy_data(sftp::op::copy_data o, sftp::completion<> done) {
    file(o.to).written = true;
    copy_step(std::make_unique<copy>(copy{file(o.from).fd.get(), file(o.to).fd.get(), o,
                                          std::move(done), asio::make_work_guard(executor_)}));
}

// One step at a time goes to the pool, so that others get their turn between steps.
void posix_filesystem::copy_step(std::unique_ptr<copy> job) {
    post([token = pending_.add(), this, job = std::move(job)]() mutable {
        sftp::op::copy_data& o = job->what;
        const auto step = [&]() -> result<std::uint64_t> {
            if (job->done.stop_requested()) return errc::cancelled;
            if (!job->bounded && o.length == 0) {
                // The end is where it is now: it may be the same file, growing as we copy.
                struct stat status {};
                if (::fstat(job->from, &status) != 0) return last_system_error();
                const auto size = static_cast<std::uint64_t>(status.st_size);
                o.length = size > o.from_offset ? size - o.from_offset : 0;
            }
            job->bounded = true;
            if (o.length == 0) return std::uint64_t{0};
            return posix::copy_some(job->from, o.from_offset, job->to, o.to_offset, o.length);
        };
        const auto copied = step();
        if (copied && *copied != 0 && *copied < o.length) {
            o.from_offset += *copied;
            o.to_offset += *copied;
            o.length -= *copied;
            return copy_step(std::move(job));
        }
        const error_code error = copied ? error_code() : copied.error();
        const auto executor = job->guard.get_executor();
        asio::post(executor, [job = std::move(job), error]() mutable {
            if (error) return job->done(error);
            job->done(result<>());
        });
    });
}

// --- paths ------------------------------------------------------------------------------------

void posix_filesystem::stat(sftp::op::stat o, sftp::completion<sftp::attributes> done) {
    answer(for_looks(), std::move(done), [this, o](reach r) { return posix::stat(root_, o, r); });
}

void posix_filesystem::setstat(sftp::op::setstat o, sftp::completion<> done) {
    answer(for_changes(), std::move(done),
           [this, o](reach r) { return posix::setstat(root_, o, set_id_, r); });
}

void posix_filesystem::remove(sftp::op::remove o, sftp::completion<> done) {
    answer(for_changes(), std::move(done),
           [this, o](reach r) { return posix::remove(root_, o.path, r); });
}

void posix_filesystem::mkdir(sftp::op::mkdir o, sftp::completion<> done) {
    const auto mode =
        static_cast<mode_t>(o.attrs.permissions.value_or(0777) & 07777 & ~denied_modes_);
    if (set_id_ == posix::set_id::refused && sftp::sets_id(o.attrs))
        return done(errc::set_id_not_permitted);
    answer(for_changes(), std::move(done),
           [this, o, mode](reach r) { return posix::mkdir(root_, o.path, mode, r); });
}

void posix_filesystem::rmdir(sftp::op::rmdir o, sftp::completion<> done) {
    answer(for_changes(), std::move(done),
           [this, o](reach r) { return posix::rmdir(root_, o.path, r); });
}

void posix_filesystem::rename(sftp::op::rename o, sftp::completion<> done) {
    answer(for_changes(), std::move(done),
           [this, o](reach r) { return posix::rename(root_, o, r); });
}

void posix_filesystem::realpath(sftp::op::realpath o, sftp::completion<std::string> done) {
    answer(for_looks(), std::move(done), [this, o](reach r) { return root_.canonical(o.path, r); });
}

void posix_filesystem::readlink(sftp::op::readlink o, sftp::completion<std::string> done) {
    // Not by `cached`: the text of a link may be on the disk though its name is not.
    answer(for_changes(), std::move(done),
           [this, o](reach r) { return posix::readlink(root_, o.path, r); });
}

void posix_filesystem::symlink(sftp::op::symlink o, sftp::completion<> done) {
    answer(for_changes(), std::move(done),
           [this, o](reach r) { return posix::symlink(root_, o, r); });
}

void posix_filesystem::hardlink(sftp::op::hardlink o, sftp::completion<> done) {
    answer(for_changes(), std::move(done),
           [this, o](reach r) { return posix::hardlink(root_, o, r); });
}

void posix_filesystem::statvfs(sftp::op::statvfs o, sftp::completion<sftp::statvfs_reply> done) {
    answer(for_changes(), std::move(done), [this, o](reach r) -> result<sftp::statvfs_reply> {
        const auto fd = root_.open(o.path, O_PATH, r);
        if (!fd) return fd.error();
        return posix::statvfs(fd->get());
    });
}

// --- directories and names --------------------------------------------------------------------

// Of owners; shared with the pool.
std::shared_ptr<posix::id_name_cache> posix_filesystem::names() {
    if (!names_)
        names_ = std::make_shared<posix::id_name_cache>(root_.is_whole_system() ? nullptr : &root_);
    return names_;
}

void posix_filesystem::opendir(sftp::op::opendir o, sftp::completion<sftp::file_handle> done) {
    open_with(for_changes(), std::move(done),
              [this, o](reach r) -> result<std::unique_ptr<open_file>> {
                  auto fd = root_.open(o.path, O_RDONLY | O_DIRECTORY | O_NONBLOCK, r);
                  if (!fd) return fd.error();
                  auto reader = posix::directory_reader::open(std::move(*fd), root_.one_mount());
                  if (!reader) return reader.error();
                  auto f = std::make_unique<open_file>();
                  f->directory = std::move(*reader);
                  return f;
              });
}

// Always on the pool: the names of owners may come from a directory service, or from files.
void posix_filesystem::readdir(sftp::op::readdir o, sftp::completion<sftp::name_batch> done) {
    answer(attempt::no, std::move(done),
           [reader = file(o.directory).directory.get(), names = names()](reach) {
               return reader->next(*names);
           });
}

void posix_filesystem::users_groups(sftp::op::users_groups o,
                                    sftp::completion<sftp::id_names> done) {
    answer(attempt::no, std::move(done),
           [o = std::move(o), names = names()](reach) -> result<sftp::id_names> {
               names->refresh();
               sftp::id_names found;
               for (const auto uid : o.uids)
                   found.users.push_back(names->user(uid));
               for (const auto gid : o.gids)
                   found.groups.push_back(names->group(gid));
               return found;
           });
}

}  // namespace sluice
