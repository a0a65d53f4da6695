#pragma once
// What one stage of a problem means, in double, and how far a kernel may be from it: a part of the reference.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "runner/reference.h"

namespace sepconv::runner {

/// Whether values are rounded where a 16-bit kernel stores them, or only the limits know of it.
enum class Storage { exact, rounded };

/// A sum, and what the steps behind it make of it.
struct Sum {
  double value = 0;
  double magnitude = 0;       // of its terms, each as large as the accumulator's rounding errors in it make it
  double stored = 0;          // what roundings to a 16-bit type may do to it, at most
  double stored_squared = 0;  // the sum of their squares
};

/// Roundings are independent, and five times their root mean square is far beyond what their sum reaches.
inline double storage_error(const Sum& sum) { return std::min(sum.stored, 5 * std::sqrt(sum.stored_squared)); }

/// A stage's weights and the constants of its steps, those that have one in their order: in the problem's type, as
/// doubles.
struct StageValues {
  std::vector<double> weights;
  std::vector<std::vector<double>> constants;
};

/// Where an element of an image is.
struct Position {
  std::int64_t h, w, c;
};

/// Where element (h, w, c) of image `n` lies.
inline std::int64_t index_of(Layout layout, const Extents& e, std::int64_t n, std::int64_t h, std::int64_t w,
                             std::int64_t c) {
  return layout == Layout::nhwc ? ((n * e.H + h) * e.W + w) * e.C + c : ((n * e.C + c) * e.H + h) * e.W + w;
}

/// The operands of one image.
struct ImageOperands {
  const ConvProblem* problem;
  const Operands* all;
  std::int64_t n;

  double at(std::size_t number, Broadcast broadcast, const Extents& e, const Position& at) const {
    const bool channels = broadcast == Broadcast::channels, pixels = broadcast == Broadcast::pixels;
    const Extents own{channels ? 1 : e.H, channels ? 1 : e.W, pixels ? 1 : e.C};
    const auto index = index_of(problem->layout, own, n, channels ? 0 : at.h, channels ? 0 : at.w, pixels ? 0 : at.c);
    return round_to(problem->dtype, (*all)[number][static_cast<std::size_t>(index)]);
  }
};

/// The sums of an image, [H, W, C] whatever the problem's layout.
struct SumImage {
  Extents extents;
  std::vector<Sum> sums;
  const Sum* at(std::int64_t h, std::int64_t w) const { return &sums[(h * extents.W + w) * extents.C]; }
  Sum* at(std::int64_t h, std::int64_t w) { return &sums[(h * extents.W + w) * extents.C]; }
};

/// One stage of a problem without an activation along an axis, by the indices of its definition.
class StageEvaluator {
 public:
  /// @param terms  roundings behind each of the stage's inputs
  StageEvaluator(const ConvProblem& problem, std::size_t index, const StageValues& values,
                 const ImageOperands& operands, Storage storage, double terms);

  double terms() const { return terms_; }

  /// The sums of output row `oh`, without the epilogue.
  void row(const SumImage& in, std::int64_t oh, SumImage& out) const;

  /// What the next stage reads, of the sum at that place.
  Sum finished(const Sum& sum, const Position& at) const;

  /// What the last stage stores at `index`, of the sum at that place.
  void store(const Sum& sum, const Position& at, std::int64_t index, ReferenceOutput& out) const;

 private:
  double taps() const { return static_cast<double>(stage_.window.KH) * stage_.window.KW; }
  /// Terms of a sum.
  double products() const;
  /// Steps that round once.
  std::ptrdiff_t rounded_steps() const;
  /// What `terms` roundings of the accumulator may do to a sum.
  double rounding(double terms) const { return 4 * eps_ * std::sqrt(terms); }

  Sum activated(const Sum& sum, const Activation& activation) const;
  Sum stepped(Sum sum, const Position& at, std::size_t count) const;
  void round_stored(Sum& sum, double error) const;

  /// Calls f(input pixel, tap) for the taps that lie inside the image.
  template <class F>
  void each_tap(const SumImage& in, std::int64_t oh, std::int64_t ow, F&& f) const;

  // The sums of one pixel.
  void depthwise(const SumImage& in, std::int64_t oh, std::int64_t ow, Sum* sums) const;
  void conv(const SumImage& in, std::int64_t oh, std::int64_t ow, Sum* sums) const;
  void max_pool(const SumImage& in, std::int64_t oh, std::int64_t ow, Sum* sums) const;
  void average_pool(const SumImage& in, std::int64_t oh, std::int64_t ow, Sum* sums) const;
  void copy(const SumImage& in, std::int64_t oh, std::int64_t ow, Sum* sums) const;
  void norm(const SumImage& in, std::int64_t oh, std::int64_t ow, Sum* sums) const;
  void resize(const SumImage& in, std::int64_t oh, std::int64_t ow, Sum* sums) const;

  const DataType dtype_;
  const Stage& stage_;
  const Extents in_, out_;
  const StageValues& values_;
  const ImageOperands operands_;
  const Storage storage_;
  const double eps_, sum_terms_, terms_;  // roundings behind a sum, and behind its constants
};

}  // namespace sepconv::runner
