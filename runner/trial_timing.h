#pragma once
// How trials are timed: in alternation with a yardstick, until the interval of the median is tight.

#include <functional>
#include <span>
#include <vector>

namespace sepconv::runner {

/// The median of samples and how well it is known.
struct MedianInterval {
  double median = 0;
  double min = 0;
  /// Half the 95% confidence interval of the median, over the median. The interval lies between two of the sorted
  /// samples, whatever their distribution; of fewer than six samples, for which there is none, all of their range.
  double spread = 0;
};

/// @throws std::invalid_argument for no samples.
MedianInterval median_interval(std::vector<double> samples);

struct AlternationOptions {
  double seconds = 0.05;        // least time for each call
  double max_seconds = 0.4;     // most
  double spread = 0.01;         // enough
  double give_up_ratio = 2;     // times the yardstick's time after which a call is not timed further
  bool yardstick = true;        // the first call is one
  std::size_t evict_bytes = 0;  // cold: this much memory is written before each single call; 0 = not asked for
  std::function<double()> now;  // seconds since any fixed time; empty: the machine's steady clock
};

struct AlternatedTiming {
  MedianInterval time;  // seconds of a call, warm caches
  int samples = 0;
  double yardstick_seconds = 0;  // median of the yardstick's samples of the same rounds; 0 without one
  double cold_seconds = 0;       // median; 0 when not asked for or given up
  bool gave_up = false;
  double ratio = 0;  // of the fastest measurements of the call and of the yardstick; 0 without one
};

/// Times the calls in turn, round after round; the yardstick in each round that another is timed in. A sample is
/// preceded by a call that warms the caches, repeats short calls until about a millisecond has passed, and is divided
/// by the repeats.
/// @param enter  is told the index of each call before it is made.
std::vector<AlternatedTiming> time_in_alternation(std::span<const std::function<void()>> calls,
                                                  const AlternationOptions& options,
                                                  const std::function<void(int)>& enter);

/// Twice the last-level cache of this machine, at least 16 MiB and at most 256.
std::size_t evict_bytes();

}  // namespace sepconv::runner
