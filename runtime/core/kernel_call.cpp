#include "runtime/core/kernel_call.h"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>

#include "sepconv/detail/kernel_arguments.h"

namespace sepconv::detail {

PreparedKernel::PreparedKernel(const CompiledKernel& kernel, const ConvProblem& problem,
                               std::shared_ptr<const PackedWeights> weights)
    : kernel_(kernel),
      packed_(std::move(weights)),
      call_bytes_(arena_bytes(kernel.call_scratch_bytes)),
      worker_bytes_(arena_bytes(kernel.task_scratch_bytes)),
      layout_(problem.layout),
      dtype_(problem.dtype),
      dims_(packed_->arrays.size()),
      buffers_(packed_->arrays.size()) {
  const std::vector<Argument> arguments = arguments_of(problem);
  if (arguments.size() >= kMaxArguments)
    throw std::invalid_argument("kernel " + std::string(kernel.symbol) + ": " + std::to_string(arguments.size()) +
                                " arguments; expected fewer than " + std::to_string(kMaxArguments));
  argc_ = 1;  // after the context
  std::size_t weight = 0;
  for (const Argument& argument : arguments) {
    switch (argument.kind) {
      case ArgumentKind::input: input_ = argc_; break;
      case ArgumentKind::output: output_ = argc_; break;
      case ArgumentKind::operand:
        if (operand_count_ == kMaxOperands)
          throw std::invalid_argument("kernel " + std::string(kernel.symbol) + ": more than " +
                                      std::to_string(kMaxOperands) + " operands");
        operands_[operand_count_++] = static_cast<std::uint8_t>(argc_);
        break;
      case ArgumentKind::pad_top: pad_top_ = argc_; break;
      case ArgumentKind::pad_left: pad_left_ = argc_; break;
      case ArgumentKind::weights:
      case ArgumentKind::constant: {
        const PackedArray& array = packed_->arrays[weight];
        HalideBuffer& buffer = buffers_[weight];
        dims_[weight] = {0, static_cast<std::int32_t>(array.size()), 1, 0};
        buffer.host = const_cast<std::uint8_t*>(array.data<std::uint8_t>());
        buffer.type = halide_type(array.dtype());
        buffer.dimensions = 1;
        buffer.dim = &dims_[weight];
        argv_[argc_] = &buffer;
        ++weight;
        break;
      }
    }
    ++argc_;
  }
}

std::size_t PreparedKernel::workspace_bytes(int concurrency, std::size_t before) const noexcept {
  std::size_t bytes = 0;
  if (__builtin_mul_overflow(static_cast<std::size_t>(concurrency), worker_bytes_, &bytes) ||
      __builtin_add_overflow(bytes, call_bytes_, &bytes) || __builtin_add_overflow(bytes, before, &bytes))
    return std::numeric_limits<std::size_t>::max();
  return bytes == 0 ? 0 : bytes + kBufferAlignment;  // to align the start
}

KernelCall::KernelCall(const PreparedKernel& kernel, const Images& in, const Images* operands, const Images& out,
                       const std::int32_t (&pads)[2], Executor& executor, std::byte* scratch) noexcept
    : function_(kernel.kernel_.function),
      input_(in, kernel.layout_, kernel.dtype_, false),
      output_(out, kernel.layout_, kernel.dtype_, kernel.kernel_.flat_output != 0),
      pads_{pads[0], pads[1]},
      context_(executor, {scratch, kernel.call_bytes_, kernel.worker_bytes_}),
      services_(context_.services()) {
  // Most kernels have no more: a copy of known size needs no call.
  constexpr std::size_t kFewArguments = 8;
  std::copy_n(kernel.argv_.begin(), kFewArguments, argv_.begin());
  if (kernel.argc_ > kFewArguments) std::copy_n(kernel.argv_.begin(), kernel.argc_, argv_.begin());
  argv_[0] = &services_;
  argv_[kernel.input_] = &input_.buffer;
  argv_[kernel.output_] = &output_.buffer;
  for (std::size_t i = 0; i < kernel.operand_count_; ++i) {
    operands_[i].set(operands[i], kernel.layout_, kernel.dtype_, kernel.kernel_.flat_output != 0);
    argv_[kernel.operands_[i]] = &operands_[i].buffer;
  }
  if (kernel.pad_top_ != 0) {
    argv_[kernel.pad_top_] = &pads_[0];
    argv_[kernel.pad_left_] = &pads_[1];
  }
}

}  // namespace sepconv::detail
