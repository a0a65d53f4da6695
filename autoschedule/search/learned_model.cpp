#include "autoschedule/search/learned_model.h"

#include <cmath>
#include <map>
#include <numeric>

namespace sepconv::autoschedule {
namespace {

/// Solves the symmetric positive definite system a * x = b in place, by Cholesky's factors.
std::vector<double> solve(std::vector<std::vector<double>> a, std::vector<double> b) {
  const std::size_t n = b.size();
  for (std::size_t j = 0; j < n; ++j) {
    for (std::size_t k = 0; k < j; ++k) a[j][j] -= a[j][k] * a[j][k];
    a[j][j] = std::sqrt(a[j][j]);
    for (std::size_t i = j + 1; i < n; ++i) {
      for (std::size_t k = 0; k < j; ++k) a[i][j] -= a[i][k] * a[j][k];
      a[i][j] /= a[j][j];
    }
  }
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < i; ++k) b[i] -= a[i][k] * b[k];
    b[i] /= a[i][i];
  }
  for (std::size_t i = n; i-- > 0;) {
    for (std::size_t k = i + 1; k < n; ++k) b[i] -= a[k][i] * b[k];
    b[i] /= a[i][i];
  }
  return b;
}

}  // namespace

void LearnedModel::add(std::vector<double> features, double seconds, int group) {
  samples_.push_back({std::move(features), std::log(seconds), group});
}

void LearnedModel::fit() {
  weights_.clear();
  if (samples_.size() < kLeastSamples) return;
  const std::size_t n = samples_.front().features.size();
  struct Mean {
    std::vector<double> features;
    double log_seconds = 0, count = 0;
  };
  std::map<int, Mean> means;
  for (const Sample& s : samples_) {
    Mean& mean = means[s.group];
    mean.features.resize(n);
    for (std::size_t i = 0; i < n; ++i) mean.features[i] += s.features[i];
    mean.log_seconds += s.log_seconds;
    mean.count += 1;
  }
  for (auto& [group, mean] : means) {
    for (double& value : mean.features) value /= mean.count;
    mean.log_seconds /= mean.count;
  }
  std::vector<double> variance(n);
  for (const Sample& s : samples_)
    for (std::size_t i = 0; i < n; ++i) variance[i] += std::pow(s.features[i] - means[s.group].features[i], 2);
  scale_.assign(n, 0);
  for (std::size_t i = 0; i < n; ++i)
    if (variance[i] > 1e-12) scale_[i] = 1 / std::sqrt(variance[i] / static_cast<double>(samples_.size()));

  // What is left of the logarithm of the time when the estimate, the first feature, is taken off it.
  constexpr double kRidge = 0.02;  // of the samples' weight
  std::vector<std::vector<double>> normal(n, std::vector<double>(n));
  std::vector<double> right(n);
  for (const Sample& s : samples_) {
    const Mean& mean = means[s.group];
    std::vector<double> x(n);
    for (std::size_t i = 0; i < n; ++i) x[i] = (s.features[i] - mean.features[i]) * scale_[i];
    const double y = (s.log_seconds - mean.log_seconds) - (s.features[0] - mean.features[0]);
    for (std::size_t i = 0; i < n; ++i) {
      right[i] += x[i] * y;
      for (std::size_t j = 0; j <= i; ++j) normal[i][j] += x[i] * x[j];
    }
  }
  for (std::size_t i = 0; i < n; ++i) normal[i][i] += kRidge * static_cast<double>(samples_.size()) + 1e-9;
  weights_ = solve(std::move(normal), std::move(right));
}

double LearnedModel::score(std::span<const double> features) const {
  double score = features[0];
  for (std::size_t i = 0; i < weights_.size(); ++i) score += weights_[i] * scale_[i] * features[i];
  return score;
}

}  // namespace sepconv::autoschedule
