// Every row of the library that layers.json makes: a layer added there is tested unasked.

#include <gtest/gtest.h>
#include <test_layers.h>

#include "sepconv/kernel_registry.h"
#include "tests/kernels/row_check.h"

namespace sepconv {
namespace {

class KernelRowsTest : public testing::TestWithParam<const KernelRow*> {
 protected:
  static void SetUpTestSuite() { use_kernels(test_layers::kernels()); }

  /// Runs the row at each of its shapes, and reports what is wrong.
  void expect_no_fault(const RowCall& call) {
    for (const ConvProblem& problem : shapes_around(*GetParam())) {
      const auto fault = fault_of(*GetParam(), problem, call);
      EXPECT_FALSE(fault) << *fault;
    }
  }
};

TEST_P(KernelRowsTest, EqualsReferenceOnSmallIntegers) {
  if (const auto why = cannot_run_here(*GetParam())) GTEST_SKIP() << *why;
  expect_no_fault({.fence = Fence::after});
  expect_no_fault({.fence = Fence::before});
  expect_no_fault({.batch = 2, .in_gap = 3, .out_gap = 5, .fence = Fence::before});
  expect_no_fault({.batch = 3, .in_gap = 1, .out_gap = 67, .fence = Fence::after});
}

TEST_P(KernelRowsTest, StaysWithinLimitsOnReals) {
  if (const auto why = cannot_run_here(*GetParam())) GTEST_SKIP() << *why;
  expect_no_fault({.batch = 2, .values = Values::reals});
}

TEST_P(KernelRowsTest, LetsNanAndInfinityThroughWhereTheReferenceDoes) {
  if (const auto why = cannot_run_here(*GetParam())) GTEST_SKIP() << *why;
  for (const std::uint64_t seed : {3u, 4u}) {
    expect_no_fault({.values = Values::nan, .seed = seed});
    expect_no_fault({.values = Values::infinity, .seed = seed});
  }
}

std::vector<const KernelRow*> rows() {
  std::vector<const KernelRow*> result;
  const KernelTable& table = test_layers::kernels();
  for (std::size_t i = 0; i < table.row_count; ++i) result.push_back(&table.rows[i]);
  return result;
}

INSTANTIATE_TEST_SUITE_P(Table, KernelRowsTest, testing::ValuesIn(rows()),
                         [](const auto& row) { return row_test_name(*row.param); });

}  // namespace
}  // namespace sepconv
