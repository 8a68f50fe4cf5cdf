#include "sluice/sftp/status.hpp"

#include <array>
#include <cerrno>

namespace sluice::sftp {
namespace {

// What calls on files fail with. Not strerror(3): its words depend on the process's language.
struct errno_text {
    int number;
    std::string_view text;
};
constexpr std::array errno_texts{
    errno_text{EPERM, "Operation not permitted"},
    errno_text{ENOENT, "No such file or directory"},
    errno_text{EIO, "Input/output error"},
    errno_text{ENXIO, "No such device or address"},
    errno_text{EBADF, "Bad file descriptor"},
    errno_text{ENOMEM, "Cannot allocate memory"},
    errno_text{EACCES, "Permission denied"},
    errno_text{EBUSY, "Device or resource busy"},
    errno_text{EEXIST, "File exists"},
    errno_text{EXDEV, "Invalid cross-device link"},
    errno_text{ENODEV, "No such device"},
    errno_text{ENOTDIR, "Not a directory"},
    errno_text{EISDIR, "Is a directory"},
    errno_text{EINVAL, "Invalid argument"},
    errno_text{ENFILE, "Too many open files in system"},
    errno_text{EMFILE, "Too many open files"},
    errno_text{ETXTBSY, "Text file busy"},
    errno_text{EFBIG, "File too large"},
    errno_text{ENOSPC, "No space left on device"},
    errno_text{ESPIPE, "Illegal seek"},
    errno_text{EROFS, "Read-only file system"},
    errno_text{EMLINK, "Too many links"},
    errno_text{ENAMETOOLONG, "File name too long"},
    errno_text{ENOLCK, "No locks available"},
    errno_text{ENOSYS, "Function not implemented"},
    errno_text{ENOTEMPTY, "Directory not empty"},
    errno_text{ELOOP, "Too many levels of symbolic links"},
    errno_text{EOVERFLOW, "Value too large for defined data type"},
    errno_text{EOPNOTSUPP, "Operation not supported"},
    errno_text{ETIMEDOUT, "Connection timed out"},
    errno_text{ESTALE, "Stale file handle"},
    errno_text{EDQUOT, "Disk quota exceeded"},
};

status_code status_of_errc(errc e) noexcept {
    switch (e) {
    case errc::sftp_no_such_file: return status_code::no_such_file;
    case errc::sftp_permission_denied:
    case errc::set_id_not_permitted: return status_code::permission_denied;
    case errc::sftp_unsupported: return status_code::op_unsupported;
    case errc::sftp_eof: return status_code::eof;
    case errc::sftp_bad_message:
    case errc::truncated:
    case errc::bad_value:
    case errc::too_long: return status_code::bad_message;
    default: return status_code::failure;
    }
}

}  // namespace

status_code status_of(error_code error) noexcept {
    if (!error) return status_code::ok;
    if (error.category() == error_category())
        return status_of_errc(static_cast<errc>(error.value()));
    namespace posix = boost::system::errc;
    const auto condition = error.default_error_condition();
    if (condition.category() != boost::system::generic_category()) return status_code::failure;
    switch (condition.value()) {
    case posix::no_such_file_or_directory:
    case posix::not_a_directory:
    case posix::bad_file_descriptor:
    case posix::too_many_symbolic_link_levels: return status_code::no_such_file;
    case posix::operation_not_permitted:
    case posix::permission_denied:
    case posix::bad_address: return status_code::permission_denied;
    case posix::filename_too_long:
    case posix::invalid_argument: return status_code::bad_message;
    case posix::function_not_supported: return status_code::op_unsupported;
    default: return status_code::failure;
    }
}

error_code error_of(std::uint32_t code) noexcept {
    switch (static_cast<status_code>(code)) {
    case status_code::ok: return {};
    case status_code::eof: return errc::sftp_eof;
    case status_code::no_such_file: return errc::sftp_no_such_file;
    case status_code::permission_denied: return errc::sftp_permission_denied;
    case status_code::bad_message: return errc::sftp_bad_message;
    case status_code::op_unsupported: return errc::sftp_unsupported;
    case status_code::failure:
    case status_code::no_connection:
    case status_code::connection_lost:
    case status_code::invalid_parameter: return errc::sftp_failure;
    }
    return errc::sftp_failure;
}

std::string_view text_of(status_code code) noexcept {
    switch (code) {
    case status_code::ok: return "Success";
    case status_code::eof: return "End of file";
    case status_code::no_such_file: return "No such file";
    case status_code::permission_denied: return "Permission denied";
    case status_code::failure: return "Failure";
    case status_code::bad_message: return "Bad message";
    case status_code::no_connection: return "No connection";
    case status_code::connection_lost: return "Connection lost";
    case status_code::op_unsupported: return "Operation unsupported";
    case status_code::invalid_parameter: return "Invalid parameter";
    }
    return "Failure";
}

std::string_view text_of(error_code error) noexcept {
    const auto condition = error.default_error_condition();
    if (condition.category() == boost::system::generic_category())
        for (const auto& known : errno_texts)
            if (known.number == condition.value()) return known.text;
    if (error == errc::set_id_not_permitted) return "setuid and setgid may not be set here";
    return text_of(status_of(error));
}

}  // namespace sluice::sftp
