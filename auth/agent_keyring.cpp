#include "sluice/auth/agent_keyring.hpp"

#include "sluice/crypto/bcrypt_pbkdf.hpp"
#include "sluice/wire/limits.hpp"

#include <algorithm>

namespace sluice {
namespace {

constexpr std::size_t lock_size = 32;                 // bytes derived from a passphrase
constexpr std::uint32_t lock_rounds = 1;              // some milliseconds
constexpr std::chrono::milliseconds pause_step{100};  // for each wrong passphrase, as OpenSSH

// In an answer to REQUEST_IDENTITIES.
std::size_t listed_size(const agent_key& key) { return 8 + key.blob().size() + key.comment.size(); }

}  // namespace

result<> agent_keyring::add(agent_key key) {
    if (key.comment.size() > limits::agent_comment_length_max) return errc::too_long;
    const auto known = std::ranges::find(keys_, key.blob(), &agent_key::blob);
    std::size_t size = 5 + listed_size(key);
    for (const agent_key& one : keys_)
        size += listed_size(one);
    if (known != keys_.end()) size -= listed_size(*known);
    const bool full = known == keys_.end() && keys_.size() == limits::agent_keys_max;
    if (full || size > limits::agent_message_length_max) return errc::limit_reached;
    if (known == keys_.end())
        keys_.push_back(std::move(key));
    else
        *known = std::move(key);
    return {};
}

const agent_key* agent_keyring::find(bytes_view blob) const {
    const auto same = [&](const agent_key& one) { return std::ranges::equal(one.blob(), blob); };
    const auto found = std::ranges::find_if(keys_, same);
    return found == keys_.end() ? nullptr : &*found;
}

void agent_keyring::expire(time_point now) {
    remove_if([&](const agent_key& one) { return one.expires <= now; });
}

time_point agent_keyring::next_expiry() const {
    const auto first = std::ranges::min_element(keys_, {}, &agent_key::expires);
    return first == keys_.end() ? time_point::max() : first->expires;
}

// --- the lock -----------------------------------------------------------------------------------

// Slow, and with the passphrase not kept: people have it for other things too.
secret_bytes agent_keyring::derived(std::string_view passphrase) const {
    secret_bytes out(lock_size);
    crypto::bcrypt_pbkdf(passphrase, salt_, lock_rounds, out.span());
    return out;
}

result<> agent_keyring::lock(std::string_view passphrase) {
    if (locked()) return errc::unexpected_message;
    if (passphrase.empty()) return errc::bad_value;
    if (passphrase.size() > limits::password_length_max) return errc::too_long;
    random_.fill(salt_);
    locked_by_ = derived(passphrase);
    return {};
}

result<> agent_keyring::unlock(std::string_view passphrase, time_point now) {
    if (!locked()) return errc::unexpected_message;
    if (now < next_attempt_) return errc::too_many_attempts;
    const bool possible = !passphrase.empty() && passphrase.size() <= limits::password_length_max;
    if (!possible || !equal_in_constant_time(derived(passphrase), locked_by_)) {
        ++wrong_passphrases_;
        next_attempt_ = now + std::min<duration>(wrong_passphrases_ * pause_step,
                                                 limits::agent_unlock_pause_max);
        return errc::wrong_passphrase;
    }
    wrong_passphrases_ = 0;
    locked_by_ = {};
    return {};
}

}  // namespace sluice
