#include "sluice/tools/sluiced_restrict.hpp"

#include "sluice/tools/sluiced_landlock.hpp"
#include "sluice/tools/sluiced_seccomp.hpp"
#include "sluice/tools/sluiced_setup.hpp"

#include <unistd.h>

#include <cstdlib>
#include <utility>

namespace sluice {

restrictions restrict_process(const sluiced_settings& settings,
                              const std::optional<process_account>& account) {
    const sluiced_config& config = settings.base;
    restrictions done;
    const auto failed = [&](std::string what, const error_code& e) {
        done.error = std::move(what) + ": " + e.message();
        return done;
    };
    if (account)
        if (const auto e = become(*account)) return failed("User " + account->name, e);
    capability_set kept = 0;
    if (::geteuid() == 0) kept = file_capabilities() | (config.use_pam ? audit_capability() : 0);
    if (const auto e = drop_capabilities(kept)) return failed("capabilities", e);
    if (const auto e = forbid_inspection()) return failed("PR_SET_DUMPABLE", e);
    if (config.landlock) {
        const char* const notify = std::getenv("NOTIFY_SOCKET");
        const bool abstract = config.use_pam || (notify != nullptr && *notify == '@');
        const auto on = restrict_by_landlock(rules_for(settings), abstract);
        if (!on) return failed("Landlock", on.error());
        done.landlock = *on;
    }
    if (config.seccomp) {
        const auto on = restrict_system_calls(config.use_pam);
        if (!on) return failed("Seccomp", on.error());
        done.seccomp = *on;
    }
    return done;
}

std::string to_text(std::optional<enforced> on) {
    if (!on) return "off";
    return *on == enforced::yes ? "on" : "not in this kernel";
}

}  // namespace sluice
