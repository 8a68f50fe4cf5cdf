#pragma once

#include <functional>

namespace sluice {

/// Does `work` in a process of its own, which goes to the background when `work` calls what it is
/// given: before that both are in the foreground, so that it can ask its user. Gives the exit
/// status of this process: 0 when the other has gone there, else that of `work`. To be called
/// while there is one thread; the other process ends here.
int in_background(const std::function<int(const std::function<void()>& leave)>& work);

}  // namespace sluice
