#include "tests/autoschedule/report/plausible_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <random>
#include <set>

#include "generators/spec/gpu_schedule.h"
#include "tests/stage_lists.h"

namespace sepconv::test {

using namespace generators;
using namespace autoschedule;

namespace {

struct Shape {
  int size, in, out, stride;
};
constexpr std::array<Shape, 13> kMobileNet = {{{112, 32, 64, 1},
                                               {112, 64, 128, 2},
                                               {56, 128, 128, 1},
                                               {56, 128, 256, 2},
                                               {28, 256, 256, 1},
                                               {28, 256, 512, 2},
                                               {14, 512, 512, 1},
                                               {14, 512, 512, 1},
                                               {14, 512, 512, 1},
                                               {14, 512, 512, 1},
                                               {14, 512, 512, 1},
                                               {14, 512, 1024, 2},
                                               {7, 1024, 1024, 1}}};

class Maker {
 public:
  Maker(std::size_t trials, std::uint64_t seed) : trials_(trials), random_(seed) {
    context_.machine = "AMD EPYC 7B13, 2 cores, AVX2, FMA, F16C, governor performance";
    context_.versions = {
        {"generator", "5f1d8c0a93e27b46"}, {"halide", "21.0.0"}, {"schedule", "2"}, {"sepconv", "0.1.0"}};
  }

  void layer(const ConvProblem& problem) {
    problem_ = problem;
    rule_ = default_cpu_schedule(lower(problem, target_));
    rule_seconds_ = problem.flops() / (1e9 * uniform(22, 38));
    reachable_ = uniform(0.72, 0.97);
    std::vector<std::pair<double, std::string>> best;
    std::set<std::string> seen;
    for (const char* halide : {"halide-mullapudi2016", "halide-adams2019"}) {
      TrialRecord record = timed(halide, "halide", uniform(1.6, 5));
      if (uniform(0, 1) < 0.15) fail(record, TrialStatus::build_timeout, "stopped after 120 s");
      records.push_back(record);
      if (record.trial.status == TrialStatus::ok) best_halide_ = {record.trial.ratio(), halide};
    }
    for (std::size_t i = 0; i < trials_; ++i) {
      const std::string schedule = mutated(seen);
      const double progress = static_cast<double>(i) / static_cast<double>(trials_);
      TrialRecord record =
          timed(schedule, i < trials_ / 3 ? "random" : "mutation",
                reachable_ + 0.16 * std::exp(-5 * progress) + std::abs(normal(0, 0.25)) * (1.2 - progress));
      if (uniform(0, 1) < 1.0 / 12) fail_somehow(record);
      if (record.trial.status == TrialStatus::ok) best.push_back({record.trial.ratio(), schedule});
      records.push_back(record);
    }
    final_round(std::move(best));
  }

  std::vector<TrialRecord> records;

 private:
  double uniform(double low, double high) { return std::uniform_real_distribution<>(low, high)(random_); }
  double normal(double mean, double deviation) { return std::normal_distribution<>(mean, deviation)(random_); }
  int pick(std::initializer_list<int> values) {
    return values.begin()[std::uniform_int_distribution<std::size_t>(0, values.size() - 1)(random_)];
  }

  /// A legal schedule that was not tried yet; the rule's where chance finds none.
  std::string mutated(std::set<std::string>& seen) {
    for (int tries = 0; tries < 500; ++tries) {
      CpuSchedule s = rule_;
      s.block.oh_block = pick({1, 2, 4, 7, 8, 14});
      if (s.depthwise) s.depthwise->ow_tile = pick({1, 2, 3, 4, 6});
      if (s.depthwise) s.depthwise->c_tile = pick({8, 16, 32});
      if (s.pointwise) s.pointwise->mr = pick({2, 3, 4, 5, 6});
      if (s.pointwise) s.pointwise->nr = pick({8, 16, 24});
      if (s.pointwise) s.pointwise->k_unroll = pick({1, 2, 4});
      if (reject_reason(s, lower(problem_, target_)) || !seen.insert(to_text(s)).second) continue;
      return to_text(s);
    }
    return to_text(rule_);
  }

