// Two generated libraries in one program, some of their kernels the same; their headers in two translation units.

#include <gtest/gtest.h>
#include <test_layers.h>
#include <test_twin.h>

#include <cstring>
#include <set>

#include "sepconv/kernel_registry.h"
#include "tests/kernels/kernel_check.h"
#include "tests/kernels/other_unit.h"

namespace sepconv::test {
namespace {

/// The kernel of the table for the same problem, schedule and target; nullptr if it has none.
const CompiledKernel* same_kernel(const KernelTable& table, const CompiledKernel& wanted) {
  for (std::size_t i = 0; i < table.kernel_count; ++i) {
    const CompiledKernel& kernel = table.kernels[i];
    if (std::strcmp(kernel.problem, wanted.problem) == 0 && std::strcmp(kernel.target, wanted.target) == 0)
      return &kernel;
  }
  return nullptr;
}

TEST(TwoLibrariesTest, AreBothCalled) {
  use_kernels(test_layers::kernels());
  use_kernels(test_twin::kernels());
  const KernelTable& twin = test_twin::kernels();
  ASSERT_GE(twin.kernel_count, 4u);
  int called = 0;
  for (std::size_t i = 0; i < twin.kernel_count; ++i) {
    const CompiledKernel& kernel = twin.kernels[i];
    const CompiledKernel* other = same_kernel(test_layers::kernels(), kernel);
    ASSERT_NE(other, nullptr) << kernel.problem;
    EXPECT_STRNE(kernel.symbol, other->symbol);
    EXPECT_NE(kernel.function, other->function);
    if (cannot_run_here(kernel)) continue;
    for (const CompiledKernel* each : {&kernel, other}) {
      const auto fault = fault_of(*each, shapes_around(*each).front(), {.batch = 2});
      EXPECT_FALSE(fault) << *fault;
      ++called;
    }
  }
  EXPECT_GE(called, 4);
}

TEST(TwoLibrariesTest, HaveOneTableInAllTranslationUnits) {
  EXPECT_EQ(&layers_seen_elsewhere(), &test_layers::kernels());
  EXPECT_EQ(&twin_seen_elsewhere(), &test_twin::kernels());
  EXPECT_NE(&test_layers::kernels(), &test_twin::kernels());
}

TEST(TwoLibrariesTest, NameTheLayersOfTheirModels) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < test_twin::kernels().layer_count; ++i) names.insert(test_twin::kernels().layers[i].name);
  EXPECT_EQ(names, (std::set<std::string>{"twin_c3_f8", "twin_c16_f33"}));
}

}  // namespace
}  // namespace sepconv::test
