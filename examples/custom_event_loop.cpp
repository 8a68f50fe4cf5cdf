// An SSH server on poll(2): the machines of the library, driven by a loop of one's own, no Asio.
// Answers `ssh -p PORT you@127.0.0.1 WORDS` with the words, one connection after the other.
#include "sluice/auth/authorized_keys.hpp"
#include "sluice/crypto/key_file.hpp"
#include "sluice/endpoint/server_endpoint.hpp"

#include <arpa/inet.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>

using namespace sluice;

std::string read_file(const char* path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

void act(const server_event& event, server_endpoint& endpoint, const authorized_keys& keys) {
    if (const auto* q = endpoint.question()) {
        const bool in = q->key && keys.find_allowed(*q->key, "127.0.0.1", std::time(nullptr));
        return endpoint.answer(in ? auth_answer::accept : auth_answer::refuse, {});
    }
    const auto* news = std::get_if<channel_event>(&event);
    if (!news) return;
    mux& channels = endpoint.channels();
    if (const auto* open = std::get_if<channel_open_event>(news)) {
        channels.accept_open(open->id);  // whatever it is for: only "exec" is answered
    } else if (const auto* r = std::get_if<channel_request_event>(news)) {
        const auto* exec = std::get_if<exec_request>(&r->request);
        if (r->want_reply) channels.reply(r->id, exec != nullptr);
        if (!exec) return;
        const std::string answer = "You said: " + std::string(exec->command) + "\n";
        channels.write(r->id, wire::buffer::copy_of(as_bytes(answer)));
        channels.exit_status(r->id, 0);
        channels.close(r->id);
    } else if (const auto* global = std::get_if<global_request_event>(news)) {
        if (global->want_reply) channels.global_reply(false);
    }
}

void serve(int socket, const server_config& config, const authorized_keys& keys) {
    const auto now = [] { return std::chrono::steady_clock::now(); };
    for (server_endpoint endpoint(config, now());;) {
        for (auto event = endpoint.poll(now()); event && *event; event = endpoint.poll(now()))
            act(**event, endpoint, keys);
        const bytes_view output = endpoint.output();
        if (endpoint.wants_shutdown()) ::shutdown(socket, SHUT_WR), endpoint.stream_shut(now());
        if (endpoint.closed()) return std::puts(to_text(endpoint.report()).c_str()), void();

        const int wanted = (endpoint.wants_input() ? POLLIN : 0) | (output.empty() ? 0 : POLLOUT);
        pollfd ready{socket, static_cast<short>(wanted), 0};
        const std::chrono::duration<double, std::milli> wait = endpoint.next_deadline() - now();
        ::poll(&ready, 1, static_cast<int>(std::clamp(wait.count() + 1, 0.0, 60'000.0)));
        if (ready.revents & POLLOUT) {
            const auto n = ::send(socket, output.data(), output.size(), MSG_NOSIGNAL);
            if (n > 0) endpoint.consume_output(static_cast<std::size_t>(n));
        }
        if (ready.revents & ~POLLOUT) {
            const auto space = endpoint.prepare_input(16'384);
            const auto n = ::recv(socket, space.data(), space.size(), 0);
            endpoint.commit_input(static_cast<std::size_t>(std::max<ssize_t>(n, 0)), now());
            if (n <= 0) endpoint.stream_ended({}, now());
        }
    }
}

int main(int argc, char** argv) {
    if (argc != 3) return std::puts("usage: custom_event_loop HOST_KEY AUTHORIZED_KEYS"), 2;
    auto key = crypto::read_private_key(read_file(argv[1]));
    const auto keys = authorized_keys::parse(read_file(argv[2]));
    if (!key || !keys) return std::puts("cannot read the keys"), 1;
    server_config config;
    config.transport.host_keys = {make_host_key(std::move(key->key))};

    sockaddr_in address{AF_INET, 0, {htonl(INADDR_LOOPBACK)}, {}};
    socklen_t size = sizeof address;
    auto* const bound = reinterpret_cast<sockaddr*>(&address);
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::bind(listener, bound, size) != 0 || ::listen(listener, 8) != 0) return 1;
    ::getsockname(listener, bound, &size);
    std::printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port)), std::fflush(stdout);
    for (int socket = -1; (socket = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK)) >= 0;) {
        serve(socket, config, *keys);
        ::close(socket);
    }
    return 1;
}