  TrialRecord timed(const std::string& schedule, const char* origin, double ratio) {
    TrialRecord record;
    Trial& t = record.trial;
    t.candidate = {to_text(problem_), target_.name, schedule};
    t.status = TrialStatus::ok;
    t.yardstick_seconds = rule_seconds_ * uniform(0.99, 1.01);
    t.seconds = t.yardstick_seconds * ratio;
    t.seconds_min = 0.98 * t.seconds;
    t.spread = uniform(0.002, 0.01);
    t.samples = 64;
    t.max_error = 1e-7;
    t.limit = 1e-5;
    t.build_seconds = uniform(0.6, 2);
    record.context = context_;
    record.origin = origin;
    record.unix_time = now_ += uniform(0.3, 1.2);
    return record;
  }

  void fail(TrialRecord& record, TrialStatus status, const std::string& message) {
    Trial failed;
    failed.candidate = record.trial.candidate;
    failed.status = status;
    failed.message = message;
    record.trial = failed;
  }

  void fail_somehow(TrialRecord& record) {
    switch (pick({0, 0, 1, 2, 2, 3, 4, 5, 6})) {
      case 0:
        return fail(record, TrialStatus::wrong_value,
                    fmt::format("output[0,{},3,17]: got 0.4817, expected 0.4532, limit 1.1e-05", pick({0, 3, 9})));
      case 1: return fail(record, TrialStatus::run_crashed, "ended by signal 11 (Segmentation fault)");
      case 2: return fail(record, TrialStatus::build_timeout, "stopped after 60 s");
      case 3: return fail(record, TrialStatus::run_timeout, "stopped after 10 s; its yardstick takes 0.3 ms");
      case 4: return fail(record, TrialStatus::out_of_memory, "the generator needed more than 2 GiB");
      case 5: return fail(record, TrialStatus::build_crashed, "sepconv-generator: ended by signal 6 (Aborted)");
      default:
        return fail(
            record, TrialStatus::build_failed,
            "Error: In update 0 of sum, the loop over x cannot be vectorized because <unknown> & \"x\" is not pure");
    }
  }

  void final_round(std::vector<std::pair<double, std::string>> best) {
    std::sort(best.begin(), best.end());
    std::vector<TrialRecord> round = {timed(to_text(rule_), "final", 1)};
    round.front().trial.yardstick_seconds = round.front().trial.seconds;
    for (std::size_t i = 0; i < std::min<std::size_t>(4, best.size()); ++i)
      round.push_back(timed(best[i].second, "final", best[i].first * uniform(1, 1.08)));
    if (!best_halide_.second.empty()) round.push_back(timed(best_halide_.second, "final", best_halide_.first));
    ++batch_;
    for (TrialRecord& record : round) {
      record.kind = TrialKind::final_round;
      record.batch = batch_;
      records.push_back(record);
    }
  }

  std::size_t trials_;
  std::mt19937_64 random_;
  TrialContext context_;
  Target target_ = target_from_name("x86-64-avx2");
  ConvProblem problem_;
  CpuSchedule rule_;
  double rule_seconds_ = 0, reachable_ = 1, now_ = 1.7958e9;
  std::pair<double, std::string> best_halide_;
  std::int64_t batch_ = 0;
};

}  // namespace

std::vector<TrialRecord> plausible_records(std::size_t layers, std::size_t trials, std::uint64_t seed) {
  Maker maker(trials, seed);
  for (std::size_t i = 0; i < std::min(layers, kMobileNet.size()); ++i) {
    const Shape& shape = kMobileNet[i];
    if (i > 0 && shape.size == kMobileNet[i - 1].size && shape.in == kMobileNet[i - 1].in &&
        shape.out == kMobileNet[i - 1].out)
      continue;  // layers of one problem are tuned once
    ConvProblem p = problem_of(separable_stages());
    p.IH = p.IW = shape.size;
    p.IC = shape.in;
    p.stages.back().out_channels = shape.out;
    window(p).KH = window(p).KW = 3;
    window(p).stride_h = window(p).stride_w = shape.stride;
    window(p).pad_bottom = window(p).pad_right = 1;
    window(p).pad_top = window(p).pad_left = shape.stride == 1 ? 1 : 0;
    set_bias(middle(p), true), set_bias(output(p), true);
    set_activation(middle(p), activation_from_text("relu6"));
    set_activation(output(p), activation_from_text("relu6"));
    maker.layer(p);
  }
  return maker.records;
}

}  // namespace sepconv::test
