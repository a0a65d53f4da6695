#pragma once
// What a layer's run costs beyond its kernel.

#include <benchmark/benchmark.h>

#include <memory>
#include <string>

#include "bench/layer_bench.h"
#include "runtime/core/bind_call.h"
#include "sepconv/tensor.h"

namespace sepconv::bench {

/// One layer under one kernel: the kernel called directly and the layer's run with a workspace, in alternation, caches
/// warm.
class OverheadBench {
 public:
  OverheadBench(std::shared_ptr<SuiteLayer> layer, const CompiledKernel& kernel, const Machine& machine);
  ~OverheadBench();
  std::string name() const;  // "mbv1_56x56x128_128/x86-64-avx2/overhead"
  /// Counters: kernel_ns and run_ns, medians of one call; overhead_ns, the median of their differences in each round;
  /// overhead_%, of the kernel's time. The time that Google Benchmark shows is a round's: so many calls of each.
  void run(benchmark::State& state);
  bool failed() const { return !error_.empty(); }
  /// Frees the buffers.
  void release();

 private:
  void prepare();
  double block_seconds(bool raw);

  std::shared_ptr<SuiteLayer> layer_;
  const CompiledKernel* kernel_;
  const Machine* machine_;
  std::string error_;
  long calls_ = 1;  // of each kind in a round
  struct Calls;     // of both kinds, on the same memory
  std::unique_ptr<Calls> both_;
};

}  // namespace sepconv::bench
