#include "bench/overhead_bench.h"

#include <fmt/format.h>

#include <chrono>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <utility>
#include <vector>

#include "runner/timing.h"

namespace sepconv::bench {
namespace {

/// A block of calls lasts so long at least, that the clock's own cost does not show.
constexpr double kBlockSeconds = 50e-6;

}  // namespace

struct OverheadBench::Calls {
  Calls(SuiteLayer& suite_layer, const CompiledKernel& kernel, Executor& executor)
      : layer(suite_layer.name(), suite_layer.problem(), suite_layer.data().weights),
        input(make_tensor(suite_layer.data().input, runner::input_shape(suite_layer.problem(), 1),
                          suite_layer.problem().dtype)),
        output(runner::output_shape(suite_layer.problem(), 1), suite_layer.problem().dtype),
        in(std::as_const(input).view()),
        out(output.view()) {
    layer.force_kernel(kernel.symbol);
    context.executor = &executor;
    workspace = AlignedBuffer(layer.workspace_bytes(context));
    context.workspace = {workspace.data(), workspace.bytes()};
    call = detail::LayerAccess::bind_call(layer, context, in, out);
  }

  void run_layer() {
    const Status status = layer.run(context, in, out);
    if (!status.ok()) throw std::runtime_error(status.message());
  }
  void run_kernel() {
    if (const int result = call->run()) throw std::runtime_error(fmt::format("the kernel returned error {}", result));
  }

  ConvLayer layer;
  Tensor input, output;
  ConstTensorView in;
  TensorView out;
  AlignedBuffer workspace;
  RunContext context;
  std::unique_ptr<detail::KernelCall> call;
};

OverheadBench::OverheadBench(std::shared_ptr<SuiteLayer> layer, const CompiledKernel& kernel, const Machine& machine)
    : layer_(std::move(layer)), kernel_(&kernel), machine_(&machine) {}
OverheadBench::~OverheadBench() = default;

std::string OverheadBench::name() const { return fmt::format("{}/{}/overhead", layer_->name(), kernel_->target); }

double OverheadBench::block_seconds(bool raw) {
  const auto start = std::chrono::steady_clock::now();
  for (long i = 0; i < calls_; ++i) raw ? both_->run_kernel() : both_->run_layer();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void OverheadBench::prepare() {
  if (both_) return;
  auto both = std::make_unique<Calls>(*layer_, *kernel_, *machine_->executor);
  const auto clear = [&] {
    std::memset(both->output.bytes(), 0xff,
                static_cast<std::size_t>(both->output.elements()) * size_bytes(both->output.dtype()));
  };
  clear();
  both->run_layer();
  const Tensor expected = both->output;
  clear();
  both->run_kernel();
  if (std::memcmp(expected.bytes(), both->output.bytes(),
                  static_cast<std::size_t>(expected.elements()) * size_bytes(expected.dtype())) != 0)
    throw std::runtime_error("the kernel called directly and the layer's run compute different results");
  both_ = std::move(both);
  for (calls_ = 1; block_seconds(true) < kBlockSeconds;) calls_ *= 2;
}

void OverheadBench::run(benchmark::State& state) {
  try {
    prepare();
    std::vector<double> raw, run, difference;
    bool raw_first = false;
    for ([[maybe_unused]] auto _ : state) {
      raw_first = !raw_first;
      double seconds[2];  // of the run, of the kernel
      for (const bool is_raw : {raw_first, !raw_first}) seconds[is_raw] = block_seconds(is_raw);
      state.SetIterationTime(seconds[0] + seconds[1]);
      run.push_back(seconds[0] * 1e9 / static_cast<double>(calls_));
      raw.push_back(seconds[1] * 1e9 / static_cast<double>(calls_));
      difference.push_back(run.back() - raw.back());
    }
    const double kernel = runner::median(raw), overhead = runner::median(difference);
    state.counters["kernel_ns"] = kernel;
    state.counters["run_ns"] = runner::median(run);
    state.counters["overhead_ns"] = overhead;
    state.counters["overhead_%"] = 100 * overhead / kernel;
    state.SetLabel(kernel_->schedule);
  } catch (const std::exception& error) {
    error_ = error.what();
    state.SkipWithError(error_.c_str());
  }
}

void OverheadBench::release() { both_.reset(); }

}  // namespace sepconv::bench
