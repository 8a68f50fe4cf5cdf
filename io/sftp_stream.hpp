#pragma once

#include "sluice/io/byte_stream.hpp"
#include "sluice/sftp/filesystem.hpp"
#include "sluice/sftp/server.hpp"
#include "sluice/wire/error.hpp"

#include <functional>
#include <memory>

namespace sluice {

/// What became of a session that was served on a stream.
struct sftp_stream_report {
    sftp::session_report session;
    error_code protocol;  // why we ended it: a breach of the protocol by the client
    error_code stream;    // what broke the stream, if that is what ended it
};

/// Serves SFTP on a stream of its own, with no SSH around it: what sftp-server(8) does on its
/// standard input and output, or a program whose carrier is something else.
///
/// When the client has sent its last byte, every request that was read in full is answered, every
/// answer written, every handle closed. A stream that breaks is finished when what was read has
/// done its work. `done` is called once then, on the stream's executor, with the stream closed.
void serve_sftp(std::unique_ptr<byte_stream> stream, std::unique_ptr<sftp::filesystem> files,
                sftp::server_config config, std::function<void(const sftp_stream_report&)> done);

}  // namespace sluice
