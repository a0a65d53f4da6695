#pragma once
// A call of a compiled kernel: its weights are bound once for all calls, its images once for each call that is made or
// repeated.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/core/halide_buffer.h"
#include "runtime/core/kernel_context.h"
#include "runtime/core/prepack.h"
#include "runtime/core/view_checks.h"
#include "sepconv/detail/compiled_kernel.h"
#include "sepconv/detail/kernel_arguments.h"

namespace sepconv::detail {

/// The arguments of a kernel, and the context before them.
inline constexpr std::size_t kMaxArguments = 32;

/// A kernel and its packed weights: everything about a call that does not depend on the call.
class PreparedKernel {
 public:
  /// @param problem  of the kernel; its arguments are those of arguments_of(problem)
  /// @throws std::invalid_argument for a problem of more than kMaxArguments arguments.
  PreparedKernel(const CompiledKernel& kernel, const ConvProblem& problem,
                 std::shared_ptr<const PackedWeights> weights);
  PreparedKernel(const PreparedKernel&) = delete;
  PreparedKernel& operator=(const PreparedKernel&) = delete;

  const CompiledKernel& kernel() const noexcept { return kernel_; }
  /// Bytes of workspace for an executor of that concurrency, and those before the kernel's; saturates.
  std::size_t workspace_bytes(int concurrency, std::size_t before) const noexcept;

 private:
  friend class KernelCall;

  const CompiledKernel& kernel_;
  const std::shared_ptr<const PackedWeights> packed_;
  const std::size_t call_bytes_, worker_bytes_;
  const Layout layout_;
  const DataType dtype_;
  std::vector<HalideDimension> dims_;        // of the weights
  std::vector<HalideBuffer> buffers_;        // kernels take them without const, and do not write them
  std::array<void*, kMaxArguments> argv_{};  // with the weights in their places
  std::size_t argc_ = 0;
  std::size_t input_ = 0, output_ = 0;                 // places in argv_
  std::array<std::uint8_t, kMaxOperands> operands_{};  // small: an app may keep a kernel for each of many sizes
  std::uint8_t operand_count_ = 0;
  std::size_t pad_top_ = 0, pad_left_ = 0;  // 0: the kernel takes no pads
};

/// Images as a kernel takes them. Written once, without zeros before: they are made in every call.
struct ImageBuffer {
  ImageBuffer() noexcept {}  // leaves everything to set()
  ImageBuffer(const Images& images, Layout layout, DataType dtype, bool flat) noexcept
      : dims(dims_of(images, layout, flat)), buffer{0,
                                                    nullptr,
                                                    static_cast<std::uint8_t*>(const_cast<void*>(images.data)),
                                                    0,
                                                    halide_type(dtype),
                                                    flat ? 3 : 4,
                                                    dims.data(),
                                                    nullptr} {}
  ImageBuffer(const ImageBuffer&) = delete;
  ImageBuffer& operator=(const ImageBuffer&) = delete;

  void set(const Images& images, Layout layout, DataType dtype, bool flat) noexcept {
    new (this) ImageBuffer(images, layout, dtype, flat);
  }

  static std::array<HalideDimension, 4> dims_of(const Images& images, Layout layout, bool flat) noexcept;

  union {  // not set to zeros first
    std::array<HalideDimension, 4> dims;
  };
  union {
    HalideBuffer buffer;
  };
};

inline std::array<HalideDimension, 4> ImageBuffer::dims_of(const Images& images, Layout layout, bool flat) noexcept {
  const auto H = static_cast<std::int32_t>(images.H), W = static_cast<std::int32_t>(images.W),
             C = static_cast<std::int32_t>(images.C);
  const HalideDimension N{0, static_cast<std::int32_t>(images.batch),
                          static_cast<std::int32_t>(images.batch == 1 ? images.image_span() : images.batch_pitch), 0};
  if (layout == Layout::nhwc) {
    const bool dense = images.pixel_pitch == 0;
    const auto pixel = dense ? C : static_cast<std::int32_t>(images.pixel_pitch);
    const auto row = dense ? C * W : static_cast<std::int32_t>(images.row_pitch);
    if (flat) return {{{0, C, 1, 0}, {0, W * H, pixel, 0}, N, {}}};
    return {{{0, C, 1, 0}, {0, W, pixel, 0}, {0, H, row, 0}, N}};
  }
  if (flat) return {{{0, W * H, 1, 0}, {0, C, W * H, 0}, N, {}}};
  return {{{0, W, 1, 0}, {0, H, W, 0}, {0, C, W * H, 0}, N}};
}

/// A kernel, its images and its scratch: all that may be fixed before a call, which can then be made any number of
/// times.
class KernelCall {
 public:
  /// @param operands  as many as the kernel has, in the order of its arguments
  /// @param pads     before H and W; read by kernels of dynamic problems only
  /// @param scratch  aligned to kBufferAlignment, with workspace_bytes(executor.concurrency(), 0)
  KernelCall(const PreparedKernel& kernel, const Images& in, const Images* operands, const Images& out,
             const std::int32_t (&pads)[2], Executor& executor, std::byte* scratch) noexcept;
  KernelCall(const KernelCall&) = delete;
  KernelCall& operator=(const KernelCall&) = delete;

  /// @return 0, the kernel's error code, or CallContext::kBadWorker.
  int run() noexcept { return function_(argv_.data()); }

 private:
  const KernelFunction function_;
  ImageBuffer input_, output_;
  std::array<ImageBuffer, kMaxOperands> operands_;  // only as many are set as the kernel has
  std::int32_t pads_[2];
  CallContext context_;
  KernelContext* services_;
  std::array<void*, kMaxArguments> argv_;
};

}  // namespace sepconv::detail
