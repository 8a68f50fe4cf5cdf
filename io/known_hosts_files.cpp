#include "sluice/io/known_hosts_files.hpp"

#include "sluice/io/file_descriptor.hpp"
#include "sluice/io/text_file.hpp"
#include "sluice/wire/limits.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

namespace sluice {
namespace {

constexpr mode_t file_mode = 0600;
constexpr mode_t folder_mode = 0700;

// Whether what is appended would continue a line.
bool ends_within_a_line(int fd) {
    char last = '\n';
    const off_t end = ::lseek(fd, 0, SEEK_END);
    return end > 0 && ::pread(fd, &last, 1, end - 1) == 1 && last != '\n';
}

// With their ends.
std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size() - 1) + 1;
        lines.push_back(text.substr(0, end));
        text.remove_prefix(end);
    }
    return lines;
}

}  // namespace

std::vector<std::string> known_hosts_files::usual() {
    std::vector<std::string> paths;
    if (const std::string folder = ssh_folder(); !folder.empty())
        paths = {folder + "/known_hosts", folder + "/known_hosts2"};
    paths.insert(paths.end(), {"/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"});
    return paths;
}

error_code known_hosts_files::load() {
    bool any = false;
    for (const std::string& path : paths_) {
        const auto text = read_text_file(path, limits::known_hosts_length_max);
        if (text && path == paths_.front()) first_text_ = *text;
        auto file = text ? known_hosts::parse(*text) : known_hosts::parse({});
        if (!error_ && !text && !is_absent(text.error())) error_ = text.error();
        if (!file) continue;
        if (std::exchange(any, true))
            hosts_.append(std::move(*file));
        else
            hosts_ = std::move(*file);
    }
    return error_;
}

void known_hosts_files::put_beside(known_hosts lines) {
    if (!of_files_) of_files_ = hosts_;
    hosts_ = *of_files_;
    hosts_.append(std::move(lines));
}

std::string known_hosts_files::place(const known_hosts::match& found) const {
    const std::string path =
        found.file < paths_.size() ? paths_[found.file] : "known hosts beside the files";
    return path + ':' + std::to_string(found.line);
}

error_code known_hosts_files::add(std::string_view host, std::uint16_t port,
                                  const crypto::public_key& key, bool hashed) {
    auto line = hashed ? hashed_known_hosts_line(host, port, key, crypto::system_random())
                       : known_hosts_line(host, port, key);
    if (!line) return line.error();
    if (error_) return error_;
    if (paths_.empty()) return errc::bad_config;
    const std::string& path = paths_.front();
    const auto folder = std::filesystem::path(path).parent_path();
    if (!folder.empty()) static_cast<void>(::mkdir(folder.c_str(), folder_mode));
    file_descriptor file(
        ::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, file_mode));
    if (!file) return last_system_error();
    if (ends_within_a_line(file.get())) line->insert(0, 1, '\n');
    // One call, so that what others append at the same time stays apart.
    const ssize_t n = ::write(file.get(), line->data(), line->size());
    if (n < 0) return last_system_error();
    if (static_cast<std::size_t>(n) != line->size()) return errc::truncated;
    return file.close();
}

error_code known_hosts_files::remove(const std::vector<std::size_t>& lines) {
    if (error_) return error_;
    if (paths_.empty()) return errc::bad_config;
    const std::string& path = paths_.front();
    const auto text = read_text_file(path, limits::known_hosts_length_max);
    if (!text) return text.error();
    // Others may have added lines meanwhile; a line that is not where it was is looked for no more.
    const auto before = lines_of(first_text_);
    const auto after = lines_of(*text);
    std::string kept;
    for (std::size_t i = 0; i < after.size(); ++i) {
        const bool goes = std::ranges::find(lines, i + 1) != lines.end() && i < before.size() &&
                          before[i] == after[i];
        if (!goes) kept += after[i];
    }
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return last_system_error();
    std::string temporary = path + ".XXXXXX";
    file_descriptor file(::mkostemp(temporary.data(), O_CLOEXEC));
    if (!file) return last_system_error();
    error_code e;
    if (::fchmod(file.get(), status.st_mode & 0777) != 0) e = last_system_error();
    std::string_view left = kept;
    while (!e && !left.empty()) {
        const ssize_t n = ::write(file.get(), left.data(), left.size());
        if (n < 0)
            e = last_system_error();
        else
            left.remove_prefix(static_cast<std::size_t>(n));
    }
    if (!e) e = file.close();
    if (!e && ::rename(temporary.c_str(), path.c_str()) != 0) e = last_system_error();
    if (e) ::unlink(temporary.c_str());
    return e;
}

}  // namespace sluice
