#include "runner/trial_timing.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <fstream>
#include <limits>
#include <stdexcept>
#include <string>

#include "runner/timing.h"

namespace sepconv::runner {
namespace {

constexpr double kSampleSeconds = 1e-3;
constexpr std::size_t kFirstSamples = 3;  // after which a slow call is given up
constexpr std::size_t kLeastSamples = 6;  // that have a 95% interval
constexpr std::size_t kColdSamples = 11;
constexpr double kHopelessRatio = 4;  // times give_up_ratio: not even samples are taken

/// How many of the sorted samples lie below the 95% interval of the median: the largest k for which fewer than k of n
/// fair coins come up heads with a probability of at most 2.5%.
std::size_t below_interval(std::size_t n) {
  double cumulative = 0;
  std::size_t k = 0;
  const double count = static_cast<double>(n);
  for (; k < n / 2; ++k) {
    const double heads = static_cast<double>(k);
    const double log_probability =
        std::lgamma(count + 1) - std::lgamma(heads + 1) - std::lgamma(count - heads + 1) - count * std::log(2.0);
    cumulative += std::exp(log_probability);
    if (cumulative > 0.025) break;
  }
  return k;
}

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

constexpr double kNever = std::numeric_limits<double>::infinity();

struct Case {
  long repeats = 1;
  double best = kNever;            // seconds of a call in the least disturbed of all measurements
  double spent = 0;                // warm samples
  std::vector<double> samples;     // seconds of a call
  std::vector<double> yardsticks;  // of the same rounds
  bool active = true, gave_up = false;
};

class Alternation {
 public:
  Alternation(std::span<const std::function<void()>> calls, const AlternationOptions& options,
              const std::function<void(int)>& enter)
      : calls_(calls),
        options_(options),
        now_(options.now ? options.now : steady_seconds),
        enter_(enter),
        cases_(calls.size()) {}

  std::vector<AlternatedTiming> time() {
    for (std::size_t i = 0; i < calls_.size(); ++i) calibrate(i);
    while (std::any_of(cases_.begin(), cases_.end(), [](const Case& c) { return c.active; })) round();
    std::vector<AlternatedTiming> timings;
    for (const Case& c : cases_) {
      AlternatedTiming timing;
      timing.time = median_interval(c.samples);
      timing.samples = static_cast<int>(c.samples.size());
      // The yardstick is sampled for as long as any other is.
      if (options_.yardstick) timing.yardstick_seconds = median(&c == &cases_.front() ? c.samples : c.yardsticks);
      timing.gave_up = c.gave_up;
      timing.ratio = options_.yardstick ? c.best / cases_[0].best : 0;
      timings.push_back(timing);
    }
    if (options_.evict_bytes != 0) time_cold(timings);
    return timings;
  }

 private:
  double seconds_of(std::size_t index, long repeats) {
    enter_(static_cast<int>(index));
    const double start = now_();
    for (long i = 0; i < repeats; ++i) calls_[index]();
    const double seconds = now_() - start;
    cases_[index].best = std::min(cases_[index].best, seconds / static_cast<double>(repeats));
    return seconds;
  }

  /// Repeats that fill a sample. A first long call (page faults, an emulator's translation) must not pass for the
  /// usual: what seems enough must be so twice.
  void calibrate(std::size_t index) {
    for (long& repeats = cases_[index].repeats;;) {
      double seconds = seconds_of(index, repeats);
      if (seconds >= kSampleSeconds) seconds = std::min(seconds, seconds_of(index, repeats));
      if (seconds >= kSampleSeconds) return;
      const double wanted = seconds > 0 ? 1.2 * kSampleSeconds / seconds : 2.0;
      repeats = static_cast<long>(std::ceil(static_cast<double>(repeats) * std::clamp(wanted, 1.2, 100.0)));
    }
  }

  double sample(std::size_t index) {
    Case& c = cases_[index];
    seconds_of(index, 1);  // brings back what the others have driven out of the caches
    const double seconds = seconds_of(index, c.repeats);
    c.spent += seconds;
    c.samples.push_back(seconds / static_cast<double>(c.repeats));
    return c.samples.back();
  }

