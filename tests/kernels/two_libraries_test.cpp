// Two generated libraries in one program, some of their kernels the same; their headers in two translation units.

#include <gtest/gtest.h>
#include <test_layers.h>
#include <test_twin.h>

#include <cstring>
#include <set>

#include "sepconv/kernel_registry.h"
#include "tests/kernels/other_unit.h"
#include "tests/kernels/row_check.h"

namespace sepconv {
namespace {

/// The row of the table for the same problem, schedule and target; nullptr if it has none.
const KernelRow* same_kernel(const KernelTable& table, const KernelRow& wanted) {
  for (std::size_t i = 0; i < table.row_count; ++i) {
    const KernelRow& row = table.rows[i];
    if (std::strcmp(row.problem, wanted.problem) == 0 && std::strcmp(row.target, wanted.target) == 0) return &row;
  }
  return nullptr;
}

TEST(TwoLibrariesTest, AreBothCalled) {
  use_kernels(test_layers::kernels());
  use_kernels(test_twin::kernels());
  const KernelTable& twin = test_twin::kernels();
  ASSERT_GE(twin.row_count, 4u);
  int called = 0;
  for (std::size_t i = 0; i < twin.row_count; ++i) {
    const KernelRow& row = twin.rows[i];
    const KernelRow* other = same_kernel(test_layers::kernels(), row);
    ASSERT_NE(other, nullptr) << row.problem;
    EXPECT_STRNE(row.symbol, other->symbol);
    EXPECT_NE(row.function, other->function);
    if (cannot_run_here(row)) continue;
    for (const KernelRow* each : {&row, other}) {
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
}  // namespace sepconv
