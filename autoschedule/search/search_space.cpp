#include "autoschedule/search/search_space.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "autoschedule/search/knobs.h"

namespace sepconv::autoschedule {
namespace {

constexpr int kTries = 200;  // before a random draw falls back on what it has

std::size_t nearest_index(const std::vector<int>& values, int wanted) {
  const auto nearer = [wanted](int a, int b) { return std::abs(a - wanted) < std::abs(b - wanted); };
  return static_cast<std::size_t>(std::min_element(values.begin(), values.end(), nearer) - values.begin());
}

}  // namespace

SearchSpace::SearchSpace(const ConvProblem& problem, const generators::Target& target)
    : problem_(problem), lowering_(lower(problem, target)), rule_(default_schedule(lowering_)) {
  for (const Knob& knob : knobs(rule_)) {
    std::vector<int> values = knob_values(knob, lowering_);
    const auto at = std::lower_bound(values.begin(), values.end(), knob.value());
    if (at == values.end() || *at != knob.value()) values.insert(at, knob.value());
    if (values.size() > 1) free_.push_back(values_.size());
    values_.push_back(std::move(values));
  }
}

bool SearchSpace::legal(const generators::Schedule& schedule) const {
  return schedule.index() == rule_.index() && !reject_reason(schedule, lowering_);
}

bool SearchSpace::accept(generators::Schedule& schedule) const {
  settle(schedule, lowering_);
  return legal(schedule);
}

generators::Schedule SearchSpace::random(Random& random) const {
  for (int i = 0; i < kTries; ++i) {
    generators::Schedule schedule = rule_;
    const auto fields = knobs(schedule);
    for (std::size_t k = 0; k < fields.size(); ++k) fields[k].set(values_[k][random.below(values_[k].size())]);
    if (accept(schedule)) return schedule;
  }
  return rule_;
}

generators::Schedule SearchSpace::mutated(const generators::Schedule& from, Random& random) const {
  const std::string before = to_text(from);
  for (int i = 0; i < kTries; ++i) {
    generators::Schedule schedule = from;
    const auto fields = knobs(schedule);
    const std::size_t changes = 1 + (random.chance(0.4) ? 1 : 0) + (random.chance(0.15) ? 1 : 0);
    for (std::size_t change = 0; change < changes; ++change) {
      const std::size_t k = free_.empty() ? 0 : free_[random.below(free_.size())];
      const std::vector<int>& values = values_[k];
      if (random.chance(0.6)) {
        const std::size_t at = nearest_index(values, fields[k].value()), step = 1 + random.below(2);
        const bool up = random.chance(0.5);
        fields[k].set(values[up ? std::min(at + step, values.size() - 1) : at - std::min(at, step)]);
      } else {
        fields[k].set(values[random.below(values.size())]);
      }
    }
    if (accept(schedule) && to_text(schedule) != before) return schedule;
  }
  return from;
}

generators::Schedule SearchSpace::crossed(const generators::Schedule& a, const generators::Schedule& b,
                                          Random& random) const {
  generators::Schedule other = b;
  const auto other_fields = knobs(other);
  for (int i = 0; i < kTries; ++i) {
    generators::Schedule schedule = a;
    const auto fields = knobs(schedule);
    for (std::size_t k = 0; k < fields.size(); ++k)
      if (random.chance(0.5)) fields[k].set(other_fields[k].value());
    if (accept(schedule)) return schedule;
  }
  return a;
}

generators::Schedule SearchSpace::adapted(const generators::Schedule& other) const {
  generators::Schedule from = other, schedule = rule_;
  if (from.index() != rule_.index()) return rule_;
  const auto fields = knobs(schedule);
  for (const Knob& given : knobs(from))
    for (std::size_t k = 0; k < fields.size(); ++k)
      if (fields[k].name == given.name) fields[k].set(values_[k][nearest_index(values_[k], given.value())]);
  return accept(schedule) ? schedule : rule_;
}

std::vector<generators::Schedule> SearchSpace::neighbours(const generators::Schedule& from) const {
  std::vector<generators::Schedule> result;
  for (std::size_t k = 0; k < values_.size(); ++k)
    for (int value : values_[k]) {
      generators::Schedule schedule = from;
      const auto fields = knobs(schedule);
      if (value == fields[k].value()) continue;
      fields[k].set(value);
      if (accept(schedule)) result.push_back(std::move(schedule));
    }
  return result;
}

double SearchSpace::size() const {
  double product = 1;
  for (const auto& values : values_) product *= static_cast<double>(values.size());
  return product;
}

}  // namespace sepconv::autoschedule
