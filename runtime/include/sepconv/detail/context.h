#pragma once
// The threads and memory that a layer call may use.

#include <cstddef>

namespace sepconv {

class Executor;

/// Scratch memory for one call at a time; any alignment.
struct Workspace {
  void* data = nullptr;
  std::size_t bytes = 0;
};

struct RunContext {
  Executor* executor = nullptr;  // nullptr: process_pool()
  /// Without a workspace (data == nullptr), a call that needs scratch allocates it. With one of at least
  /// workspace_bytes(), a call allocates nothing. Concurrent calls need separate workspaces.
  Workspace workspace;
};

}  // namespace sepconv
