// Which of the real kernels a layer takes, how it can be told, and what it says about the others.

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
#include "tests/kernels/kernel_check.h"

namespace sepconv::test {

using namespace runner;

namespace {

class DispatchTest : public testing::Test {
 protected:
  DispatchTest() {
    use_kernels(test_layers::kernels());
    const KernelTable& table = test_layers::kernels();
    const std::string text = table.layers[0].problem;
    problem_ = problem_from_text(text);
    const std::string dynamic = to_text(with_dynamic_extents(problem_));
    for (std::size_t i = 0; i < table.kernel_count; ++i) {
      const CompiledKernel& kernel = table.kernels[i];
      if (kernel.problem != text && kernel.problem != dynamic) continue;
      (cannot_run_here(kernel) ? lacking_ : running_).push_back(&kernel);
    }
  }

  ConvLayer layer() const { return {"conv", problem_, small_integers(problem_, 1, 1).weights}; }
  static std::size_t count(const std::string& text, const std::string& word) {
    std::size_t found = 0;
    for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++found;
    return found;
  }

  ConvProblem problem_;
  std::vector<const CompiledKernel*> running_, lacking_;  // kernels that serve the problem
};

TEST_F(DispatchTest, TakesTheStaticKernelOfTheHighestRankThatRuns) {
  ASSERT_GE(running_.size(), 2u);
  std::set<std::string> targets;
  const KernelTable& table = test_layers::kernels();
  for (std::size_t i = 0; i < table.kernel_count; ++i)
    if (table.kernels[i].problem == to_text(problem_)) targets.insert(table.kernels[i].target);
  EXPECT_EQ(running_.size() + lacking_.size(), 2 * targets.size()) << "static and dynamic";
  std::int32_t rank = 0;
  for (const CompiledKernel* kernel : running_) rank = std::max(rank, kernel->rank);
  const CompiledKernel* taken = layer().kernel();
  ASSERT_NE(taken, nullptr);
  EXPECT_EQ(taken->rank, rank);
  EXPECT_EQ(taken->problem, to_text(problem_));
}

TEST_F(DispatchTest, CanBeForcedToEachRowAndTarget) {
  for (const CompiledKernel* kernel : running_) {
    ConvLayer by_symbol = layer();
    by_symbol.force_kernel(kernel->symbol);
    EXPECT_EQ(by_symbol.kernel(), kernel);
    ConvLayer by_target = layer();
    by_target.force_kernel(kernel->target);
    EXPECT_STREQ(by_target.kernel()->target, kernel->target);
    const auto fault = fault_of(*kernel, problem_, {});
    EXPECT_FALSE(fault) << *fault;
  }
}

TEST_F(DispatchTest, WhyNotHasALineForEveryKernel) {
  const std::string text = layer().why_not();
  EXPECT_EQ(count(text, "\n"), registered_kernels().size());
  EXPECT_EQ(count(text, "taken: "), 1u);
  EXPECT_NE(text.find(std::string("taken: ") + layer().kernel()->symbol), std::string::npos);
  EXPECT_EQ(count(text, "lower rank") + count(text, "dynamic extents;"), running_.size() - 1);
  EXPECT_EQ(count(text, "operating system lacks"), lacking_.size());
  EXPECT_EQ(count(text, "made for another problem"), registered_kernels().size() - running_.size() - lacking_.size());
}

TEST_F(DispatchTest, RefusesATargetThatTheCpuLacks) {
  // On a CPU that has everything, only a feature that no CPU has is lacking.
  static CompiledKernel impossible;
  impossible = *running_.front();
  impossible.symbol = "row_of_a_later_cpu";
  impossible.target = "x86-64-later";
  impossible.rank = 1000;
  impossible.required_features |= std::uint64_t{1} << 40;
  static const KernelTable table = {"later", &impossible, 1, nullptr, 0};
  use_kernels(table);
  lacking_.push_back(&impossible);
  for (const CompiledKernel* kernel : lacking_) {
    ConvLayer forced = layer();
    try {
      forced.force_kernel(kernel->target);
      ADD_FAILURE() << "took " << kernel->target;
    } catch (const std::invalid_argument& error) {
      EXPECT_NE(std::string(error.what()).find("lacks"), std::string::npos) << error.what();
    }
    EXPECT_NE(forced.kernel(), nullptr) << "a refused target leaves the layer as it was";
  }
  EXPECT_NE(layer().kernel(), &impossible);
}

TEST_F(DispatchTest, RefusesNamesThatItDoesNotKnow) {
  ConvLayer forced = layer();
  EXPECT_THROW(forced.force_kernel("x86-64-avx1024"), std::invalid_argument);
}

/// Runs where tests/kernels/CMakeLists.txt sets the variable: to a target of the library, and to one that nobody knows.
using WithSepconvTarget = DispatchTest;

TEST_F(WithSepconvTarget, ALayerTakesItsKernelOrNone) {
  const char* variable = std::getenv("SEPCONV_TARGET");
  if (variable == nullptr) GTEST_SKIP() << "SEPCONV_TARGET is not set";
  const std::string target = variable;
  EXPECT_NE(layer().why_not().find("restricted by SEPCONV_TARGET=" + target), std::string::npos) << layer().why_not();
  const bool runs = std::any_of(running_.begin(), running_.end(),
                                [&](const CompiledKernel* kernel) { return kernel->target == target; });
  const CompiledKernel* kernel = layer().kernel();
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
}  // namespace sepconv::test
