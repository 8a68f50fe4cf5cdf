// In its own session a path means the upload that is open under it.

#include "sluice/io/atomic_upload_filesystem.hpp"
#include "sluice/sftp/path.hpp"
#include "sluice/sftp/status.hpp"

#include <cerrno>
#include <utility>

namespace sluice {
namespace {

namespace op = sftp::op;
using sftp::completion;

error_code failed(int number) { return {number, boost::system::generic_category()}; }

bool is_missing(error_code error) {
    return sftp::status_of(error) == sftp::status_code::no_such_file;
}

std::string directory_of(std::string_view path) {
    const auto parts = sftp::split(path);
    return parts.directory.empty() ? "/" : std::string(parts.directory);
}

// `path` with `from` at its beginning exchanged for `to`, where it is below `from`.
void move_below(std::string& path, const std::string& from, const std::string& to) {
    if (path == from || path.starts_with(from + "/")) path.replace(0, from.size(), to);
}

}  // namespace

struct atomic_upload_filesystem::renaming {
    renaming(const op::rename& w, completion<> d) : what(w), done(std::move(d)) {}

    op::rename what;
    completion<> done;
    std::string from;
    std::string to;
    std::string temporary;      // what the upload is to be called now
    sftp::file_handle moved{};  // the upload
};

atomic_upload_filesystem::uploads::value_type* atomic_upload_filesystem::latest(
    std::string_view target) {
    uploads::value_type* found = nullptr;
    for (auto& one : uploads_) {
        const upload& u = one.second;
        if (u.given_up || u.target != target) continue;
        if (found == nullptr || u.number > found->second.number) found = &one;
    }
    return found;
}

void atomic_upload_filesystem::give_up_target(std::string_view target) {
    for (auto& [file, u] : uploads_)
        if (u.target == target) u.given_up = true;
}

// --- what is known of it ----------------------------------------------------------------------

void atomic_upload_filesystem::stat(op::stat o, completion<sftp::attributes> done) {
    with_upload(o.path, o.follow, [this, o, done = std::move(done)](auto* own) mutable {
        if (own == nullptr) return inner_->stat(o, std::move(done));
        inner_->fstat(op::fstat{own->first}, std::move(done));
    });
}

void atomic_upload_filesystem::setstat(op::setstat o, completion<> done) {
    with_upload(o.path, o.follow, [this, o, done = std::move(done)](auto* own) mutable {
        if (own == nullptr) return inner_->setstat(o, std::move(done));
        inner_->fsetstat(op::fsetstat{own->first, o.attrs}, std::move(done));
    });
}

void atomic_upload_filesystem::statvfs(op::statvfs o, completion<sftp::statvfs_reply> done) {
    with_upload(o.path, true, [this, o, done = std::move(done)](auto* own) mutable {
        if (own == nullptr) return inner_->statvfs(o, std::move(done));
        inner_->fstatvfs(op::fstatvfs{own->first}, std::move(done));
    });
}

// --- its name ---------------------------------------------------------------------------------

void atomic_upload_filesystem::mkdir(op::mkdir o, completion<> done) {
    with_upload(o.path, false, [this, o, done = std::move(done)](auto* own) mutable {
        if (own != nullptr) return done(failed(EEXIST));
        inner_->mkdir(o, std::move(done));
    });
}

void atomic_upload_filesystem::symlink(op::symlink o, completion<> done) {
    with_upload(o.linkpath, false, [this, o, done = std::move(done)](auto* own) mutable {
        if (own != nullptr) return done(failed(EEXIST));
        inner_->symlink(o, std::move(done));
    });
}

// Another name would show it before it is whole.
void atomic_upload_filesystem::hardlink(op::hardlink o, completion<> done) {
    with_upload(o.oldpath, false, [this, o, done = std::move(done)](auto* from) mutable {
        if (from != nullptr) return done(failed(EBUSY));
        with_upload(o.newpath, false, [this, o, done = std::move(done)](auto* to) mutable {
            if (to != nullptr) return done(failed(EEXIST));
            inner_->hardlink(o, std::move(done));
        });
    });
}

// With what it was to replace.
void atomic_upload_filesystem::remove(op::remove o, completion<> done) {
    with_upload(o.path, false, [this, o, done = std::move(done)](auto* own) mutable {
        if (own == nullptr) return inner_->remove(o, std::move(done));
        auto go_on = [this, target = own->second.target,
                      done = std::move(done)](result<> removed) mutable {
            if (!removed && !is_missing(removed.error())) return done(removed.error());
            give_up_target(target);
            done(result<>());
        };
        inner_->remove(o, then<void>(std::move(go_on)));
    });
}

void atomic_upload_filesystem::rename(op::rename o, completion<> done) {
    if (uploads_.empty()) return inner_->rename(o, std::move(done));
    auto job = std::make_unique<renaming>(o, std::move(done));
    locate(o.oldpath, false, [this, job = std::move(job)](std::string from) mutable {
        job->from = std::move(from);
        const std::string_view newpath = job->what.newpath;
        locate(newpath, false, [this, job = std::move(job)](std::string to) mutable {
            job->to = std::move(to);
            rename_located(std::move(job));
        });
    });
}

void atomic_upload_filesystem::rename_located(renaming_ptr job) {
    if (job->from.empty() || job->to.empty()) {
        const op::rename what = job->what;
        return inner_->rename(what, std::move(job->done));
    }
    const auto* const own = latest(job->from);
    if (!job->what.replace && latest(job->to) != nullptr) return job->done(failed(EEXIST));
    if (own == nullptr) return rename_other(std::move(job));
    job->moved = own->first;
    if (job->from == job->to) return job->done(result<>());
    move_temporary(std::move(job));
}

// Something else: a directory takes the uploads along that are below it.
void atomic_upload_filesystem::rename_other(renaming_ptr job) {
    const op::rename what = job->what;
    inner_->rename(what, then<void>([this, job = std::move(job)](result<> renamed) mutable {
                       if (!renamed) return job->done(renamed.error());
                       if (job->from == job->to) return job->done(result<>());
                       give_up_target(job->to);
                       for (auto& [file, u] : uploads_)
                           for (auto* path : {&u.directory, &u.target, &u.temporary})
                               move_below(*path, job->from, job->to);
                       job->done(result<>());
                   }));
}

// At once, so that what cannot be (another file system) fails now.
void atomic_upload_filesystem::move_temporary(renaming_ptr job) {
    job->temporary = temporary_for(job->to);
    const op::rename what{uploads_[job->moved].temporary, job->temporary, false};
    inner_->rename(what, then<void>([this, job = std::move(job)](result<> moved) mutable {
                       if (!moved) return job->done(moved.error());
                       const auto own = uploads_.find(job->moved);
                       if (own == uploads_.end()) return job->done(failed(ENOENT));  // just closed
                       own->second.temporary = job->temporary;
                       move_replaced(std::move(job));
                   }));
}

// What it is to replace, if there is such a file: it is called so no more.
void atomic_upload_filesystem::move_replaced(renaming_ptr job) {
    const op::rename what{job->from, job->to, job->what.replace};
    inner_->rename(
        what, then<void>([this, job = std::move(job)](result<> moved) mutable {
            if (moved) return move_target(std::move(job), false);
            if (!is_missing(moved.error())) return job->done(moved.error());
            if (job->what.replace) return move_target(std::move(job), false);
            const op::stat there{job->to, false};
            inner_->stat(there, then<sftp::attributes>([this, job = std::move(job)](
                                                           result<sftp::attributes> found) mutable {
                             if (found) return job->done(failed(EEXIST));
                             move_target(std::move(job), true);
                         }));
        }));
}

void atomic_upload_filesystem::move_target(renaming_ptr job, bool exclusive) {
    give_up_target(job->to);
    for (auto& [file, u] : uploads_) {
        if (u.target != job->from) continue;
        u.target = job->to;
        u.directory = directory_of(job->to);
        u.exclusive = exclusive;
    }
    job->done(result<>());
}

}  // namespace sluice
