// Which of the real rows a layer takes, how it can be told, and what it says about the others.

#include <gtest/gtest.h>
#include <test_layers.h>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <string>

#include "runner/seeded.h"
#include "runtime/core/cpu_features.h"
#include "sepconv/kernel_registry.h"
#include "sepconv/layer.h"
#include "tests/kernels/row_check.h"

namespace sepconv {
namespace {

class DispatchTest : public testing::Test {
 protected:
  DispatchTest() {
    use_kernels(test_layers::kernels());
    const KernelTable& table = test_layers::kernels();
    const std::string text = table.layers[0].problem;
    problem_ = problem_from_text(text);
    const std::string dynamic = to_text(with_dynamic_extents(problem_));
    for (std::size_t i = 0; i < table.row_count; ++i) {
      const KernelRow& row = table.rows[i];
      if (row.problem != text && row.problem != dynamic) continue;
      (cannot_run_here(row) ? lacking_ : running_).push_back(&row);
    }
  }

  ConvLayer layer() const { return {"conv", problem_, small_integers(problem_, 1, 1).weights}; }
  static std::size_t count(const std::string& text, const std::string& word) {
    std::size_t found = 0;
    for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++found;
    return found;
  }

  ConvProblem problem_;
  std::vector<const KernelRow*> running_, lacking_;  // rows that serve the problem
};

TEST_F(DispatchTest, TakesTheStaticRowOfTheHighestRankThatRuns) {
  ASSERT_GE(running_.size(), 2u);
  std::set<std::string> targets;
  const KernelTable& table = test_layers::kernels();
  for (std::size_t i = 0; i < table.row_count; ++i)
    if (table.rows[i].problem == to_text(problem_)) targets.insert(table.rows[i].target);
  EXPECT_EQ(running_.size() + lacking_.size(), 2 * targets.size()) << "static and dynamic";
  std::int32_t rank = 0;
  for (const KernelRow* row : running_) rank = std::max(rank, row->rank);
  const KernelRow* taken = layer().kernel();
  ASSERT_NE(taken, nullptr);
  EXPECT_EQ(taken->rank, rank);
  EXPECT_EQ(taken->problem, to_text(problem_));
}

TEST_F(DispatchTest, CanBeForcedToEachRowAndTarget) {
  for (const KernelRow* row : running_) {
    ConvLayer by_symbol = layer();
    by_symbol.force_row(row->symbol);
    EXPECT_EQ(by_symbol.kernel(), row);
    ConvLayer by_target = layer();
    by_target.force_row(row->target);
    EXPECT_STREQ(by_target.kernel()->target, row->target);
    const auto fault = fault_of(*row, problem_, {});
    EXPECT_FALSE(fault) << *fault;
  }
}

TEST_F(DispatchTest, WhyNotHasALineForEveryRow) {
  const std::string text = layer().why_not();
  EXPECT_EQ(count(text, "\n"), all_rows().size());
  EXPECT_EQ(count(text, "taken: "), 1u);
  EXPECT_NE(text.find(std::string("taken: ") + layer().kernel()->symbol), std::string::npos);
  EXPECT_EQ(count(text, "lower rank") + count(text, "dynamic extents, where"), running_.size() - 1);
  EXPECT_EQ(count(text, "operating system lacks"), lacking_.size());
  EXPECT_EQ(count(text, "made for another problem"), all_rows().size() - running_.size() - lacking_.size());
}

TEST_F(DispatchTest, RefusesATargetThatTheCpuLacks) {
  // On a CPU that has everything, only a feature that no CPU has is lacking.
  static KernelRow impossible;
  impossible = *running_.front();
  impossible.symbol = "row_of_a_later_cpu";
  impossible.target = "x86-64-later";
  impossible.rank = 1000;
  impossible.required_features |= std::uint64_t{1} << 40;
  static const KernelTable table = {"later", &impossible, 1, nullptr, 0};
  use_kernels(table);
  lacking_.push_back(&impossible);
  for (const KernelRow* row : lacking_) {
    ConvLayer forced = layer();
    try {
      forced.force_row(row->target);
      ADD_FAILURE() << "took " << row->target;
    } catch (const std::invalid_argument& error) {
      EXPECT_NE(std::string(error.what()).find("lacks"), std::string::npos) << error.what();
    }
    EXPECT_NE(forced.kernel(), nullptr) << "a refused target leaves the layer as it was";
  }
  EXPECT_NE(layer().kernel(), &impossible);
}

TEST_F(DispatchTest, RefusesNamesThatItDoesNotKnow) {
  ConvLayer forced = layer();
  EXPECT_THROW(forced.force_row("x86-64-avx1024"), std::invalid_argument);
}

/// Runs where tests/kernels/CMakeLists.txt sets the variable: to a target of the library, and to one that nobody knows.
using WithSepconvTarget = DispatchTest;

TEST_F(WithSepconvTarget, ALayerTakesItsKernelOrNone) {
  const char* variable = std::getenv("SEPCONV_TARGET");
  if (variable == nullptr) GTEST_SKIP() << "SEPCONV_TARGET is not set";
  const std::string target = variable;
  EXPECT_NE(layer().why_not().find("restricted by SEPCONV_TARGET=" + target), std::string::npos) << layer().why_not();
  const bool runs =
      std::any_of(running_.begin(), running_.end(), [&](const KernelRow* row) { return row->target == target; });
  const KernelRow* kernel = layer().kernel();
  ASSERT_EQ(kernel != nullptr, runs);
  if (runs) {
    EXPECT_EQ(kernel->target, target);
  }
}

TEST_F(DispatchTest, ADynamicRowServesExtentsThatNobodyCompiled) {
  ConvProblem other = problem_;
  other.IW += 2;
  const ConvLayer conv("conv", other, small_integers(other, 1, 1).weights);
  ASSERT_NE(conv.kernel(), nullptr);
  EXPECT_EQ(conv.kernel()->problem, to_text(with_dynamic_extents(problem_)));
}

}  // namespace
}  // namespace sepconv
