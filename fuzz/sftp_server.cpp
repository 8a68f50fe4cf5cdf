// A client's stream against the server machine over a file system in memory, cut into pieces and
// with operations completed in an order of the fuzzer's choice. Whatever the client sends, the
// session ends: finished, every handle closed, and every byte credited.

#include "sluice/fuzz/fuzz.hpp"
#include "sluice/sftp/driver.hpp"
#include "sluice/sftp/server.hpp"
#include "sluice/tests/support/memory_filesystem.hpp"
#include "sluice/wire/limits.hpp"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::input in(data, size);
    const std::uint8_t mode = in.byte();
    test::memory_filesystem files;
    files.add_file("/f", bytes(1000, 1));
    files.add_directory("/d");
    files.add_file("/d/g", {});
    const char* const program = (mode & 16) != 0 ? "SSH-2.0-libssh_0.10.4" : "";
    sftp::server server({.read_only = (mode & 1) != 0, .habits = sftp::client_habits(program)});
    std::size_t credited = 0;
    std::size_t answered = 0;
    const bool taking = (mode & 2) == 0;
    const auto work = [&](sftp::driver& driver, bool take) {
        for (bool more = true; more;) {
            driver.start_ready();
            credited += server.take_consumed();
            expects(server.requests_in_flight() <= limits::sftp_requests_max);
            more = false;
            while (take && server.has_output()) {
                const auto chunk = server.next_output();
                expects(!chunk.empty());
                answered += chunk.size();
                more = true;
            }
        }
    };
    sftp::driver driver(server, files, [] {});
    files.defer = (mode & 4) != 0;
    std::size_t sent = 0;
    while (!in.empty()) {
        const std::uint8_t step = in.byte();
        if (step == 0) server.drain(static_cast<sftp::drain_policy>(in.byte() % 3));
        if (files.pending() != 0 && step % 4 == 0) {
            files.run(step / 4 % files.pending());
        } else {
            const bytes_view piece = in.take(step);
            server.receive(piece);
            sent += piece.size();
        }
        work(driver, taking);
        expects(credited <= sent);
    }
    if ((mode & 8) != 0)
        server.abandon();
    else
        server.on_eof();
    for (work(driver, true); files.pending() != 0; work(driver, true))
        files.run(files.pending() / 2);
    expects(server.finished() && driver.running() == 0);
    expects(files.handles_open() == 0 && server.handles_open() == 0);
    expects(credited == sent);
    expects(answered == 0 || server.report().requests_answered != 0);
    return 0;
}
