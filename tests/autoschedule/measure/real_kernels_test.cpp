// Trials of kernels that the real generator makes. A test of how a kernel runs takes the best target of this CPU; a
// test of what is refused names its target.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "autoschedule/measure/local_executor.h"
#include "generators/spec/gpu_schedule.h"
#include "runtime/core/cpu_features.h"
#include "tests/compile/test_environment.h"

namespace sepconv::test {

using namespace generators;
using namespace autoschedule;

namespace {

constexpr const char* kSeparable = "f32_nhwc_i9x9x24.dw_k3x3_p1x1x1x1.conv_o32_k1x1.bias.relu";
constexpr const char* kSeparable1D = "f32_nhwc_i1x49x24.dw_k1x5_s2x1_p0x0x2x2_m2.bias.relu.conv_o32_k1x1.bias";
constexpr const char* kSeparableNchw = "f32_nchw_i9x9x24.dw_k3x3_p1x1x1x1.conv_o32_k1x1.bias.relu";
constexpr const char* kDepthwise = "f32_nhwc_i11x11x24.dw_k3x3_s2x2_p0x1x0x1.bias.relu";
constexpr const char* kMultiplier = "f32_nhwc_i11x11x32.dw_k3x3_d2x2_p2x2x2x2_m2.bias";
constexpr const char* kPointwise = "f32_nhwc_i8x8x24.conv_o32_k1x1.bias.relu";
constexpr const char* kPointwiseStrided = "f32_nhwc_i9x9x24.conv_o32_k1x1_s2x2.bias.relu";
constexpr const char* kHalf = "f16_nhwc_i9x9x24.dw_k3x3_p1x1x1x1.conv_o32_k1x1.bias.sigmoid";
constexpr const char* kDouble = "f64_nhwc_i9x9x24.dw_k3x3_p1x1x1x1.bias.relu";
constexpr const char* kSoftmax = "f32_nhwc_i8x8x24.conv_o32_k1x1.bias.softmax";
constexpr const char* kDynamic = "f32_nhwc_i?x?x24.dw_k3x3_p?x?x?x?.conv_o32_k1x1.bias.relu";

Candidate rule(const std::string& problem, const Target& target) {
  return {problem, target.name, to_text(default_schedule(lower(problem_from_text(problem), target)))};
}

bool runs_here(const Target& target) { return (target.required_features & ~detected_cpu_features()) == 0; }

/// The target with the highest rank of those that run here.
const Target& best_target() {
  const Target* best = nullptr;
  for (const Target& target : native_cpu_targets())
    if (runs_here(target) && (best == nullptr || target.rank > best->rank)) best = &target;
  return *best;
}

class RealKernels : public testing::Test {
 protected:
  RealKernels() : executor_(options(folder_.path())) {}

  static LocalOptions options(const std::filesystem::path& folder) {
    LocalOptions options;
    options.generator = GENERATOR_PROGRAM;
    options.runner = {RUNNER_PROGRAM};
    options.work = folder;
    return options;
  }

  static TrialTask task(std::vector<Candidate> candidates) {
    TrialTask task;
    task.candidates = std::move(candidates);
    task.timing.seconds = task.timing.max_seconds = 0.002;
    task.timing.give_up_ratio = 1e9;
    return task;
  }

  std::vector<Trial> run(const std::vector<TrialTask>& tasks) {
    std::vector<Trial> all;
    executor_.run(tasks, [&](std::size_t, const std::vector<Trial>& trials) {
      all.insert(all.end(), trials.begin(), trials.end());
    });
    return all;
  }

