#include "runner/timing.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <stdexcept>

namespace sepconv::runner {
namespace {

constexpr double kSampleSeconds = 1e-3;
constexpr int kMinSamples = 3;

double seconds_of(const std::function<void()>& call, long repeats) {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  for (long i = 0; i < repeats; ++i) call();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Repeats that fill a sample; the calls on the way also warm the caches up.
long repeats_for(const std::function<void()>& call) {
  for (long repeats = 1;;) {
    const double seconds = seconds_of(call, repeats);
    if (seconds >= kSampleSeconds) return repeats;
    const double wanted = seconds > 0 ? 1.2 * kSampleSeconds / seconds : 2.0;
    repeats = static_cast<long>(std::ceil(static_cast<double>(repeats) * std::clamp(wanted, 2.0, 100.0)));
  }
}

Timing timing_of(const std::vector<double>& samples, long repeats) {
  return {median(samples), *std::min_element(samples.begin(), samples.end()), static_cast<int>(samples.size()),
          repeats * static_cast<long>(samples.size())};
}

}  // namespace

std::vector<Timing> time_interleaved(std::span<const std::function<void()>> calls, double seconds) {
  struct Samples {
    long repeats;
    double spent = 0;
    std::vector<double> values;
  };
  std::vector<Samples> samples;
  for (const auto& call : calls) samples.push_back({repeats_for(call)});
  for (bool more = true; more;) {
    more = false;
    for (std::size_t i = 0; i < calls.size(); ++i) {
      Samples& s = samples[i];
      if (s.values.size() >= kMinSamples && s.spent >= seconds) continue;
      const double sample = seconds_of(calls[i], s.repeats);
      s.spent += sample;
      s.values.push_back(sample / static_cast<double>(s.repeats));
      more = true;
    }
  }
  std::vector<Timing> timings;
  for (const Samples& s : samples) timings.push_back(timing_of(s.values, s.repeats));
  return timings;
}

Timing time_alone(const std::function<void()>& call, double seconds) {
  constexpr double kShortest = 20e-6, kMostWarmUp = 0.03;
  constexpr long kMostWarmUpCalls = 20'000;
  constexpr std::size_t kFewestSamples = 5;
  call();
  const double warm_up = std::min(kMostWarmUp, seconds / 3);
  double spent = 0;
  long warm_calls = 0;
  for (; warm_calls < 2 || (spent < warm_up && warm_calls < kMostWarmUpCalls); ++warm_calls)
    spent += seconds_of(call, 1);
  const double expected = spent / static_cast<double>(warm_calls);
  const long repeats = expected > 0 ? std::max(1L, std::lround(std::ceil(kShortest / expected))) : 1000;
  std::vector<double> samples;
  for (double total = 0; total < seconds || samples.size() < kFewestSamples;) {
    const double sample = seconds_of(call, repeats);
    total += sample;
    samples.push_back(sample / static_cast<double>(repeats));
  }
  return timing_of(samples, repeats);
}

double median(std::vector<double> values) {
  if (values.empty()) throw std::invalid_argument("median: no values");
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

}  // namespace sepconv::runner
