#pragma once

#include "sluice/wire/error.hpp"
#include "sluice/wire/expects.hpp"

#include <cstdint>
#include <stop_token>
#include <utility>

namespace sluice::sftp {

/// What the completions of one session share. Outlives them.
struct completion_context {
    /// A stop is requested when the session is lost: whoever reads or copies may end early with
    /// errc::cancelled. A write that was handed over should finish.
    std::stop_token stop;
};

/// The answer to one operation, to be given once: `done(value)` or `done(error)`.
///
/// Called at most once, on the strand (or thread) that started the operation, before that call
/// returns or later. Dropping it uncalled completes with sftp_failure. Moving it costs three words;
/// nothing is allocated.
template <class T = void>
class completion {
public:
    using function = void (*)(completion_context& context, std::uint64_t id, result<T> outcome);

    completion(completion_context& context, std::uint64_t id, function f)
        : context_(&context), id_(id), function_(f) {}
    completion(completion&& other) noexcept
        : context_(std::exchange(other.context_, nullptr)),
          id_(other.id_),
          function_(other.function_) {}
    completion& operator=(completion&&) = delete;
    ~completion() {
        if (context_ != nullptr) (*this)(errc::sftp_failure);
    }

    void operator()(result<T> outcome) {
        expects(context_ != nullptr);
        function_(*std::exchange(context_, nullptr), id_, std::move(outcome));
    }

    /// May be asked on any thread, before the completion is called.
    bool stop_requested() const { return context_->stop.stop_requested(); }
    const std::stop_token& stop_token() const { return context_->stop; }

private:
    completion_context* context_;
    std::uint64_t id_;
    function function_;
};

}  // namespace sluice::sftp
