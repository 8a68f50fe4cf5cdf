#pragma once

namespace sluice::sftp {

/// What an SFTP session still does while its server drains.
enum class drain_policy {
    finish_handles,  // what is open may be read, written and closed; nothing else is begun
    finish_session,  // everything, until the client ends the session
    now,             // only what was read already
};

}  // namespace sluice::sftp
