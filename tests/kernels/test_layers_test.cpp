// Every kernel of the library that layers.json makes: a layer added there is tested automatically.

#include <gtest/gtest.h>
#include <test_layers.h>

#include "sepconv/kernel_registry.h"
#include "tests/kernels/kernel_check.h"

namespace sepconv::test {
namespace {

class TestLayersTest : public testing::TestWithParam<const CompiledKernel*> {
 protected:
  static void SetUpTestSuite() { use_kernels(test_layers::kernels()); }

  /// Runs the kernel at each of its shapes, and reports what is wrong.
  void expect_no_fault(const TestCall& call) {
    for (const ConvProblem& problem : shapes_around(*GetParam())) {
      const auto fault = fault_of(*GetParam(), problem, call);
      EXPECT_FALSE(fault) << *fault;
    }
  }
};

TEST_P(TestLayersTest, EqualsReferenceOnSmallIntegers) {
  if (const auto why = cannot_run_here(*GetParam())) GTEST_SKIP() << *why;
  expect_no_fault({.fence = Fence::after});
  expect_no_fault({.fence = Fence::before});
  expect_no_fault({.batch = 2, .in_gap = 3, .out_gap = 5, .fence = Fence::before});
  expect_no_fault({.batch = 3, .in_gap = 1, .out_gap = 67, .fence = Fence::after});
}

TEST_P(TestLayersTest, StaysWithinLimitsOnReals) {
  if (const auto why = cannot_run_here(*GetParam())) GTEST_SKIP() << *why;
  expect_no_fault({.batch = 2, .values = Values::reals});
}

TEST_P(TestLayersTest, LetsNanAndInfinityThroughWhereTheReferenceDoes) {
  if (const auto why = cannot_run_here(*GetParam())) GTEST_SKIP() << *why;
  for (const std::uint64_t seed : {3u, 4u}) {
    expect_no_fault({.values = Values::nan, .seed = seed});
    expect_no_fault({.values = Values::infinity, .seed = seed});
  }
}

std::vector<const CompiledKernel*> kernels() {
  std::vector<const CompiledKernel*> result;
  const KernelTable& table = test_layers::kernels();
  for (std::size_t i = 0; i < table.kernel_count; ++i) result.push_back(&table.kernels[i]);
  return result;
}

INSTANTIATE_TEST_SUITE_P(Table, TestLayersTest, testing::ValuesIn(kernels()),
                         [](const auto& kernel) { return kernel_test_name(*kernel.param); });

}  // namespace
}  // namespace sepconv::test
