#include "sluice/io/atomic_upload_filesystem.hpp"

#include "sluice/sftp/path.hpp"
#include "sluice/sftp/requests.hpp"
#include "sluice/sftp/status.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <optional>
#include <utility>

namespace sluice {
namespace {

namespace op = sftp::op;
using sftp::completion;

constexpr std::string_view suffix = ".part";
constexpr std::size_t random_digits = 16;
// Of the target's name: some file systems have room for less than 255 bytes.
constexpr std::size_t name_kept_max = 100;

std::string random_name(crypto::random_source& random, std::string_view name) {
    std::array<std::uint8_t, random_digits / 2> raw;
    random.fill(raw);
    std::string text = "." + std::string(name.substr(0, name_kept_max)) + ".";
    for (const auto b : raw) {
        text += "0123456789abcdef"[b >> 4];
        text += "0123456789abcdef"[b & 15];
    }
    return text.append(suffix);
}

bool is(error_code error, sftp::status_code code) { return sftp::status_of(error) == code; }

bool is_regular(const sftp::attributes& attrs) {
    return attrs.permissions && (*attrs.permissions & sftp::type_mask) == sftp::type_regular;
}

}  // namespace

struct atomic_upload_filesystem::opening {
    opening(const op::open& w, completion<sftp::file_handle> d) : what(w), done(std::move(d)) {}

    op::open what;
    completion<sftp::file_handle> done;
    upload made;
    std::optional<sftp::attributes> replaced;  // what is there already
    sftp::file_handle file{};                  // of the probe, then of the temporary file
};

struct atomic_upload_filesystem::closing {
    closing(const op::close& w, upload u, completion<> d)
        : what(w), made(std::move(u)), done(std::move(d)) {}

