#pragma once
// A CUDA driver that computes nothing: device memory is host memory, launches and waits are only written down.

#include <cstddef>
#include <string>
#include <vector>

namespace sepconv::test {

struct FakeLaunch {
  std::string kernel;
  unsigned blocks[3], threads[3], shared_bytes;
  void* context;  // current at the launch
  void* stream;
};

/// What the program has asked of the driver.
struct FakeCuda {
  std::vector<FakeLaunch> launches;
  std::vector<void*> copy_streams;
  int allocations = 0, frees = 0, stream_waits = 0, context_waits = 0, modules = 0, created_contexts = 0;
  int live_streams = 0, live_events = 0, primary_uses = 0;
  unsigned max_registers = 0;  // that the last module was loaded with
  std::string module;          // its text
  std::vector<void*> context_stack;
};

/// @throws std::runtime_error unless libcuda.so.1 is this one.
FakeCuda& fake_cuda();

}  // namespace sepconv::test
