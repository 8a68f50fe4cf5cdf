#include "sluice/tests/sim/pair.hpp"

#include "sluice/crypto/key_file.hpp"
#include "sluice/wire/expects.hpp"

#include <algorithm>

namespace sluice::sim {
namespace {

// Made for these tests: the same key in every run, so that a seed is the same run everywhere.
constexpr std::string_view host_key_text =
    "-----BEGIN OPENSSH PRIVATE KEY-----\n"
    "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW\n"
    "QyNTUxOQAAACAI+uTdlwMbzxgiwRAOZQRg9/O/jG61v5nGqMZ96uT0hAAAAIgfbeDYH23g\n"
    "2AAAAAtzc2gtZWQyNTUxOQAAACAI+uTdlwMbzxgiwRAOZQRg9/O/jG61v5nGqMZ96uT0hA\n"
    "AAAEAAFb8pM+VsbKSqoFUfUy0zLnnPFwPc5TKd5Gmwq7DaWwj65N2XAxvPGCLBEA5lBGD3\n"
    "87+MbrW/mcaoxn3q5PSEAAAAAAECAwQF\n"
    "-----END OPENSSH PRIVATE KEY-----\n";

const std::shared_ptr<const host_key>& fixed_host_key() {
    static const std::shared_ptr<const host_key> key = [] {
        auto read = crypto::read_private_key(host_key_text);
        expects(read.has_value());
        return make_host_key(std::move(read->key));
    }();
    return key;
}

std::unique_ptr<performer> make_performer(stage& world, conversation& c, side own) {
    if (!c.plan.sftp) return std::make_unique<actor>(world, c, own);
    if (own == c.plan.opener) return std::make_unique<sftp_user>(world, c, own);
    return std::make_unique<sftp_host>(world, c, own);
}

bool granted_globally(unsigned number) { return number % 3 != 0; }

// Events at one moment; more of them is a machine that runs in circles.
constexpr std::uint64_t events_at_once_max = 200'000;

}  // namespace

simulation::simulation(const scenario& s) : scenario_(s) {
    for (const side who : {client, server})
        set_up(who);
    ends_[client].watch->connect(*ends_[server].watch);
    ends_[server].watch->connect(*ends_[client].watch);

    stage& here = *this;
    for (const channel_plan& plan : scenario_.channels) {
        auto c = std::make_unique<conversation>();
        c->number = conversations_.size();
        c->plan = plan;
        for (std::size_t i = 0; i < 2; ++i)
            for (std::size_t type = 0; type < 2; ++type)
                c->sides[i].out[type].name = scenario_.seed * 1000 + c->number * 4 + i * 2 + type;
        // What is sent back is what came.
        if (plan.by_opener.echo) c->sides[0].out[0].name = c->sides[1].out[0].name;
        if (plan.by_acceptor.echo) c->sides[1].out[0].name = c->sides[0].out[0].name;
        conversations_.push_back(std::move(c));
        for (const side who : {client, server})
            actors_.push_back(make_performer(here, *conversations_.back(), who));
    }
    // By time, and those of one time in the order of the scenario.
    auto& list = scenario_.incidents;
    for (auto i = list.begin(); i != list.end(); ++i)
        std::rotate(std::ranges::upper_bound(list.begin(), i, i->at, {}, &incident::at), i, i + 1);
}

simulation::~simulation() = default;

void simulation::set_up(side s) {
    end_state& e = ends_[s];
    const end_plan& plan = scenario_.ends[s];
    e.draws = std::make_unique<random>(scenario_.seed * 2 + s);
    e.watch = std::make_unique<tap>(s, verdict_, ladder_, now_);
    e.out.emplace(plan.out, scenario_.seed * 2 + s + 0x5eed);

    const auto fill = [&](auto& settings) {
        transport_config& t = settings.transport;
        t.random = e.draws.get();
        t.observer = e.watch.get();
        t.kex_algorithms = {"curve25519-sha256"};
        t.host_key_algorithms = {"ssh-ed25519"};
        t.ciphers = {std::string(scenario_.cipher)};
        t.macs = {"hmac-sha2-256-etm@openssh.com"};
        t.compressions = {std::string(scenario_.compression)};
        t.public_key_algorithms = {"ssh-ed25519"};
        t.rekey = plan.rekey;
        settings.channels = plan.channels;
        settings.end = plan.end;
        settings.keepalive_interval = plan.keepalive_interval;
        settings.keepalive_count_max = plan.keepalive_count_max;
    };
    if (s == client) {
        e.client_settings.auth.user = "ada";
        fill(e.client_settings);
        e.machine = &e.as_client.emplace(e.client_settings, now_);
    } else {
        e.server_settings.transport.host_keys = {fixed_host_key()};
        e.server_settings.auth.method_chains = {{"none"}};
        fill(e.server_settings);
        e.machine = &e.as_server.emplace(e.server_settings, now_);
    }
}

// --- the clock ----------------------------------------------------------------------------------

void simulation::wake_at(time_point when, std::size_t conversation, side who, wake why) {
    alarms_.push({when, alarms_set_++, conversation, who, why});
}

time_point simulation::next_time() const {
    time_point next = time_point::max();
    if (!alarms_.empty()) next = alarms_.top().when;
    if (next_incident_ < scenario_.incidents.size())
        next = std::min(next, time_point() + scenario_.incidents[next_incident_].at);
    for (const end_state& e : ends_) {
        next = std::min(next, e.out->next_arrival());
        if (e.socket_open) {
            next = std::min(next, e.machine->next_deadline());
            if (e.reads_from > now_) next = std::min(next, e.reads_from);
        }
    }
    return next;
}

const std::string& simulation::run() {
    std::uint64_t at_once = 0;
    pump_both();
    while (verdict_.broken.empty() && (ends_[client].socket_open || ends_[server].socket_open)) {
        const time_point next = next_time();
        if (next == time_point::max()) {
            verdict_.fail("nothing is left to happen, and the connection is not closed");
            break;
        }
        ++events_;
        at_once = next <= now_ ? at_once + 1 : 0;
        if (at_once > events_at_once_max) verdict_.fail("time stands still");
        now_ = std::max(now_, next);
        happen();
        pump_both();
        check_deadlines();
    }
    if (verdict_.broken.empty()) check_end();
    return verdict_.broken;
}

void simulation::happen() {
    while (next_incident_ < scenario_.incidents.size() &&
           time_point() + scenario_.incidents[next_incident_].at <= now_)
        on_incident(scenario_.incidents[next_incident_++]);
    while (!alarms_.empty() && alarms_.top().when <= now_) {
        const alarm a = alarms_.top();
        alarms_.pop();
        end_state& e = ends_[a.who];
        if (!e.machine->authenticated() || e.machine->finished()) continue;
        actor_of(a.conversation, a.who).on_wake(a.why);
        if (a.why == wake::open && conversations_[a.conversation]->of(a.who).id)
            e.numbers[*conversations_[a.conversation]->of(a.who).id] = a.conversation;
    }
}

void simulation::on_incident(const incident& i) {
    end_state& e = ends_[i.who];
    switch (i.kind) {
    case incident::what::drain: return drain(i.who, i.length);
    case incident::what::cut:
        if (e.socket_open)
            e.machine->cut(disconnect_reason::by_application, "cut by the simulation", now_);
        return;
    case incident::what::rekey:
        if (!e.machine->finished()) e.machine->rekey(now_);
        return;
    case incident::what::ping:
        if (!ends_[client].machine->finished() && ends_[client].machine->authenticated())
            pings_sent_ += ends_[client].as_client->send_ping(as_bytes("sim"));
        return;
    case incident::what::global:
        if (ends_[client].machine->finished() || !ends_[client].machine->authenticated()) return;
        globals_expected_.push_back(granted_globally(globals_sent_));
        ends_[client].as_client->global(tcpip_forward_request{"", globals_sent_++}, true);
        return;
    case incident::what::stall: e.reads_from = std::max(e.reads_from, now_ + i.length); return;
    case incident::what::fin: return ends_[other(i.who)].out->cut(now_);
    case incident::what::reset:
        for (end_state& each : ends_)
            each.out->reset(now_);
        return;
    case incident::what::silence:
        silent_ = true;
        for (end_state& each : ends_)
            each.out->silence();
        return;
    }
}

void simulation::drain(side s, duration deadline) {
    end_state& e = ends_[s];
    if (!e.socket_open) return;
    e.first_drain = std::min(e.first_drain, now_);
    e.drained_by = std::min(e.drained_by, now_ + deadline);
    if (e.machine->finished()) return;
    const bool admitted = e.machine->authenticated();
    e.machine->drain(deadline, now_);
    if (!admitted) return;
    for (const auto& c : conversations_)
        actor_of(c->number, s).on_drain();
}

// --- one end's driver ---------------------------------------------------------------------------

// Who reads makes room for who writes.
void simulation::pump_both() {
    for (bool moved = true; moved && verdict_.broken.empty();) {
        moved = pump(client);
        if (pump(server)) moved = true;
    }
    for (const side s : {client, server})
        if (ends_[s].socket_open) check_idle(s);
}

bool simulation::pump(side s) {
    end_state& e = ends_[s];
    if (!e.socket_open) {
        discard(s);
        return false;
    }
    bool any = false;
    for (bool moved = true; moved && e.socket_open && verdict_.broken.empty();) {
        poll(s);
        moved = write(s);
        if (e.machine->wants_shutdown()) {
            e.out->shut(now_);
            e.machine->stream_shut(now_);
            moved = true;
        }
        if (read(s)) moved = true;
        if (e.machine->closed()) close_socket(s);
        if (moved) any = true;
    }
    return any;
}

void simulation::poll(side s) {
    s == client ? poll_client() : poll_server();
    if (ends_[s].machine->finished()) tell_end(s);
}

void simulation::poll_client() {
    end_state& e = ends_[client];
    client_endpoint& machine = *e.as_client;
    for (;;) {
        auto event = machine.poll(now_);
        e.watch->settled();
        if (!event) e.error = event.error();
        if (!event || !*event) return;
        if (std::holds_alternative<host_key_event>(**event)) {
            machine.accept_host_key(now_);
        } else if (std::holds_alternative<logged_in_event>(**event)) {
            on_login();
        } else if (std::holds_alternative<pong_event>(**event)) {
            require(++pongs_seen_ <= pings_sent_, client, "a pong without a ping");
        } else if (auto* news = std::get_if<channel_event>(&**event)) {
            on_channel_event(client, *news);
        }
    }
}

void simulation::poll_server() {
    end_state& e = ends_[server];
    server_endpoint& machine = *e.as_server;
    for (;;) {
        auto event = machine.poll(now_);
        e.watch->settled();
        if (!event) e.error = event.error();
        if (!event || !*event) return;
        if (std::holds_alternative<auth_question_event>(**event)) {
            machine.answer(auth_answer::accept, now_);
        } else if (std::holds_alternative<authenticated_event>(**event)) {
            for (const auto& c : conversations_)
                if (c->plan.opener == server)
                    wake_at(now_ + c->plan.opens_at, c->number, server, wake::open);
        } else if (auto* news = std::get_if<channel_event>(&**event)) {
            on_channel_event(server, *news);
        }
    }
}

void simulation::on_login() {
    logged_in_at_ = now_;
    for (const auto& c : conversations_)
        if (c->plan.opener == client)
            wake_at(now_ + c->plan.opens_at, c->number, client, wake::open);
}

void simulation::on_channel_event(side s, channel_event& event) {
    if (const auto* open = std::get_if<channel_open_event>(&event)) return on_open(s, open->id);
    if (const auto* asked = std::get_if<global_request_event>(&event)) {
        const auto* forward = std::get_if<tcpip_forward_request>(&asked->request);
        if (forward == nullptr) return;  // the server's host keys
        require(s == server && asked->want_reply, s, "a global request that nobody sent");
        return channels(s).global_reply(granted_globally(forward->port_to_bind));
    }
    if (const auto* reply = std::get_if<global_reply_event>(&event)) {
        if (globals_expected_.empty()) return require(false, s, "a global reply to nothing");
        const bool refused_by_drain = ends_[server].first_drain <= now_ && !reply->success;
        require(reply->success == globals_expected_.front() || refused_by_drain, s,
                "the reply to another global request");
        globals_expected_.pop_front();
        return;
    }
    const channel_id id = std::visit(
        [](const auto& e) -> channel_id {
            if constexpr (requires { e.id; }) return e.id;
            return 0;
        },
        event);
    const auto found = ends_[s].numbers.find(id);
    if (found == ends_[s].numbers.end()) return require(false, s, "an event of no channel");
    actor_of(found->second, s).on_event(event);
}

void simulation::on_open(side s, channel_id id) {
    const auto& opened = ends_[other(s)].numbers;
    const auto found = opened.find(ends_[s].watch->last_opener());
    if (found == opened.end()) return require(false, s, "an open that nobody sent");
    ends_[s].numbers[id] = found->second;
    actor_of(found->second, s).on_asked(id);
}

bool simulation::write(side s) {
    end_state& e = ends_[s];
    bool any = false;
    for (bytes_view output = e.machine->output(); !output.empty(); output = e.machine->output()) {
        const std::size_t n = e.out->write(output, now_);
        e.machine->consume_output(n);
        if (e.out->was_reset()) ends_[other(s)].out->reset(now_);  // what breaks, breaks both ways
        if (n == 0) break;
        any = true;
    }
    return any;
}

bool simulation::read(side s) {
    end_state& e = ends_[s];
    pipe& in = *ends_[other(s)].out;
    in.advance(now_);
    if (e.input_ended || (now_ < e.reads_from && in.ended() != pipe::end::reset)) return false;
    if (in.ended() == pipe::end::reset) {
        e.saw_reset = true;
        e.input_ended = true;
        e.end_seen = std::min(e.end_seen, now_);
        e.machine->stream_ended(make_error_code(boost::system::errc::connection_reset), now_);
        return true;
    }
    if (!e.machine->wants_input()) return false;
    const bytes_view data = in.readable();
    if (const std::size_t n = std::min(data.size(), in.read_size()); n != 0) {
        std::ranges::copy(data.first(n), e.machine->prepare_input(n).begin());
        in.consume(n);
        e.machine->commit_input(n, now_);
        return true;
    }
    if (in.ended() != pipe::end::fin) return false;
    e.input_ended = true;
    e.end_seen = std::min(e.end_seen, now_);
    e.machine->stream_ended({}, now_);
    return true;
}

// Closing a socket with unread input resets the stream; so does what comes later.
void simulation::close_socket(side s) {
    end_state& e = ends_[s];
    e.socket_open = false;
    e.closed_at = now_;
    e.report = e.machine->report();
    tell_end(s);
    if (!e.input_ended && !ends_[other(s)].out->readable().empty()) e.out->reset(now_);
    e.out->shut(now_);
}

void simulation::discard(side s) {
    end_state& e = ends_[s];
    pipe& in = *ends_[other(s)].out;
    in.advance(now_);
    if (in.readable().empty()) return;
    in.consume(in.readable().size());
    e.out->reset(now_);
}

void simulation::tell_end(side s) {
    end_state& e = ends_[s];
    if (std::exchange(e.told_end, true)) return;
    for (const auto& c : conversations_)
        if (performer& a = actor_of(c->number, s); a.live())
            a.on_connection_end(e.machine->end_error());
}

}  // namespace sluice::sim
