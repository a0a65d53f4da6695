// A library as `sepconv compile --shared` makes them, by hand: its one kernel scales by the pointwise weight.

#include "runtime/core/halide_buffer.h"
#include "sepconv/detail/compiled_kernel.h"

namespace {

int scale(void** argv) {
  const auto* in = static_cast<const sepconv::detail::HalideBuffer*>(argv[1]);
  const auto* weight = static_cast<const sepconv::detail::HalideBuffer*>(argv[2]);
  const auto* out = static_cast<const sepconv::detail::HalideBuffer*>(argv[3]);
  for (int x = 0; x < in->dim[1].extent; ++x)
    reinterpret_cast<float*>(out->host)[x] =
        reinterpret_cast<const float*>(in->host)[x] * *reinterpret_cast<const float*>(weight->host);
  return 0;
}

constexpr sepconv::CompiledKernel kKernel = {
    sepconv::kKernelAbi, "loaded_double", scale, "f32_nhwc_i1x3x1.conv_o1_k1x1", "fake", "fake", 0, 0, 1, 1, 0, 0, 0};
constexpr sepconv::KernelTable kTable = {"loaded", &kKernel, 1, nullptr, 0};

}  // namespace

extern "C" __attribute__((visibility("default"))) const sepconv::KernelTable* sepconv_kernel_table() { return &kTable; }
