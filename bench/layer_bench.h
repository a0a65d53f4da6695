#pragma once
// One layer under one kernel, timed with warm or with cold caches.

#include <benchmark/benchmark.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runner/layer_run.h"
#include "runner/reference.h"
#include "runner/seeded.h"
#include "sepconv/detail/compiled_kernel.h"
#include "sepconv/executor.h"

namespace sepconv::bench {

/// A layer of the suite: seeded weights and input, and what must come out. Rows and modes share it.
class SuiteLayer {
 public:
  SuiteLayer(std::string name, ConvProblem problem);
  const std::string& name() const { return name_; }
  const ConvProblem& problem() const { return problem_; }
  /// Made at the first need: only the layers that are run cost time.
  const runner::SeededCase& data();
  const runner::ReferenceOutput& expected();
  /// Bytes that one image must at least move: input, weights and output once each.
  double bytes();

 private:
  std::string name_;
  ConvProblem problem_;
  std::optional<runner::SeededCase> data_;
  std::optional<runner::ReferenceOutput> expected_;
};

/// Warm: the same layer and buffers again and again. Cold: copies of the layer, its weights, input and output follow
/// each other that together fill twice the last cache, so that none is still cached when its turn comes again.
enum class CacheMode { warm, cold };

/// The machine as this process uses it.
struct Machine {
  std::unique_ptr<Executor> executor;
  int threads = 1;
  double last_cache_bytes = 0;
  std::map<DataType, double> peak_flops;  // of `threads` cores, multiply-adds of the type's widest vectors
};

/// What Google Benchmark calls for one name, more than once for each figure.
class LayerBench {
 public:
  LayerBench(std::shared_ptr<SuiteLayer> layer, const CompiledKernel& kernel, CacheMode mode, const Machine& machine);
  std::string name() const;  // "mbv1_56x56x128_128/x86-64-avx2/warm"
  DataType dtype() const { return layer_->problem().dtype; }
  /// Times calls; FLOP/s, bytes/s, percent of peak and of the speed of copies as counters. Before the first, checks the
  /// kernel's result: a wrong one is reported as the benchmark's error, and failed() is true then.
  void run(benchmark::State& state);
  bool failed() const { return !error_.empty(); }
  /// Frees the copies of the cold mode.
  void release() { runs_.clear(), layers_.clear(); }

 private:
  void check();
  void prepare();

  std::shared_ptr<SuiteLayer> layer_;
  const CompiledKernel* kernel_;
  CacheMode mode_;
  const Machine* machine_;
  bool checked_ = false;
  std::string error_;
  double copy_gbs_ = 0;  // of one thread that copies as many bytes as a call moves at least; cold: as all copies do
  std::vector<std::unique_ptr<ConvLayer>> layers_;  // runs_ refers to them
  std::vector<runner::RepeatedRun> runs_;
  std::size_t next_ = 0;  // the copy whose turn it is
};

}  // namespace sepconv::bench
