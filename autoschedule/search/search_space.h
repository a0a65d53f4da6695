#pragma once
// The legal schedules of one problem on one target.

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "generators/spec/gpu_schedule.h"
#include "generators/spec/lowering.h"

namespace sepconv::autoschedule {

/// A generator of random numbers whose sequence is the same everywhere; the standard's distributions are not.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  /// 0 to count - 1.
  std::size_t below(std::size_t count) { return static_cast<std::size_t>(engine_() % count); }
  bool chance(double probability) { return static_cast<double>(engine_() >> 11) * 0x1p-53 < probability; }

 private:
  std::mt19937_64 engine_;
};

class SearchSpace {
 public:
  /// @throws std::invalid_argument when no schedule serves the problem on the target.
  SearchSpace(const ConvProblem& problem, const generators::Target& target);

  const ConvProblem& problem() const { return problem_; }
  const generators::Lowering& lowering() const { return lowering_; }
  const generators::Schedule& rule() const { return rule_; }

  /// Whether the search may try it: reject_reason has nothing against it.
  bool legal(const generators::Schedule& schedule) const;

  /// Each gives a legal schedule; `from` itself in the end, where nothing else was found.
  generators::Schedule random(Random& random) const;
  /// One to three fields of `from` have other values, mostly neighbouring ones.
  generators::Schedule mutated(const generators::Schedule& from, Random& random) const;
  /// Each field from one of the parents.
  generators::Schedule crossed(const generators::Schedule& a, const generators::Schedule& b, Random& random) const;
  /// A schedule of another problem, with each field moved to the nearest value that this problem has.
  generators::Schedule adapted(const generators::Schedule& other) const;

  /// Every schedule that differs from `from` in one field.
  std::vector<generators::Schedule> neighbours(const generators::Schedule& from) const;

  /// Product of the counts of values: an upper limit of the number of schedules.
  double size() const;

 private:
  /// Settles and checks; nothing when it is not legal.
  bool accept(generators::Schedule& schedule) const;

  ConvProblem problem_;
  generators::Lowering lowering_;
  generators::Schedule rule_;
  std::vector<std::size_t> free_;         // knobs with more than one value
  std::vector<std::vector<int>> values_;  // of each knob
};

}  // namespace sepconv::autoschedule
