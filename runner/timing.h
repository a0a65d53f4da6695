#pragma once
// How calls are timed: interleaved, so that a disturbance of the machine meets all of them alike.

#include <functional>
#include <span>
#include <vector>

namespace sepconv::runner {

struct Timing {
  double seconds_median = 0;  // of one call
  double seconds_min = 0;
  int samples = 0;
  long calls = 0;  // of all samples
};

/// Times each call in turn, round after round. A sample repeats a short call until about a millisecond has passed, and
/// is divided by the repeats. Caches stay warm.
/// @param seconds  for each call altogether; at least three samples are taken.
std::vector<Timing> time_interleaved(std::span<const std::function<void()>> calls, double seconds);

/// Times one call by itself, as adaptors of other libraries do (bench/peers): after a warm-up, samples until they add
/// up to `seconds` and there are five. A sample is one call, or as many as take 20 microseconds.
Timing time_alone(const std::function<void()>& call, double seconds);

/// The middle value; of an even number, the mean of the middle two.
/// @throws std::invalid_argument for no values.
double median(std::vector<double> values);

}  // namespace sepconv::runner
