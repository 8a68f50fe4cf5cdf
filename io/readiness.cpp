#include "sluice/io/readiness.hpp"

namespace sluice {

constinit std::atomic<early_wake_up> readiness::early = nullptr;

void set_early_wake_up(early_wake_up decide) { readiness::early.store(decide); }

}  // namespace sluice
