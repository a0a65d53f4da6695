#include <optional>

#include "sepconv/load_layers.h"
#include "sepconv/plan.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/stage_lists.h"

namespace sepconv::fuzz {
namespace {

using namespace sepconv::test;

/// What the file asks the library to compute with, which must not decide the memory or the time of a run: random
/// weights of a layer without weights are as large as its window says.
constexpr double kMostElements = 1 << 22;

bool is_small(const Plan& plan) {
  double elements = 0;
  for (const PlannedLayer& layer : plan.layers) {
    const ConvProblem& p = layer.problem;
    elements += 1.0 * p.IC * p.stages[0].depth_multiplier * window(p).KH * window(p).KW +
                1.0 * p.IC * p.stages[0].depth_multiplier * p.OC();
  }
  return elements < kMostElements;
}

}  // namespace

void read_model(const std::filesystem::path& path) {
  std::optional<Plan> plan;
  read_or_refuse([&] { plan = plan_file(path); });
  PlanOptions apart;
  apart.fold = apart.join = false;
  read_or_refuse([&] { plan_file(path, apart); });
  PlanOptions shaped;
  shaped.input_shape = {32, 24, 3};
  if (plan && !plan->skipped.empty()) shaped.layer_shapes = {{plan->skipped.front().name, {8, 8, 4}}};
  read_or_refuse([&] { plan_file(path, shaped); });
  if (plan && is_small(*plan)) read_or_refuse([&] { load_layers(path); });
  read_or_refuse([&] { save_model_weights(path, scratch_folder() / "saved.weights.h5"); });
}

}  // namespace sepconv::fuzz
