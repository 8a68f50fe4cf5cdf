#include "sluice/io/dialler.hpp"

#include "sluice/io/connect_tcp.hpp"
#include "sluice/io/coroutine_operation.hpp"
#include "sluice/wire/limits.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>

#include <netdb.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

namespace asio = boost::asio;
using asio::ip::tcp;

namespace sluice {
namespace {

using namespace asio::experimental::awaitable_operators;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_hex_digit(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// The top label of a name is never a number (RFC 1123 §2.1); inet_aton(3) takes such for addresses.
bool ends_in_a_number(std::string_view host) {
    if (host.ends_with('.')) host.remove_suffix(1);
    const auto dot = host.rfind('.');
    std::string_view last = dot == host.npos ? host : host.substr(dot + 1);
    if (last.empty() || !is_digit(last.front())) return false;
    if (last.starts_with("0x") || last.starts_with("0X"))
        return std::ranges::all_of(last.substr(2), is_hex_digit);
    return std::ranges::all_of(last, is_digit);
}

}  // namespace

std::optional<std::string> host_to_dial(std::string_view host) {
    error_code e;
    auto address = asio::ip::make_address(host, e);
    if (e) return ends_in_a_number(host) ? std::nullopt : std::optional(std::string(host));
    if (address.is_v6() && address.to_v6().is_v4_mapped())
        address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
    return address.to_string();
}

host_lookup system_lookup() {
    return [](const std::string& host) -> result<std::vector<asio::ip::address>> {
        addrinfo hints{};
        hints.ai_socktype = SOCK_STREAM;
        addrinfo* list = nullptr;
        const int failed = ::getaddrinfo(host.c_str(), nullptr, &hints, &list);
        if (failed == EAI_SYSTEM) return error_code(errno, boost::system::system_category());
        if (failed != 0) return error_code(failed, asio::error::get_addrinfo_category());
        const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(list, ::freeaddrinfo);
        std::vector<asio::ip::address> found;
        for (const addrinfo* one = list; one != nullptr; one = one->ai_next) {
            tcp::endpoint at;
            if (one->ai_addrlen > at.capacity()) continue;
            std::memcpy(at.data(), one->ai_addr, one->ai_addrlen);
            at.resize(one->ai_addrlen);
            found.push_back(at.address());
        }
        return found;
    };
}

// One of the connections that a user has under way.
class dialler::share {
public:
    static std::optional<share> take(std::shared_ptr<dialler> from, const std::string& user) {
        const std::lock_guard lock(from->mutex_);
        std::size_t& n = from->under_way_[user];
        if (n >= limits::connects_of_user_max) return std::nullopt;
        ++n;
        return share(std::move(from), user);
    }
    share(share&& other) noexcept = default;
    share& operator=(share&&) = delete;
    ~share() {
        if (!from_) return;
        const std::lock_guard lock(from_->mutex_);
        const auto mine = from_->under_way_.find(user_);
        if (--mine->second == 0) from_->under_way_.erase(mine);
    }

private:
    share(std::shared_ptr<dialler> from, std::string user)
        : from_(std::move(from)), user_(std::move(user)) {}
    std::shared_ptr<dialler> from_;
    std::string user_;
};

dialler::dialler(host_lookup lookup)
    : lookup_(std::move(lookup)),
      lookups_({.threads = limits::lookup_threads,
                .waiting_max = limits::lookups_waiting_max,
                .of_source_max = limits::lookups_of_user_max}) {}

asio::awaitable<result<std::vector<asio::ip::address>>> dialler::addresses_of(
    asio::any_io_executor executor, const request& to) {
    error_code e;
    const auto address = asio::ip::make_address(to.host, e);
    if (!e) co_return std::vector{address};

    // The thread may go on after us, and after this.
    auto work = [lookup = lookup_, host = to.host] { return lookup(host); };
    asio::steady_timer timer(executor, limits::lookup_time_max);
    auto first = co_await (lookups_.run(to.user, std::move(work)) || pass(timer));
    if (first.index() == 1) co_return error_code(asio::error::timed_out);
    auto& found = std::get<0>(first);
    if (!found) co_return errc::too_many_requests;
    co_return std::move(*found);
}

asio::awaitable<result<tcp::socket>> dialler::dial(std::shared_ptr<dialler> by,
                                                   asio::any_io_executor executor, request to) {
    const auto share = share::take(by, to.user);
    if (!share) co_return errc::too_many_requests;
    auto addresses = co_await by->addresses_of(executor, to);
    if (!addresses) co_return addresses.error();
    if (to.permits)
        std::erase_if(*addresses, [&](const auto& a) { return !to.permits(a.to_string()); });
    error_code last = asio::error::no_permission;
    for (const auto& address : *addresses) {
        tcp::socket socket(executor);
        last = co_await connect_socket(socket, {address, to.port}, limits::connect_time_max);
        if (!last) co_return std::move(socket);
    }
    co_return last;
}

}  // namespace sluice
