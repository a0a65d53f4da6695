#pragma once
// What a call of a layer may use: threads and memory.

#include <cstddef>

namespace sepconv {

class Executor;

/// Memory for the scratch of one call at a time; any alignment.
struct Workspace {
  void* data = nullptr;
  std::size_t bytes = 0;
};

struct RunContext {
  Executor* executor = nullptr;  // nullptr: process_pool()
  /// Without one (data == nullptr), a call that needs scratch allocates it. With one of at least workspace_bytes(), a
  /// call allocates nothing. Concurrent calls need one each.
  Workspace workspace;
};

}  // namespace sepconv