  void round() {
    const double yardstick = options_.yardstick ? sample(0) : 0;
    for (std::size_t i = 0; i < cases_.size(); ++i) {
      Case& c = cases_[i];
      if (!c.active) continue;
      const bool is_yardstick = options_.yardstick && i == 0;
      if (is_hopeless(i))
        c.samples.push_back(c.best);
      else if (!is_yardstick)
        sample(i);
      if (options_.yardstick) c.yardsticks.push_back(yardstick);
      decide(i);
    }
  }

  /// Times as slow as the yardstick. Of the least disturbed measurements, since a disturbance makes anything slow.
  double ratio(std::size_t index) const { return cases_[index].best / cases_[0].best; }

  /// So slow that finding its repeats has told enough.
  bool is_hopeless(std::size_t index) const {
    return options_.yardstick && index != 0 && cases_[index].samples.empty() &&
           ratio(index) > kHopelessRatio * options_.give_up_ratio;
  }

  void decide(std::size_t index) {
    Case& c = cases_[index];
    const std::size_t count = c.samples.size();
    if (options_.yardstick && index != 0 && count <= kFirstSamples) {
      c.gave_up = ratio(index) > options_.give_up_ratio * (count == kFirstSamples ? 1 : kHopelessRatio);
      if (c.gave_up) c.active = false;
    }
    if (!c.active || count < kLeastSamples || c.spent < options_.seconds) return;
    // The interval is sorted out anew only now and then: sorting must not become what is measured.
    if (c.spent >= options_.max_seconds)
      c.active = false;
    else if (count % 4 == 0 || c.samples.back() > kSampleSeconds * 4)
      c.active = median_interval(c.samples).spread > options_.spread;
  }

  /// Single calls with their data out of the caches.
  void time_cold(std::vector<AlternatedTiming>& timings) {
    std::vector<std::byte> memory(options_.evict_bytes);
    std::vector<std::vector<double>> samples(calls_.size());
    constexpr std::size_t kLine = 64;
    for (std::size_t round = 0; round < kColdSamples; ++round)
      for (std::size_t i = 0; i < calls_.size(); ++i) {
        if (cases_[i].gave_up) continue;
        for (std::size_t at = 0; at < memory.size(); at += kLine)
          memory[at] = static_cast<std::byte>(std::to_integer<int>(memory[at]) + 1);
        asm volatile("" : : "r"(memory.data()) : "memory");
        samples[i].push_back(seconds_of(i, 1));
      }
    for (std::size_t i = 0; i < calls_.size(); ++i)
      if (!samples[i].empty()) timings[i].cold_seconds = median(samples[i]);
  }

  std::span<const std::function<void()>> calls_;
  const AlternationOptions& options_;
  const std::function<double()> now_;
  const std::function<void(int)>& enter_;
  std::vector<Case> cases_;
};

}  // namespace

MedianInterval median_interval(std::vector<double> samples) {
  MedianInterval interval;
  interval.median = median(samples);
  std::sort(samples.begin(), samples.end());
  interval.min = samples.front();
  const std::size_t below = samples.size() < kLeastSamples ? 0 : below_interval(samples.size()) - 1;
  const double low = samples[below], high = samples[samples.size() - 1 - below];
  interval.spread = interval.median > 0 ? (high - low) / 2 / interval.median : 0;
  return interval;
}

std::vector<AlternatedTiming> time_in_alternation(std::span<const std::function<void()>> calls,
                                                  const AlternationOptions& options,
                                                  const std::function<void(int)>& enter) {
  return Alternation(calls, options, enter).time();
}

std::size_t evict_bytes() {
  constexpr std::size_t kLeast = std::size_t{16} << 20, kMost = std::size_t{256} << 20;
  // In KiB, "32768K". Not sysconf, which counts the caches of all cores on some CPUs.
  std::size_t last_level = 0;
  for (const char* index : {"2", "3"}) {
    std::ifstream file(std::string("/sys/devices/system/cpu/cpu0/cache/index") + index + "/size");
    std::size_t kib = 0;
    if (file >> kib) last_level = std::max(last_level, kib << 10);
  }
  return std::clamp(2 * last_level, kLeast, kMost);
}

}  // namespace sepconv::runner