    op::close what;
    upload made;
    completion<> done;
    error_code error;  // why it is not committed
    sftp::file_handle directory{};
};

atomic_upload_filesystem::atomic_upload_filesystem(std::unique_ptr<sftp::filesystem> inner,
                                                   abandoned_policy abandoned,
                                                   crypto::random_source& random)
    : inner_(std::move(inner)), abandoned_(abandoned), random_(random) {}

atomic_upload_filesystem::~atomic_upload_filesystem() = default;

bool atomic_upload_filesystem::is_temporary(std::string_view name) {
    if (name.size() < 2 + random_digits + suffix.size() || !name.ends_with(suffix)) return false;
    name.remove_suffix(suffix.size());
    const auto digits = name.substr(name.size() - random_digits);
    name.remove_suffix(random_digits);
    return name.starts_with('.') && name.ends_with('.') &&
           digits.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string atomic_upload_filesystem::temporary_for(std::string_view target) {
    const auto parts = sftp::split(target);
    return std::string(parts.directory) + "/" + random_name(random_, parts.name);
}

// --- open: stat, probe, realpath, open, owner and mode ----------------------------------------

void atomic_upload_filesystem::open(op::open o, completion<sftp::file_handle> done) {
    constexpr std::uint32_t exclusive = sftp::fxf_creat | sftp::fxf_excl;
    const bool is_new = (o.pflags & exclusive) == exclusive;
    with_upload(o.path, !is_new, [this, o, is_new, done = std::move(done)](auto* own) mutable {
        if (own == nullptr) return open_path(o, std::move(done));
        if (is_new) return done(error_code(EEXIST, boost::system::generic_category()));
        constexpr std::uint32_t another = sftp::fxf_write | sftp::fxf_trunc;
        if ((o.pflags & (another | sftp::fxf_append)) != another)
            return open_upload(own->second.temporary, o, std::move(done));
        o.pflags |= sftp::fxf_creat;  // it is there
        open_path(o, std::move(done));
    });
}

void atomic_upload_filesystem::open_upload(const std::string& temporary, const op::open& o,
                                           completion<sftp::file_handle> done) {
    auto path = std::make_unique<std::string>(temporary);
    const op::open what{*path, o.pflags & ~(sftp::fxf_creat | sftp::fxf_excl), {}};
    inner_->open(what, then<sftp::file_handle>([path = std::move(path), done = std::move(done)](
                                                   result<sftp::file_handle> opened) mutable {
                     done(std::move(opened));
                 }));
}

void atomic_upload_filesystem::open_path(op::open o, completion<sftp::file_handle> done) {
    const auto has = [&o](std::uint32_t bit) { return (o.pflags & bit) != 0; };
    const bool may_replace = has(sftp::fxf_write) && !has(sftp::fxf_append) &&
                             (has(sftp::fxf_trunc) || has(sftp::fxf_creat));
    if (!may_replace || !sftp::split(o.path).has_name() || o.path.ends_with('/'))
        return inner_->open(o, std::move(done));

    auto job = std::make_unique<opening>(o, std::move(done));
    job->made.exclusive = has(sftp::fxf_creat) && has(sftp::fxf_excl);
    const op::stat look{o.path, !job->made.exclusive};
    inner_->stat(look, then<sftp::attributes>(
                           [this, job = std::move(job)](result<sftp::attributes> found) mutable {
                               if (!found) {
                                   if (!is(found.error(), sftp::status_code::no_such_file))
                                       return job->done(found.error());
                                   if ((job->what.pflags & sftp::fxf_creat) == 0)
                                       return open_in_place(std::move(job));
                                   return resolve(std::move(job));
                               }
                               // What cannot be opened at all fails there as it always did.
                               if (job->made.exclusive || !is_regular(*found) ||
                                   (job->what.pflags & sftp::fxf_trunc) == 0)
                                   return open_in_place(std::move(job));
                               job->replaced = *found;
                               probe(std::move(job));
                           }));
}

void atomic_upload_filesystem::open_in_place(opening_ptr job) {
    const op::open what = job->what;
    inner_->open(what, std::move(job->done));
}

// Whoever may not write to a file may not replace it either, though the directory would let him.
void atomic_upload_filesystem::probe(opening_ptr job) {
    const op::open what{job->what.path, sftp::fxf_write, {}};
    inner_->open(what, then<sftp::file_handle>([this, job = std::move(job)](
                                                   result<sftp::file_handle> opened) mutable {
                     if (!opened) return job->done(opened.error());
                     inner_->close(
                         op::close{*opened, {}},
                         then<void>([this, job = std::move(job)](result<> closed) mutable {
                             if (!closed) return job->done(closed.error());
                             resolve(std::move(job));
                         }));
                 }));
}

// A rename would replace a symbolic link, not what it leads to.
void atomic_upload_filesystem::resolve(opening_ptr job) {
    const op::realpath what{job->what.path};
    inner_->realpath(
        what, then<std::string>([this, job = std::move(job)](result<std::string> target) mutable {
            if (!target) return job->done(target.error());
            const auto parts = sftp::split(*target);
            if (!parts.has_name()) return job->done(errc::sftp_failure);
            upload& made = job->made;
            made.directory = parts.directory.empty() ? "/" : std::string(parts.directory);
            made.temporary = temporary_for(*target);
            made.target = std::move(*target);
            open_temporary(std::move(job));
        }));
}

void atomic_upload_filesystem::open_temporary(opening_ptr job) {
    op::open what{job->made.temporary, job->what.pflags & (sftp::fxf_read | sftp::fxf_write),
                  job->what.attrs};
    what.pflags |= sftp::fxf_creat | sftp::fxf_excl;
    if (job->replaced) what.attrs.permissions = *job->replaced->permissions & 0777;
    inner_->open(what, then<sftp::file_handle>(
                           [this, job = std::move(job)](result<sftp::file_handle> opened) mutable {
                               if (!opened) return job->done(opened.error());
                               job->file = *opened;
                               keep_owner(std::move(job));
                           }));
}

// The owner first: changing him may take away bits of the mode.
void atomic_upload_filesystem::keep_owner(opening_ptr job) {
    if (!job->replaced || !job->replaced->owner) return keep_mode(std::move(job));
    op::fsetstat what{job->file, {}};
    what.attrs.owner = job->replaced->owner;
    inner_->fsetstat(what, then<void>([this, job = std::move(job)](result<>) mutable {
                         keep_mode(std::move(job));  // only the superuser may give files away
                     }));
}

void atomic_upload_filesystem::keep_mode(opening_ptr job) {
    const auto finish = [this](opening_ptr j) {
        j->made.number = ++opened_;
        uploads_.emplace(j->file, std::move(j->made));
        j->done(j->file);
    };
    if (!job->replaced) return finish(std::move(job));
    op::fsetstat what{job->file, {}};
    // Without setuid and setgid, which a write would take away too.
    what.attrs.permissions = *job->replaced->permissions & 01777;
    inner_->fsetstat(what, then<void>([this, finish, job = std::move(job)](result<> set) mutable {
                         if (!set) return give_up(std::move(job), set.error());
                         finish(std::move(job));
                     }));
}

void atomic_upload_filesystem::give_up(opening_ptr job, error_code error) {
    const op::close what{job->file, {sftp::ending::kind::abandoned, 0, false}};
    inner_->close(what, then<void>([this, error, job = std::move(job)](result<>) mutable {
                      const op::remove temporary{job->made.temporary};
                      inner_->remove(temporary,
                                     then<void>([error, job = std::move(job)](result<>) mutable {
                                         job->done(error);
                                     }));
                  }));
}

// --- close: fsync, close, rename, fsync of the directory --------------------------------------

void atomic_upload_filesystem::close(op::close o, completion<> done) {
    auto node = uploads_.extract(o.file);
    if (node.empty()) return inner_->close(o, std::move(done));
    auto job = std::make_unique<closing>(o, std::move(node.mapped()), std::move(done));
    if (o.end.how != sftp::ending::kind::committed) {
        job->error = errc::connection_lost;  // nobody is told
    } else if (o.end.write_failed && !job->made.given_up) {
        job->error = errc::sftp_failure;
    }
    if (job->error || job->made.given_up) return close_file(std::move(job));
    sync_file(std::move(job));
}

void atomic_upload_filesystem::sync_file(closing_ptr job) {
    const op::fsync what{job->what.file};
    inner_->fsync(what, then<void>([this, job = std::move(job)](result<> synced) mutable {
                      if (!synced && !is(synced.error(), sftp::status_code::op_unsupported))
                          job->error = synced.error();
                      close_file(std::move(job));
                  }));
}

void atomic_upload_filesystem::close_file(closing_ptr job) {
    op::close what = job->what;
    if (job->error || job->made.given_up) what.end.how = sftp::ending::kind::abandoned;
    inner_->close(what, then<void>([this, job = std::move(job)](result<> closed) mutable {
                      if (!closed && !job->error) job->error = closed.error();
                      if (job->error || job->made.given_up) return discard(std::move(job));
                      move_into_place(std::move(job));
                  }));
}

void atomic_upload_filesystem::move_into_place(closing_ptr job) {
    const op::rename what{job->made.temporary, job->made.target, !job->made.exclusive};
    inner_->rename(what, then<void>([this, job = std::move(job)](result<> moved) mutable {
                       if (!moved) {
                           job->error = moved.error();
                           return discard(std::move(job));
                       }
                       sync_directory(std::move(job));
                   }));
}

// Without this a power loss may bring the old name back. A directory that may be written to but not
// read cannot be synced; then the system's own time has to do.
void atomic_upload_filesystem::sync_directory(closing_ptr job) {
    const op::opendir what{job->made.directory};
    inner_->opendir(
        what, then<sftp::file_handle>([this, job = std::move(job)](
                                          result<sftp::file_handle> opened) mutable {
            if (!opened) {
                if (is(opened.error(), sftp::status_code::permission_denied))
                    return job->done(result<>());
                return job->done(opened.error());
            }
            job->directory = *opened;
            const op::fsync sync{job->directory};
            inner_->fsync(sync, then<void>([this, job = std::move(job)](result<> synced) mutable {
                              if (!synced && !is(synced.error(), sftp::status_code::op_unsupported))
                                  job->error = synced.error();
                              const op::close close{job->directory, {}};
                              inner_->close(close,
                                            then<void>([job = std::move(job)](result<>) mutable {
                                                if (job->error) return job->done(job->error);
                                                job->done(result<>());
                                            }));
                          }));
        }));
}

void atomic_upload_filesystem::discard(closing_ptr job) {
    if (abandoned_ == abandoned_policy::keep && !job->made.given_up) return job->done(job->error);
    const op::remove what{job->made.temporary};
    inner_->remove(what, then<void>([job = std::move(job)](result<>) mutable {
                       if (job->error) return job->done(job->error);
                       job->done(result<>());
                   }));
}

// --- listings ---------------------------------------------------------------------------------

void atomic_upload_filesystem::readdir(op::readdir o, completion<sftp::name_batch> done) {
    inner_->readdir(o, then<sftp::name_batch>([this, o, done = std::move(done)](
                                                  result<sftp::name_batch> batch) mutable {
                        if (!batch || batch->empty()) return done(std::move(batch));
                        batch->erase_if(is_temporary);
                        // An empty batch would be the end.
                        if (batch->empty()) return readdir(o, std::move(done));
                        done(std::move(batch));
                    }));
}

// --- everything else --------------------------------------------------------------------------

void atomic_upload_filesystem::read(op::read o, completion<wire::buffer> done) {
    inner_->read(std::move(o), std::move(done));
}
void atomic_upload_filesystem::write(op::write o, completion<> done) {
    inner_->write(std::move(o), std::move(done));
}
void atomic_upload_filesystem::fstat(op::fstat o, completion<sftp::attributes> done) {
    inner_->fstat(o, std::move(done));
}
void atomic_upload_filesystem::fsetstat(op::fsetstat o, completion<> done) {
    inner_->fsetstat(o, std::move(done));
}
void atomic_upload_filesystem::opendir(op::opendir o, completion<sftp::file_handle> done) {
    inner_->opendir(o, std::move(done));
}
void atomic_upload_filesystem::rmdir(op::rmdir o, completion<> done) {
    inner_->rmdir(o, std::move(done));
}
void atomic_upload_filesystem::realpath(op::realpath o, completion<std::string> done) {
    inner_->realpath(o, std::move(done));
}
void atomic_upload_filesystem::expand_path(op::expand_path o, completion<std::string> done) {
    inner_->expand_path(o, std::move(done));
}
void atomic_upload_filesystem::home_directory(op::home_directory o, completion<std::string> done) {
    inner_->home_directory(o, std::move(done));
}
void atomic_upload_filesystem::readlink(op::readlink o, completion<std::string> done) {
    inner_->readlink(o, std::move(done));
}
void atomic_upload_filesystem::fsync(op::fsync o, completion<> done) {
    inner_->fsync(o, std::move(done));
}
void atomic_upload_filesystem::fstatvfs(op::fstatvfs o, completion<sftp::statvfs_reply> done) {
    inner_->fstatvfs(o, std::move(done));
}
void atomic_upload_filesystem::copy_data(op::copy_data o, completion<> done) {
    inner_->copy_data(o, std::move(done));
}
void atomic_upload_filesystem::users_groups(op::users_groups o, completion<sftp::id_names> done) {
    inner_->users_groups(std::move(o), std::move(done));
}

}  // namespace sluice
