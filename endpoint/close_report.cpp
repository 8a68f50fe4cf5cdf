#include "sluice/endpoint/close_report.hpp"

#include "sluice/wire/expects.hpp"
#include "sluice/wire/limits.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string_view>
#include <utility>

namespace sluice {
namespace {

// Bytes of a UTF-8 sequence at the front of `text`; 0 where there is none (RFC 3629 §4).
std::size_t utf8_length(std::string_view text) {
    const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const auto tail = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xbf) {
        return i < text.size() && at(i) >= low && at(i) <= high;
    };
    const unsigned first = at(0);
    if (first < 0x80) return 1;
    if (first >= 0xc2 && first <= 0xdf) return tail(1) ? 2 : 0;
    if (first >= 0xe0 && first <= 0xef) {
        const unsigned low = first == 0xe0 ? 0xa0 : 0x80;
        const unsigned high = first == 0xed ? 0x9f : 0xbf;
        return tail(1, low, high) && tail(2) ? 3 : 0;
    }
    if (first >= 0xf0 && first <= 0xf4) {
        const unsigned low = first == 0xf0 ? 0x90 : 0x80;
        const unsigned high = first == 0xf4 ? 0x8f : 0xbf;
        return tail(1, low, high) && tail(2) && tail(3) ? 4 : 0;
    }
    return 0;
}

// A string as JSON has it (RFC 8259 §7). The same form is fit for a terminal: no control character
// is left in it. C1 controls, which some terminals obey, are escaped too.
std::string quoted(std::string_view text) {
    std::string out = "\"";
    while (!text.empty()) {
        const std::size_t n = utf8_length(text);
        const auto c = static_cast<unsigned char>(text.front());
        if (n == 0) {
            out += "\\ufffd";
        } else if (n == 1 && (c == '"' || c == '\\')) {
            out += '\\';
            out += text.front();
        } else if ((n == 1 && (c < 0x20 || c == 0x7f)) ||
                   (n == 2 && c == 0xc2 && static_cast<unsigned char>(text[1]) < 0xa0)) {
            const unsigned code = n == 1 ? c : static_cast<unsigned char>(text[1]);
            char escape[8];
            std::snprintf(escape, sizeof escape, "\\u%04x", code);
            out += escape;
        } else {
            out += text.substr(0, n);
        }
        text.remove_prefix(n == 0 ? 1 : n);
    }
    return out + '"';
}

// Writes the members of one JSON object.
class object {
public:
    explicit object(std::string& out) : out_(out) { out_ += '{'; }
    object(const object&) = delete;
    object& operator=(const object&) = delete;
    ~object() { out_ += '}'; }

    void add(std::string_view name, std::uint64_t value) { key(name) += std::to_string(value); }
    void add(std::string_view name, bool value) { key(name) += value ? "true" : "false"; }
    void add(std::string_view name, std::string_view value) { key(name) += quoted(value); }
    void add(std::string_view name, const char* value) { add(name, std::string_view(value)); }

    /// What follows is the value.
    std::string& key(std::string_view name) {
        if (!std::exchange(first_, false)) out_ += ',';
        out_ += '"';
        out_ += name;
        return out_ += "\":";
    }

private:
    std::string& out_;
    bool first_ = true;
};

template <class List, class Write>
void write_list(std::string& out, const List& list, Write write) {
    out += '[';
    bool first = true;
    for (const auto& element : list) {
        if (!std::exchange(first, false)) out += ',';
        write(out, element);
    }
    out += ']';
}

void write_channel(std::string& out, const channel_close_report& c) {
    object o(out);
    o.add("channel", std::uint64_t{c.id});
    o.add("kind", c.numbers.kind);
    o.add("outcome", to_string(c.how));
    o.add("bytes_sent", c.numbers.bytes_sent);
    o.add("bytes_undelivered", c.numbers.bytes_undelivered);
    o.add("bytes_received", c.numbers.bytes_received);
    o.add("bytes_discarded", c.numbers.bytes_discarded);
    o.add("acknowledged", c.numbers.acknowledged);
    o.add("eof_received", c.numbers.eof_received);
    o.add("requests_unanswered", std::uint64_t{c.numbers.requests_unanswered});
    o.add("replies_missing", std::uint64_t{c.numbers.replies_missing});
    if (c.numbers.exit_status) o.add("exit_status", std::uint64_t{*c.numbers.exit_status});
    if (!c.numbers.exit_signal.empty()) o.add("exit_signal", c.numbers.exit_signal);
}

void write_sftp(std::string& out, const sftp_close_report& s) {
    object o(out);
    o.add("channel", std::uint64_t{s.channel});
    o.add("handles_left_open", s.handles_left_open);
    o.add("files_committed", s.files_committed);
    o.add("files_abandoned", s.files_abandoned);
    o.add("requests_answered", s.requests_answered);
    o.add("requests_refused", s.requests_refused);
    o.add("requests_unanswered", s.requests_unanswered);
    o.add("bytes_read", s.bytes_read);
    o.add("bytes_written", s.bytes_written);
}

std::uint64_t microseconds(duration d) {
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(d).count());
}

}  // namespace

close_report::totals& close_report::totals::operator+=(const totals& more) {
    channels += more.channels;
    acknowledged += more.acknowledged;
    open += more.open;
    bytes_sent += more.bytes_sent;
    bytes_unacknowledged += more.bytes_unacknowledged;
    bytes_undelivered += more.bytes_undelivered;
    bytes_received += more.bytes_received;
    bytes_discarded += more.bytes_discarded;
    requests_unanswered += more.requests_unanswered;
    sftp_sessions += more.sftp_sessions;
    files_committed += more.files_committed;
    files_abandoned += more.files_abandoned;
    sftp_requests_unanswered += more.sftp_requests_unanswered;
    return *this;
}

