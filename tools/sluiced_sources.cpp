#include "sluice/tools/sluiced_sources.hpp"

#include "sluice/auth/address_patterns.hpp"

#include <limits>

namespace sluice {

source_options source_options_from(const sluiced_config& config) {
    source_options out;
    out.startups_max = config.per_source_max_startups;
    out.block_bits_v4 = config.per_source_net_block.v4;
    out.block_bits_v6 = config.per_source_net_block.v6;
    const penalty_setting& p = config.per_source_penalties;
    if (p.on)
        out.penalties = source_penalties{.auth_fail = p.auth_fail,
                                         .no_auth = p.no_auth,
                                         .grace_exceeded = p.grace_exceeded,
                                         .cpu = p.cpu,
                                         .max = p.max,
                                         .min = p.min,
                                         .sources_max_v4 = p.max_sources4,
                                         .sources_max_v6 = p.max_sources6,
                                         .overflow_v4 = p.overflow,
                                         .overflow_v6 = p.overflow_of_v6()};
    // It was looked at when it was read.
    if (!config.per_source_penalty_exempt.empty())
        out.exempt = address_patterns::parse(config.per_source_penalty_exempt).value();
    return out;
}

namespace settings {
namespace {

// How the words of PerSourcePenalties are read and written, in the order in which they are written.
struct penalty_name {
    std::string_view name;
    config_fault (*read)(const words& w, penalty_setting& out);
    std::string (*write)(const penalty_setting& p);
};

constexpr word_table<source_overflow, 2> overflow_words{
    "permissive or deny-all",
    {{{"permissive", source_overflow::permissive}, {"deny-all", source_overflow::deny_all}}}};
using overflow_mode = one_of<overflow_words>;
using sources_count = number<1, limits::sources_max>;

template <class Kind, auto Member>
constexpr penalty_name row(std::string_view name) {
    return {name, [](const words& w, penalty_setting& out) { return Kind::read(w, out.*Member); },
            [](const penalty_setting& p) { return Kind::write(p.*Member)[0][0]; }};
}

constexpr std::array penalty_names{
    row<time, &penalty_setting::crash>("crash"),
    row<time, &penalty_setting::auth_fail>("authfail"),
    row<time, &penalty_setting::invalid_user>("invaliduser"),
    row<time, &penalty_setting::no_auth>("noauth"),
    row<time, &penalty_setting::grace_exceeded>("grace-exceeded"),
    row<time, &penalty_setting::refuse_connection>("refuseconnection"),
    row<number<0, 1000>, &penalty_setting::cpu>("cpu"),
    row<time, &penalty_setting::max>("max"),
    row<time, &penalty_setting::min>("min"),
    row<sources_count, &penalty_setting::max_sources4>("max-sources4"),
    row<sources_count, &penalty_setting::max_sources6>("max-sources6"),
    row<overflow_mode, &penalty_setting::overflow>("overflow"),
    penalty_name{
        "overflow6",
        [](const words& w, penalty_setting& out) {
            return overflow_mode::read(w, out.overflow6.emplace());
        },
        [](const penalty_setting& p) { return overflow_mode::write(p.overflow_of_v6())[0][0]; }},
};
constexpr std::size_t on_bit = penalty_names.size();
static_assert(on_bit < std::numeric_limits<decltype(penalty_setting::given)>::digits);

// One word, into what was read before. `line` has those of this line.
config_fault read_penalty(const std::string& word, unsigned& line, penalty_setting& out) {
    const auto colon = word.find(':');
    const std::string name = word.substr(0, colon);
    std::size_t index = 0;
    while (index < penalty_names.size() && penalty_names[index].name != name)
        ++index;
    if (index == penalty_names.size() || colon == std::string::npos)
        return expected("yes, no, or words such as authfail:5s", word);
    if ((line >> index & 1u) != 0) return "'" + name + "' is there twice";
    line |= 1u << index;
    penalty_setting ignored;
    penalty_setting& into = (out.given >> index & 1u) != 0 ? ignored : out;
    if (auto wrong = penalty_names[index].read({word.substr(colon + 1)}, into); !wrong.empty())
        return "'" + name + "': " + wrong;
    return {};
}

}  // namespace

config_fault source_startups::read(const words& w, std::optional<unsigned>& out) {
    out.reset();
    if (equal_ignoring_case(w[0], "none")) return {};
    return number<1, std::numeric_limits<std::int32_t>::max()>::read(w, out.emplace());
}

lines source_startups::write(const std::optional<unsigned>& most) {
    return {{most ? std::to_string(*most) : "none"}};
}

config_fault net_block::read(const words& w, net_block_size& out) {
    constexpr std::string_view form =
        "bits of IPv4, up to 32, and perhaps :bits of IPv6, up to 128";
    const std::string_view text = w[0];
    const auto colon = text.find(':');
    const auto v4 = number_from<unsigned>(text.substr(0, colon));
    const auto v6 = colon == std::string_view::npos ? std::optional(net_block_size().v6)
                                                    : number_from<unsigned>(text.substr(colon + 1));
    if (!v4 || !v6 || *v4 > 32 || *v6 > 128) return expected(form, w[0]);
    out = {*v4, *v6};
    return {};
}

lines net_block::write(const net_block_size& size) {
    return {{std::to_string(size.v4) + ":" + std::to_string(size.v6)}};
}

config_fault penalties::read(const words& w, penalty_setting& out) {
    unsigned line = 0;
    for (const auto& word : w) {
        const bool yes = equal_ignoring_case(word, "yes");
        if (!yes && !equal_ignoring_case(word, "no")) {
            if (auto wrong = read_penalty(word, line, out); !wrong.empty()) return wrong;
            continue;
        }
        if (w.size() != 1) return "'" + word + "' stands alone";
        if ((out.given >> on_bit & 1u) == 0) out.on = yes;
        line |= 1u << on_bit;
    }
    out.given |= line;
    return {};
}

lines penalties::write(const penalty_setting& p) {
    if (!p.on) return {{"no"}};
    words out;
    for (const auto& one : penalty_names)
        out.push_back(std::string(one.name) + ":" + one.write(p));
    return {out};
}

config_fault address_list::read(const words& w, std::string& out) {
    out.clear();
    if (equal_ignoring_case(w[0], "none")) return {};
    // Names of hosts would never fit: nobody looks them up.
    const bool plain = w[0].find_first_not_of("0123456789abcdefABCDEF.:*?!/,") == std::string::npos;
    if (!plain || !address_patterns::parse(w[0]))
        return expected("addresses, wildcards and address/bits with commas between them", w[0]);
    out = w[0];
    return {};
}

lines address_list::write(const std::string& list) { return {{list.empty() ? "none" : list}}; }

}  // namespace settings
}  // namespace sluice
