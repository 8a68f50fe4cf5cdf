#include "sluice/sftp/driver.hpp"

#include "sluice/wire/expects.hpp"

#include <utility>
#include <variant>

namespace sluice::sftp {
namespace {

// Which function of a filesystem runs which operation.
void run(filesystem& f, op::open o, completion<file_handle> done) {
    f.open(std::move(o), std::move(done));
}
void run(filesystem& f, op::close o, completion<> done) { f.close(o, std::move(done)); }
void run(filesystem& f, op::read o, completion<wire::buffer> done) {
    f.read(std::move(o), std::move(done));
}
void run(filesystem& f, op::write o, completion<> done) { f.write(std::move(o), std::move(done)); }
void run(filesystem& f, op::stat o, completion<attributes> done) { f.stat(o, std::move(done)); }
void run(filesystem& f, op::fstat o, completion<attributes> done) { f.fstat(o, std::move(done)); }
void run(filesystem& f, op::setstat o, completion<> done) { f.setstat(o, std::move(done)); }
void run(filesystem& f, op::fsetstat o, completion<> done) { f.fsetstat(o, std::move(done)); }
void run(filesystem& f, op::opendir o, completion<file_handle> done) {
    f.opendir(o, std::move(done));
}
void run(filesystem& f, op::readdir o, completion<name_batch> done) {
    f.readdir(o, std::move(done));
}
void run(filesystem& f, op::remove o, completion<> done) { f.remove(o, std::move(done)); }
void run(filesystem& f, op::mkdir o, completion<> done) { f.mkdir(o, std::move(done)); }
void run(filesystem& f, op::rmdir o, completion<> done) { f.rmdir(o, std::move(done)); }
void run(filesystem& f, op::realpath o, completion<std::string> done) {
    f.realpath(o, std::move(done));
}
void run(filesystem& f, op::rename o, completion<> done) { f.rename(o, std::move(done)); }
void run(filesystem& f, op::readlink o, completion<std::string> done) {
    f.readlink(o, std::move(done));
}
void run(filesystem& f, op::symlink o, completion<> done) { f.symlink(o, std::move(done)); }
void run(filesystem& f, op::hardlink o, completion<> done) { f.hardlink(o, std::move(done)); }
void run(filesystem& f, op::fsync o, completion<> done) { f.fsync(o, std::move(done)); }
void run(filesystem& f, op::statvfs o, completion<statvfs_reply> done) {
    f.statvfs(o, std::move(done));
}
void run(filesystem& f, op::fstatvfs o, completion<statvfs_reply> done) {
    f.fstatvfs(o, std::move(done));
}
void run(filesystem& f, op::copy_data o, completion<> done) { f.copy_data(o, std::move(done)); }
void run(filesystem& f, op::expand_path o, completion<std::string> done) {
    f.expand_path(o, std::move(done));
}
void run(filesystem& f, op::home_directory o, completion<std::string> done) {
    f.home_directory(o, std::move(done));
}
void run(filesystem& f, op::users_groups o, completion<id_names> done) {
    f.users_groups(std::move(o), std::move(done));
}

}  // namespace

driver::driver(server& s, filesystem& f, std::function<void()> on_late_completion)
    : server_(s), filesystem_(f), on_late_completion_(std::move(on_late_completion)) {
    stop = stop_.get_token();
}

driver::~driver() { expects(running_ == 0); }

void driver::start_ready() {
    if (starting_) return;
    starting_ = true;
    while (auto next = server_.next_operation())
        start(std::move(*next));
    starting_ = false;
}

void driver::start(operation o) {
    ++running_;
    std::visit(
        [&]<class Op>(Op& what) {
            using T = typename Op::reply;
            run(filesystem_, std::move(what), completion<T>(*this, o.id, &driver::completed<T>));
        },
        o.what);
}

template <class T>
void driver::completed(completion_context& context, std::uint64_t id, result<T> outcome) {
    driver& self = static_cast<driver&>(context);
    --self.running_;
    self.server_.complete(id, std::move(outcome));
    if (!self.starting_) self.on_late_completion_();
}

}  // namespace sluice::sftp
