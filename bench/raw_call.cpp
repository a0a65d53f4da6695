#include "raw_call.h"

#include <algorithm>
#include <deque>
#include <stdexcept>
#include <string>

#include "sepconv/kernel_registry.h"

namespace bench {
namespace {

using sepconv::detail::arena_bytes;

/// A row like another one, registered under a name of its own with another function.
class RowWithFunction {
 public:
  RowWithFunction(const sepconv::KernelRow& row, sepconv::KernelFunction function)
      : symbol_(std::string(row.symbol) + "_kept_arguments"), row_(row) {
    row_.symbol = symbol_.c_str();
    row_.function = function;
    sepconv::use_kernels(table_);
  }
  const char* symbol() const { return row_.symbol; }

 private:
  std::string symbol_;
  sepconv::KernelRow row_;
  sepconv::KernelTable table_{"kept arguments", &row_, 1, nullptr, 0};
};

RawCall* keeper = nullptr;  // whose construction is going on

int weight_buffers(const sepconv::ConvProblem& p) {
  return p.has_depthwise() + (p.has_depthwise() && p.has_pointwise() && p.middle.bias) + p.has_pointwise() +
         p.output.bias;
}

}  // namespace

RawCall::RawCall(const sepconv::ConvLayer& layer, const sepconv::KernelRow& row, const sepconv::RunContext& context,
                 const sepconv::ConstTensorView& in, const sepconv::TensorView& out)
    : function_(row.function),
      context_(*context.executor, {static_cast<std::byte*>(context.workspace.data), arena_bytes(row.call_scratch_bytes),
                                   arena_bytes(row.task_scratch_bytes)}),
      services_(context_.services()),
      buffer_count_(weight_buffers(layer.problem()) + 2) {
  static std::deque<RowWithFunction> rows;  // registered rows live as long as the process
  sepconv::ConvLayer kept = layer;          // shares the packed weights
  kept.force_row(rows.emplace_back(row, keep_and_call).symbol());
  keeper = this;
  const sepconv::Status status = kept.run(context, in, out);
  keeper = nullptr;
  if (!status.ok()) throw std::runtime_error(status.message());
}

int RawCall::keep_and_call(void** argv) {
  keeper->keep(argv);
  return keeper->function_(argv);
}

/// Copies the arguments, which live as long as the call.
void RawCall::keep(void** argv) {
  argv_[0] = &services_;
  for (int i = 0; i < buffer_count_; ++i) {
    Buffer& kept = buffers_[i];
    kept.buffer = *static_cast<const sepconv::detail::HalideBuffer*>(argv[i + 1]);
    std::copy_n(kept.buffer.dim, kept.buffer.dimensions, kept.dims);
    kept.buffer.dim = kept.dims;
    argv_[i + 1] = &kept.buffer;
  }
}

}  // namespace bench
