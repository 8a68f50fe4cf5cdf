#pragma once

namespace sluice::sftp {

/// How a session that is to end is brought to it, from the gentlest on.
enum class drain_policy {
    /// Everything is served until the client ends it.
    finish_session,

    /// What is on open handles is served: read, write, close, fstat, fsetstat, readdir, fsync,
    /// fstatvfs, copy-data. Everything else gets FAILURE, "server is draining". With no handle open
    /// and nothing unanswered the session ends: a client is stopped between files, never inside
    /// one.
    finish_handles,

    /// Requests that were read are answered, new work as above; then the session ends. Handles that
    /// are left open are closed as abandoned.
    now,
};

}  // namespace sluice::sftp