  TempDir folder_;
  LocalExecutor executor_;
};

TEST_F(RealKernels, AreRightOnEachTargetThatRunsHere) {
  std::vector<TrialTask> tasks;
  std::size_t ran = 0;
  for (const Target& target : native_cpu_targets()) {
    tasks.push_back(task({rule(kSeparable, target), rule(kSeparable, target)}));
    ran += runs_here(target) ? 2 : 0;
  }
  EXPECT_GT(ran, 0u);
  std::size_t good = 0;
  for (const Trial& trial : run(tasks)) {
    const bool here = runs_here(target_from_name(trial.candidate.target));
    EXPECT_EQ(trial.status, here ? TrialStatus::ok : TrialStatus::not_run)
        << trial.candidate.target << ": " << to_text(trial.status) << ": " << trial.message;
    if (!here) continue;
    ++good;
    EXPECT_GT(trial.limit, 0);
    EXPECT_LE(trial.max_error, trial.limit);
    EXPECT_GT(trial.seconds, 0);
    EXPECT_GT(trial.yardstick_seconds, 0);
    EXPECT_GT(trial.build_seconds, 0);
  }
  EXPECT_EQ(good, ran);
}

TEST_F(RealKernels, OfEveryKindAreRight) {
  std::vector<TrialTask> tasks;
  for (const char* problem :
       {kSeparable1D, kSeparableNchw, kMultiplier, kPointwiseStrided, kHalf, kDouble, kSoftmax, kDynamic})
    tasks.push_back(task({rule(problem, best_target())}));
  for (const Trial& trial : run(tasks))
    EXPECT_EQ(trial.status, TrialStatus::ok) << trial.candidate.problem << ": " << trial.message;
}

TEST_F(RealKernels, RunWithThreads) {
  TrialTask threads = task({rule(kSeparable, best_target())});
  threads.timing.threads = 2;
  EXPECT_EQ(run({threads}).front().status, TrialStatus::ok);
}

TEST_F(RealKernels, SayWhyAScheduleIsRefused) {
  Candidate bad = rule(kSeparable, best_target());
  bad.schedule.replace(bad.schedule.find("mr"), 3, "mr9999_was");
  const std::vector<Trial> trials = run({task({rule(kSeparable, best_target()), bad})});
  EXPECT_EQ(trials[0].status, TrialStatus::ok) << trials[0].message;
  EXPECT_EQ(trials[1].status, TrialStatus::build_failed);
  EXPECT_NE(trials[1].message.find("mr9999"), std::string::npos) << trials[1].message;
}

TEST_F(RealKernels, OfHalidesAutoschedulersAreRight) {
  std::vector<TrialTask> tasks;
  for (const char* problem : {kSeparable, kSeparable1D, kSeparableNchw, kDepthwise, kMultiplier, kPointwise,
                              kPointwiseStrided, kHalf, kDouble, kSoftmax}) {
    TrialTask compared = task({rule(problem, best_target())});
    for (const char* autoscheduler : {"halide-mullapudi2016", "halide-adams2019_b1"})
      compared.candidates.push_back({problem, best_target().name, autoscheduler});
    tasks.push_back(compared);
  }
  for (const Trial& trial : run(tasks))
    EXPECT_EQ(trial.status, TrialStatus::ok)
        << trial.candidate.schedule << " " << trial.candidate.problem << ": " << trial.message;
}

TEST_F(RealKernels, OfHalidesAutoschedulersHaveTheirLimits) {
  // Named, not the best of this machine: what an autoscheduler refuses depends on the target's vectors. None is run.
  const std::string target = "x86-64-avx2";
  const auto refused = [&](const Candidate& candidate, const std::string& why) {
    const Trial trial = run({task({candidate})}).front();
    EXPECT_EQ(trial.status, TrialStatus::build_failed) << candidate.schedule;
    EXPECT_NE(trial.message.find(why), std::string::npos) << trial.message;
  };
  refused({kDynamic, target, "halide-mullapudi2016"}, "static extents");
  // A part of a vector at the image's edge, which our kernels' layout does not allow.
  refused({"f32_nhwc_i11x11x12.dw_k3x3_d2x2_p2x2x2x2_m2.bias", target, "halide-adams2019_b1"},
          "guaranteed to fail an assertion");
  refused({kSeparable, target, "halide-anderson2021"}, "does not schedule for " + target);
  refused({kSeparable, "cuda-sm80", "halide-adams2019"}, "does not schedule for cuda-sm80");
  for (const char* text : {"halide-li2018", "halide-", "halide-adams2019_p0", "halide-adams2019_b4_p8",
                           "halide-mullapudi2016_b4", "halide-adams2019x"})
    refused({kSeparable, target, text}, "expected halide-mullapudi2016");
}

TEST_F(RealKernels, ForGpusAreBuiltButNotRunOnACpu) {
  for (const char* schedule : {"", "halide-anderson2021_b1"}) {
    Candidate candidate = rule(kDepthwise, target_from_name("cuda-sm80"));
    if (*schedule != '\0') candidate.schedule = schedule;
    const Trial trial = run({task({candidate})}).front();
    EXPECT_EQ(trial.status, TrialStatus::not_run) << to_text(trial.status) << ": " << trial.message;
    EXPECT_GT(trial.build_seconds, 0);
  }
}

}  // namespace
}  // namespace sepconv::test
