#pragma once
// A small model on top of the analytical one: ridge regression from features to measured times.

#include <span>
#include <vector>

namespace sepconv::autoschedule {

class LearnedModel {
 public:
  /// @param seconds   measured; their logarithm is what is learned.
  /// @param group     the problem that each sample is of: only differences within a problem are learned.
  void add(std::vector<double> features, double seconds, int group);

  /// Solves again; call after adding. With fewer samples than kLeastSamples it keeps to the estimate.
  void fit();

  /// Grows with the time that is expected; comparable within a problem only.
  double score(std::span<const double> features) const;

  static constexpr std::size_t kLeastSamples = 48;

 private:
  struct Sample {
    std::vector<double> features;
    double log_seconds;
    int group;
  };
  std::vector<Sample> samples_;
  std::vector<double> scale_, weights_;  // empty: not fitted
};

}  // namespace sepconv::autoschedule
