// The text of a server's configuration. What is accepted obeys its own rules.

#include "sluice/fuzz/fuzz.hpp"
#include "sluice/tools/sluiced_config.hpp"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const algorithm_choice some{{"aes-1", "aes-2", "cha"}, {"aes-1", "aes-2", "cha", "old"}};
    static const algorithm_choices all{some, some, some, some, some};
    const auto c = parse_sluiced_config(as_text({data, size}), "f", all);
    if (!c) {
        expects(!c.error().text.empty() && c.error().message().starts_with("f:"));
        return 0;
    }
    for (const auto* list : {&c->kex_algorithms, &c->host_key_algorithms, &c->ciphers, &c->macs,
                             &c->pubkey_accepted_algorithms}) {
        expects(!list->empty());
        for (const auto& name : *list) {
            expects(std::ranges::count(*list, name) == 1);
            expects(std::ranges::count(some.supported, name) == 1);
        }
    }
    expects(c->password_authentication || c->pubkey_authentication);
    expects(c->max_startups.start <= c->max_startups.full && c->max_startups.rate <= 100);
    expects(c->max_auth_tries >= 1 && c->login_grace_time.count() >= 0);
    for (const auto& user : c->deny_users)
        expects(!user.user.empty());
    static_cast<void>(user_allowed(*c, "user", "host"));
    return 0;
}
