#pragma once

#include "sluice/wire/bytes.hpp"
#include "sluice/wire/error.hpp"
#include "sluice/wire/reader.hpp"
#include "sluice/wire/writer.hpp"

#include <optional>
#include <string_view>
#include <utility>
#include <variant>

/// Requests and channel types are told apart by a name, and what follows depends on it. Each is a
/// struct with `name` and `fields` (or `put` and `get` by hand); a variant is the list of them.
namespace sluice::named {

template <class T>
void put(const T& value, wire::writer& w) {
    if constexpr (requires { T::put(value, w); })
        T::put(value, w);
    else
        T::fields(value, [&](const auto&... field) { (w.write(field), ...); });
}

template <class T>
result<T> get(bytes_view specific) {
    wire::reader r(specific);
    T value;
    if constexpr (requires { T::get(r, value); })
        T::get(r, value);
    else
        T::fields(value, [&](auto&... field) { (r.read(field), ...); });
    if (r.error()) return r.error();
    if (!r.at_end()) return errc::trailing_bytes;
    return value;
}

template <class Variant>
struct list;

template <class... T>
struct list<std::variant<T...>> {
    using value_type = std::variant<T...>;

    /// What follows the name, decoded; nothing where the list has no such name. Errors: those of
    /// the fields, truncated, trailing_bytes.
    static result<std::optional<value_type>> decode(std::string_view name, bytes_view specific) {
        std::optional<value_type> found;
        error_code error;
        const auto try_one = [&]<class One>() {
            if (One::name != name) return false;
            auto one = get<One>(specific);
            if (one)
                found.emplace(std::move(*one));
            else
                error = one.error();
            return true;
        };
        static_cast<void>((try_one.template operator()<T>() || ...));
        if (error) return error;
        return found;
    }

    static std::string_view name_of(const value_type& value) {
        return std::visit([](const auto& one) { return std::string_view(one.name); }, value);
    }

    /// Appends what follows the name.
    static void encode(const value_type& value, wire::writer& w) {
        std::visit([&](const auto& one) { put(one, w); }, value);
    }
};

}  // namespace sluice::named
