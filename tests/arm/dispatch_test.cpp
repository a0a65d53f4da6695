// Which kernels a CPU takes: run with the features that the emulated CPU has, and the target of a float16 layer's
// kernel.

#include <arm_layers.h>

#include <cstring>
#include <iostream>
#include <string>

#include "runtime/core/cpu_features.h"
#include "sepconv/kernel_registry.h"
#include "sepconv/layer.h"
#include "sepconv/layers.h"

namespace {

int expect_equal(const std::string& what, const std::string& got, const std::string& wanted) {
  if (got == wanted) return 0;
  std::cerr << what << ": expected '" << wanted << "', got '" << got << "'\n";
  return 1;
}

/// The target of the kernel that the layer takes, whose symbol must be that of a kernel of the table.
std::string target_taken(const sepconv::KernelTable& table, sepconv::SeparableConv1D& conv) {
  conv.build({9, 8});
  const sepconv::ConvLayer& layer = conv.layer_for({9, 8});
  const sepconv::CompiledKernel* taken = layer.kernel();
  if (taken == nullptr) return "none: " + layer.why_not();
  for (std::size_t i = 0; i < table.kernel_count; ++i)
    if (std::strcmp(table.kernels[i].symbol, taken->symbol) == 0) return table.kernels[i].target;
  return std::string("none of the table: ") + taken->symbol;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: dispatch_test FEATURES FLOAT16_TARGET\n";
    return 2;
  }
  sepconv::use_kernels(arm_layers::kernels());
  sepconv::SeparableConv1D half({.filters = 16, .kernel_size = 3, .padding = "same", .dtype = "float16"});
  sepconv::SeparableConv1D single({.filters = 16, .kernel_size = 3, .padding = "same"});
  int failed = expect_equal("features", sepconv::cpu_feature_names(sepconv::detected_cpu_features()), argv[1]);
  failed += expect_equal("float16 kernel", target_taken(arm_layers::kernels(), half), argv[2]);
  failed += expect_equal("float32 kernel", target_taken(arm_layers::kernels(), single), "arm-64");
  return failed == 0 ? 0 : 1;
}