void close_report::add(const sftp_close_report& session) {
    ++total.sftp_sessions;
    total.files_committed += session.files_committed;
    total.files_abandoned += session.files_abandoned;
    total.sftp_requests_unanswered += session.requests_unanswered;
    if (sftp_sessions.size() == limits::report_channels_max) {
        const auto whole = std::ranges::find_if(sftp_sessions, [](const auto& s) {
            return s.files_abandoned == 0 && s.requests_unanswered == 0;
        });
        if (whole == sftp_sessions.end()) return;
        sftp_sessions.erase(whole);
    }
    sftp_sessions.push_back(session);
}

bool close_report::complete() const {
    return total.files_abandoned == 0 && total.sftp_requests_unanswered == 0 && total.open == 0 &&
           total.bytes_undelivered == 0 && total.requests_unanswered == 0 && tasks_cancelled == 0 &&
           tasks_not_returned == 0;
}

std::string_view to_string(close_outcome outcome) {
    switch (outcome) {
    case close_outcome::drained: return "drained";
    case close_outcome::deadline: return "deadline";
    case close_outcome::cut: return "cut";
    case close_outcome::peer_closed: return "peer_closed";
    case close_outcome::lost: return "lost";
    }
    unreachable();
}

std::string_view to_string(close_side side) {
    switch (side) {
    case close_side::us: return "us";
    case close_side::peer: return "peer";
    case close_side::network: return "network";
    }
    unreachable();
}

std::string_view to_string(close_receipt receipt) {
    switch (receipt) {
    case close_receipt::none: return "none";
    case close_receipt::channel_close: return "channel_close";
    case close_receipt::pong: return "pong";
    case close_receipt::reply: return "reply";
    }
    unreachable();
}

std::string_view to_string(channel_close_report::outcome outcome) {
    switch (outcome) {
    case channel_close_report::outcome::closed: return "closed";
    case channel_close_report::outcome::refused: return "refused";
    case channel_close_report::outcome::open: return "open";
    }
    unreachable();
}

std::string to_text(const close_report& r) {
    std::string out(to_string(r.outcome));
    out += " (by ";
    out += to_string(r.ended_by);
    if (r.reason_code != 0) out += ", DISCONNECT " + std::to_string(r.reason_code);
    if (!r.text.empty()) out += ' ' + quoted(r.text);
    out += ")";
    if (r.error) out += ", " + r.error.message();
    const auto count = [&](std::uint64_t n, std::string_view what) {
        if (n != 0) out += "; " + std::to_string(n) + ' ' + std::string(what);
    };
    count(r.total.channels, "channels");
    count(r.total.bytes_sent, "bytes sent");
    count(r.total.bytes_received, "bytes received");
    count(r.total.open, "channels were open");
    count(r.total.bytes_unacknowledged, "bytes sent without acknowledgement");
    count(r.total.bytes_undelivered, "bytes undelivered");
    count(r.total.requests_unanswered, "channel requests unanswered");
    count(r.total.files_committed, "files committed");
    count(r.total.files_abandoned, "files abandoned");
    count(r.total.sftp_requests_unanswered, "SFTP requests unanswered");
    count(r.tasks_cancelled, "tasks cancelled");
    count(r.tasks_not_returned, "tasks did not return");
    char time[48];
    std::snprintf(time, sizeof time, "; %.3f s",
                  static_cast<double>(microseconds(r.elapsed)) / 1e6);
    return out + time;
}

std::string to_json(const close_report& r,
                    std::initializer_list<std::pair<std::string_view, std::string_view>> in_front) {
    std::string out;
    {
        object o(out);
        for (const auto& [name, text] : in_front)
            o.add(name, text);
        o.add("outcome", to_string(r.outcome));
        o.add("ended_by", to_string(r.ended_by));
        o.add("complete", r.complete());
        o.add("reason_code", std::uint64_t{r.reason_code});
        o.add("text", r.text);
        o.add("error", r.error ? r.error.message() : std::string());
        o.add("receipt", to_string(r.receipt));
        {
            object t(o.key("total"));
            t.add("channels", r.total.channels);
            t.add("acknowledged", r.total.acknowledged);
            t.add("open", r.total.open);
            t.add("bytes_sent", r.total.bytes_sent);
            t.add("bytes_unacknowledged", r.total.bytes_unacknowledged);
            t.add("bytes_undelivered", r.total.bytes_undelivered);
            t.add("bytes_received", r.total.bytes_received);
            t.add("bytes_discarded", r.total.bytes_discarded);
            t.add("requests_unanswered", r.total.requests_unanswered);
            t.add("sftp_sessions", r.total.sftp_sessions);
            t.add("files_committed", r.total.files_committed);
            t.add("files_abandoned", r.total.files_abandoned);
            t.add("sftp_requests_unanswered", r.total.sftp_requests_unanswered);
        }
        write_list(o.key("channels"), r.channels, write_channel);
        write_list(o.key("sftp_sessions"), r.sftp_sessions, write_sftp);
        o.add("tasks_cancelled", r.tasks_cancelled);
        o.add("tasks_not_returned", r.tasks_not_returned);
        o.add("elapsed_us", microseconds(r.elapsed));
        o.add("lifetime_us", microseconds(r.lifetime));
    }
    return out;
}

}  // namespace sluice
