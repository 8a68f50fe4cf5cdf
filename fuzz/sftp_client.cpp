// A server that answers an SFTP client with anything, cut into pieces, while the fuzzer also plays
// the application: requests, forgetting, downloads and uploads. Whatever the server says, every
// request has one outcome at most, and all of them have ended when the stream has.

#include "sluice/fuzz/fuzz.hpp"
#include "sluice/sftp/client.hpp"
#include "sluice/sftp/requests.hpp"
#include "sluice/sftp/transfer.hpp"
#include "sluice/wire/limits.hpp"

#include <optional>
#include <set>

using namespace sluice;

namespace {

class application {
public:
    void act(std::uint8_t what, std::uint8_t number) {
        switch (what % 16) {
        case 0: return made(client.open("/f", sftp::fxf_read));
        case 1: return made(client.opendir("/"));
        case 2: return made(client.stat("/f"));
        case 3: return made(client.readdir(handle));
        case 4: return made(client.read(handle, number, number));
        case 5: return made(client.realpath("."));
        case 6: return made(client.statvfs("/"));
        case 7: return made(client.close(handle));
        case 8: {
            const std::uint32_t ids[] = {1, 2, 3};
            return made(client.users_groups(std::span(ids).first(number % 4), ids));
        }
        case 9: return made(client.remove("/f"));
        case 10:
            if (!waiting.empty()) {
                client.forget(*waiting.begin());
                waiting.erase(waiting.begin());
            }
            return;
        case 11:
            if (down) down->cancel();
            down.emplace(client, handle,
                         sftp::download::options{.size_hint = number * 1000ull,
                                                 .bytes_max = 1u << (number % 20)});
            given = 0;
            return;
        case 12:
            if (up) up->cancel();
            up.emplace(client, handle, sftp::upload::options{});
            return;
        case 13:
            if (down) down->cancel();
            if (up) up->cancel();
            return;
        case 14: return client.end();
        case 15:
            if (up) up->finish();
            return;
        }
    }

    void work() {
        while (auto o = client.next_outcome()) {
            if (down && down->take(*o)) continue;
            if (up && up->take(*o)) continue;
            expects(waiting.erase(o->id) == 1);
            if (o->error) {
                expects(o->value.index() == 0 && o->text.size() <= limits::sftp_error_text_max);
            } else if (const auto* h = std::get_if<sftp::remote_handle>(&o->value)) {
                handle = *h;
            } else if (auto* names = std::get_if<sftp::names_reply>(&o->value)) {
                sftp::name_entry entry;
                std::uint32_t n = 0;
                for (; names->next(entry); ++n)
                    expects(!entry.filename.empty());
                expects(n == names->count());
            }
        }
        if (down) {
            down->ask();
            while (auto piece = down->next_piece()) {
                expects(piece->offset == given && !piece->data.empty());
                given += piece->data.size();
            }
            expects(down->position() == given);
            down->ask();
        }
        if (up && up->wanted() != 0) {
            auto data = sftp::client::write_buffer(1000);
            data.commit(std::min<std::size_t>(up->wanted(), 1000));
            expects(up->write(data));
        }
        while (client.has_output())
            expects(!client.next_output().empty());
        expects(client.requests_in_flight() <=
                limits::sftp_client_requests_max + limits::sftp_handles_max);
    }

    sftp::client client;
    std::optional<sftp::download> down;
    std::optional<sftp::upload> up;
    std::set<sftp::request_id> waiting;
    sftp::remote_handle handle{};
    std::uint64_t given = 0;

private:
    void made(result<sftp::request_id> id) {
        if (id) expects(static_cast<std::uint32_t>(*id) != 0 && waiting.insert(*id).second);
    }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::input in(data, size);
    application app;
    std::size_t sent = 0;
    std::size_t credited = 0;
    const auto receive = [&](bytes_view piece) {
        app.client.receive(piece);
        sent += piece.size();
        credited += app.client.take_consumed();
    };
    // One in four seeds begins behind VERSION, with every extension.
    if ((in.byte() & 3) != 0) {
        bytes version{0, 0, 0, 0, 2, 0, 0, 0, 3};
        sftp::put_extension_list(version);
        version[2] = static_cast<std::uint8_t>((version.size() - 4) >> 8);
        version[3] = static_cast<std::uint8_t>(version.size() - 4);
        receive(version);
        expects(app.client.ready());
    }
    while (!in.empty()) {
        const std::uint8_t step = in.byte();
        if ((step & 1) != 0)
            app.act(step >> 1, in.byte());
        else
            receive(in.take(step >> 1));
        app.work();
    }
    app.client.on_stream_end({});
    app.work();
    app.work();
    expects(app.client.over() && app.client.requests_in_flight() == 0);
    expects(app.waiting.empty() && credited == sent);
    expects(!app.down || app.down->finished());
    expects(!app.up || app.up->finished() || !app.up->error());
    const auto report = app.client.report();
    expects(report.requests_made == report.requests_answered + report.requests_unanswered);
    return 0;
}
