// The text of a server's settings. What is accepted obeys its own rules, for everybody whom Match
// may be asked about, and reads back from what is printed of it.

#include "sluice/fuzz/fuzz.hpp"
#include "sluice/tools/sluiced_settings.hpp"

using namespace sluice;

namespace {

bool fits_lines(std::string_view text) {
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        if (end > limits::policy_line_length_max) return false;
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return true;
}

void check(const sluiced_config& c, const algorithm_choice& some, const algorithm_choices& all) {
    for (const auto* list : {&c.kex_algorithms, &c.host_key_algorithms, &c.ciphers, &c.macs,
                             &c.pubkey_accepted_algorithms, &c.hostbased_accepted_algorithms,
                             &c.ca_signature_algorithms}) {
        expects(!list->empty());
        for (const auto& name : *list) {
            expects(std::ranges::count(*list, name) == 1);
            expects(std::ranges::count(some.supported, name) == 1);
        }
    }
    expects(c.max_startups.start <= c.max_startups.full && c.max_startups.rate <= 100);
    expects(c.max_auth_tries >= 1 && c.login_grace_time.count() >= 0);
    for (const auto& user : c.deny_users)
        expects(!user.user.empty());
    static_cast<void>(user_allowed(c, {"user", "10.0.0.1", 22}));

    // Quotes may make a line longer than it was.
    const std::string text = to_text(c);
    if (!fits_lines(text)) return;
    // A block, so that nothing is said of what nobody could use.
    const auto again = read_sluiced_settings({{"printed", text + "Match all\n"}}, all);
    expects(again.has_value() && again->base == c);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const algorithm_choice some{{"aes-1", "aes-2", "cha"}, {"aes-1", "aes-2", "cha", "old"}};
    static const algorithm_choices all{some, some, some, some, some, some, some};
    const include_reader include = [](const std::string& name) {
        std::vector<config_text> files;
        if (name == "more") files.push_back({"f", "Match User m*\nMaxAuthTries 2\nInclude more\n"});
        if (name == "plain") files.push_back({"f", "Banner plain\n"});
        return boost::system::result<std::vector<config_text>, std::string>(std::move(files));
    };
    const auto s = read_sluiced_settings({{"f", std::string(as_text({data, size}))}}, all, include);
    if (!s) {
        expects(!s.error().text.empty() && s.error().message().starts_with("f:"));
        return 0;
    }
    if (s->blocks.empty())
        expects(s->base.password_authentication || s->base.pubkey_authentication ||
                s->base.interactive_authentication || s->base.hostbased_authentication);
    check(s->base, some, all);
    for (const login_facts& who : {login_facts{}, login_facts{"mary", "10.1.2.3", 22},
                                   login_facts{"root", "2001:db8::1", 2222}})
        check(s->effective(who), some, all);
    return 0;
}
