#include "blocks.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <thread>
#include <utility>

#include "runner/compare.h"
#include "runner/layer_run.h"
#include "runner/reference.h"
#include "runner/seeded.h"
#include "sepconv/plan.h"

namespace demo {
namespace {

constexpr std::uint64_t kSeed = 1;

int reference_threads() { return static_cast<int>(std::max(1u, std::thread::hardware_concurrency())); }

std::vector<double> run_once(const sepconv::ConvLayer& layer, const std::vector<double>& input) {
  sepconv::runner::GuardedRun run = sepconv::runner::run_guarded(layer, sepconv::single_thread(), input,
                                                                 sepconv::runner::input_shape(layer.problem(), 1),
                                                                 sepconv::runner::output_shape(layer.problem(), 1));
  if (!run.fault.empty()) throw std::runtime_error(layer.name() + ": " + run.fault);
  return std::move(run.output);
}

}  // namespace

std::vector<CheckedBlock> checked_blocks(const std::filesystem::path& model, const std::string& target) {
  std::vector<CheckedBlock> blocks;
  for (sepconv::PlannedLayer& planned : sepconv::plan_file(model).layers) {
    if (!planned.has_weights) throw std::invalid_argument(model.string() + ": has no weights for " + planned.name);
    sepconv::ConvLayer layer(planned.name, planned.problem, std::move(planned.weights));
    if (!target.empty()) layer.force_kernel(target);
    if (!layer.kernel()) throw std::invalid_argument(layer.name() + ": no linked kernel serves it\n" + layer.why_not());
    CheckedBlock block{layer, sepconv::runner::real_input(layer.problem(), 1, kSeed)};
    const sepconv::runner::ReferenceOutput expected =
        sepconv::runner::reference_with_limits(layer.problem(), layer.weights(), 1, block.input, reference_threads());
    const sepconv::runner::Comparison result =
        sepconv::runner::compare(run_once(layer, block.input), expected.values, expected.limits);
    block.max_error = result.max_error;
    block.limit = result.limit;
    block.ok = result.ok;
    blocks.push_back(std::move(block));
  }
  if (blocks.empty()) throw std::invalid_argument(model.string() + ": has no layer that kernels are compiled for");
  return blocks;
}

ChainResult run_chain(const std::vector<CheckedBlock>& blocks) {
  ChainResult chain;
  std::vector<double> computed = blocks.front().input, exact = computed;
  std::vector<double> last;
  for (const CheckedBlock& block : blocks) {
    const sepconv::ConvProblem& problem = block.layer.problem();
    if (chain.blocks > 0 && sepconv::runner::input_shape(problem, 1) !=
                                sepconv::runner::output_shape(blocks[chain.blocks - 1].layer.problem(), 1))
      break;
    computed = run_once(block.layer, computed);
    // Double within a block; between blocks the reference rounds to the problem's type.
    last = sepconv::runner::reference(problem, block.layer.weights(), 1, exact, reference_threads());
    exact = last;
    if (chain.blocks++ == 0) chain.first = block.layer.name();
    chain.last = block.layer.name();
  }
  for (const double value : last) chain.max_output = std::max(chain.max_output, std::abs(value));
  const sepconv::runner::Comparison result = sepconv::runner::compare(computed, last, kChainLimit * chain.max_output);
  chain.max_error = result.max_error;
  chain.ok = result.ok;
  return chain;
}

}  // namespace demo
