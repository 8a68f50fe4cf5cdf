#include "sluice/io/logged_filesystem.hpp"

#include "sluice/sftp/requests.hpp"

#include <array>
#include <cstdio>

namespace sluice {
namespace {

using sftp::completion;
namespace op = sftp::op;

std::string octal(std::uint32_t mode) {
    std::array<char, 16> text{};
    const int length = std::snprintf(text.data(), text.size(), "0%o", mode);
    return {text.data(), static_cast<std::size_t>(length)};
}

std::string flags_of(std::uint32_t pflags) {
    struct flag {
        std::uint32_t bit;
        const char* name;
    };
    constexpr std::array all{flag{sftp::fxf_read, "READ"},      flag{sftp::fxf_write, "WRITE"},
                             flag{sftp::fxf_append, "APPEND"},  flag{sftp::fxf_creat, "CREATE"},
                             flag{sftp::fxf_trunc, "TRUNCATE"}, flag{sftp::fxf_excl, "EXCL"}};
    std::string names;
    for (const auto& one : all)
        if ((pflags & one.bit) != 0) names += (names.empty() ? "" : ",") + std::string(one.name);
    return names.empty() ? "READ" : names;
}

void add(logged_filesystem::fields& what, const sftp::attributes& attrs) {
    if (attrs.size) what.emplace_back("size", std::to_string(*attrs.size));
    if (attrs.permissions) what.emplace_back("mode", octal(*attrs.permissions & 07777));
    if (attrs.times) what.emplace_back("modtime", std::to_string(attrs.times->mtime));
    if (attrs.owner)
        what.emplace_back(
            "owner", std::to_string(attrs.owner->uid) + ":" + std::to_string(attrs.owner->gid));
}

logged_filesystem::fields of_path(std::string_view path) { return {{"path", std::string(path)}}; }

logged_filesystem::fields of_paths(std::string_view from, std::string_view to) {
    return {{"old", std::string(from)}, {"new", std::string(to)}};
}

}  // namespace

// A completion that goes on with `f`, which gets the one that is to be called.
template <class T, class F>
completion<T> logged_filesystem::then(completion<T> done, F f) {
    struct next {
        completion<T> done;
        F f;
    };
    // That of the session, whichever completion it is asked of. Once: other threads may ask.
    if (!std::exchange(has_stop_, true)) stop = done.stop_token();
    auto* const kept = new next{std::move(done), std::move(f)};
    return {*this, reinterpret_cast<std::uintptr_t>(kept),
            [](completion_context&, std::uint64_t id, result<T> outcome) {
                const std::unique_ptr<next> owned(
                    reinterpret_cast<next*>(static_cast<std::uintptr_t>(id)));
                owned->f(outcome);
                owned->done(std::move(outcome));
            }};
}

template <class T>
completion<T> logged_filesystem::telling(std::string_view event, fields what, completion<T> done) {
    return then(std::move(done),
                [this, event, what = std::move(what)](const result<T>& outcome) mutable {
                    tell(event, std::move(what), outcome ? error_code() : outcome.error());
                });
}

void logged_filesystem::tell(std::string_view event, fields what, error_code error) const {
    if (error) what.emplace_back("error", error.message());
    tell_(event, std::move(what));
}

const std::string& logged_filesystem::path_of(sftp::file_handle file) const {
    static const std::string unknown;
    const auto found = files_.find(file);
    return found == files_.end() ? unknown : found->second.path;
}

void logged_filesystem::open(op::open o, completion<sftp::file_handle> done) {
    auto what = of_path(o.path);
    what.emplace_back("flags", flags_of(o.pflags));
    if ((o.pflags & sftp::fxf_creat) != 0)
        what.emplace_back("mode", octal(o.attrs.permissions.value_or(0666) & 07777));
    inner_->open(o, then(std::move(done), [this, path = std::string(o.path),
                                           what](const result<sftp::file_handle>& file) {
                     if (file) files_[*file] = {path};
                     tell("open", what, file ? error_code() : file.error());
                 }));
}

void logged_filesystem::opendir(op::opendir o, completion<sftp::file_handle> done) {
    inner_->opendir(o, then(std::move(done), [this, path = std::string(o.path)](
                                                 const result<sftp::file_handle>& file) {
                        if (file) files_[*file] = {path, true};
                        tell("opendir", of_path(path), file ? error_code() : file.error());
                    }));
}

void logged_filesystem::close(op::close o, completion<> done) {
    const opened was = std::move(files_[o.file]);
    files_.erase(o.file);
    auto what = of_path(was.path);
    if (!was.directory) {
        what.emplace_back("read", std::to_string(was.read));
        what.emplace_back("written", std::to_string(was.written));
    }
    if (o.end.how == sftp::ending::kind::abandoned) what.emplace_back("forced", "yes");
    inner_->close(o,
                  telling(was.directory ? "closedir" : "close", std::move(what), std::move(done)));
}

void logged_filesystem::read(op::read o, completion<wire::buffer> done) {
    const auto file = o.file;
    const std::size_t before = o.into.size();
    inner_->read(std::move(o),
                 then(std::move(done), [this, file, before](const result<wire::buffer>& got) {
                     const auto found = files_.find(file);
                     if (got && found != files_.end()) found->second.read += got->size() - before;
                 }));
}

void logged_filesystem::write(op::write o, completion<> done) {
    const auto file = o.file;
    const std::size_t length = o.data.view().size();
    inner_->write(std::move(o),
                  then(std::move(done), [this, file, length](const result<>& outcome) {
                      const auto found = files_.find(file);
                      if (outcome && found != files_.end()) found->second.written += length;
                  }));
}

void logged_filesystem::setstat(op::setstat o, completion<> done) {
    auto what = of_path(o.path);
    add(what, o.attrs);
    inner_->setstat(o, telling("set", std::move(what), std::move(done)));
}

void logged_filesystem::fsetstat(op::fsetstat o, completion<> done) {
    auto what = of_path(path_of(o.file));
    add(what, o.attrs);
    inner_->fsetstat(o, telling("set", std::move(what), std::move(done)));
}

void logged_filesystem::remove(op::remove o, completion<> done) {
    inner_->remove(o, telling("remove", of_path(o.path), std::move(done)));
}

void logged_filesystem::mkdir(op::mkdir o, completion<> done) {
    auto what = of_path(o.path);
    what.emplace_back("mode", octal(o.attrs.permissions.value_or(0777) & 07777));
    inner_->mkdir(o, telling("mkdir", std::move(what), std::move(done)));
}

void logged_filesystem::rmdir(op::rmdir o, completion<> done) {
    inner_->rmdir(o, telling("rmdir", of_path(o.path), std::move(done)));
}

void logged_filesystem::rename(op::rename o, completion<> done) {
    inner_->rename(o, telling(o.replace ? "posix-rename" : "rename", of_paths(o.oldpath, o.newpath),
                              std::move(done)));
}

void logged_filesystem::symlink(op::symlink o, completion<> done) {
    inner_->symlink(o, telling("symlink", of_paths(o.targetpath, o.linkpath), std::move(done)));
}

void logged_filesystem::hardlink(op::hardlink o, completion<> done) {
    inner_->hardlink(o, telling("hardlink", of_paths(o.oldpath, o.newpath), std::move(done)));
}

void logged_filesystem::statvfs(op::statvfs o, completion<sftp::statvfs_reply> done) {
    inner_->statvfs(o, telling("statvfs", of_path(o.path), std::move(done)));
}

void logged_filesystem::copy_data(op::copy_data o, completion<> done) {
    inner_->copy_data(
        o, telling("copy-data", of_paths(path_of(o.from), path_of(o.to)), std::move(done)));
}

// --- what is not told ---------------------------------------------------------------------------

void logged_filesystem::stat(op::stat o, completion<sftp::attributes> done) {
    inner_->stat(o, std::move(done));
}
void logged_filesystem::fstat(op::fstat o, completion<sftp::attributes> done) {
    inner_->fstat(o, std::move(done));
}
void logged_filesystem::readdir(op::readdir o, completion<sftp::name_batch> done) {
    inner_->readdir(o, std::move(done));
}
void logged_filesystem::realpath(op::realpath o, completion<std::string> done) {
    inner_->realpath(o, std::move(done));
}
void logged_filesystem::expand_path(op::expand_path o, completion<std::string> done) {
    inner_->expand_path(o, std::move(done));
}
void logged_filesystem::home_directory(op::home_directory o, completion<std::string> done) {
    inner_->home_directory(o, std::move(done));
}
void logged_filesystem::readlink(op::readlink o, completion<std::string> done) {
    inner_->readlink(o, std::move(done));
}
void logged_filesystem::fsync(op::fsync o, completion<> done) { inner_->fsync(o, std::move(done)); }
void logged_filesystem::fstatvfs(op::fstatvfs o, completion<sftp::statvfs_reply> done) {
    inner_->fstatvfs(o, std::move(done));
}
void logged_filesystem::users_groups(op::users_groups o, completion<sftp::id_names> done) {
    inner_->users_groups(std::move(o), std::move(done));
}

}  // namespace sluice
