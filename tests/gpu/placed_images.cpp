#include "tests/gpu/placed_images.h"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string>

#include "tests/gpu/device_values.h"

namespace sepconv::test {
namespace {

constexpr std::int64_t kBehind = 5;  // elements behind the last image, and between images
constexpr double kUntouched = 77;

std::int64_t row_of(const Extents& e, const Pitches& pitches) {
  return pitches.dense() ? std::int64_t{e.W} * e.C : pitches.row;
}
std::int64_t pixel_of(const Extents& e, const Pitches& pitches) { return pitches.dense() ? e.C : pitches.pixel; }

std::int64_t pitch_of(const Extents& e, const Pitches& pitches) {
  return (e.H - 1) * row_of(e, pitches) + (e.W - 1) * pixel_of(e, pitches) + e.C + kBehind;
}

}  // namespace

PlacedImages::PlacedImages(const GpuContext& context, DataType dtype, Layout layout, const Extents& extents,
                           const Pitches& pitches, std::int64_t batch, std::int64_t first,
                           const std::vector<double>& values)
    : dtype_(dtype),
      layout_(layout),
      extents_(extents),
      row_(row_of(extents, pitches)),
      pixel_(pixel_of(extents, pitches)),
      batch_(batch),
      first_(first),
      image_pitch_(pitch_of(extents, pitches)),
      memory_(device_tensor(context, dtype, {first + batch * image_pitch_}, placed(values))) {}

std::vector<double> PlacedImages::placed(const std::vector<double>& values) const {
  std::vector<double> all(static_cast<std::size_t>(first_ + batch_ * image_pitch_), kUntouched);
  const std::vector<std::size_t> at = places();
  for (std::size_t i = 0; i < at.size(); ++i)
    all[at[i]] = values.empty() ? std::numeric_limits<double>::quiet_NaN() : values.at(i);
  return all;
}

DeviceImages PlacedImages::images() const {
  return {&memory_.memory(), first_ * static_cast<std::int64_t>(size_bytes(dtype_)), image_pitch_};
}

std::vector<std::size_t> PlacedImages::places() const {
  const Extents& e = extents_;
  std::vector<std::size_t> at;
  const auto add = [&](std::int64_t n, std::int64_t offset) {
    at.push_back(static_cast<std::size_t>(first_ + n * image_pitch_ + offset));
  };
  for (std::int64_t n = 0; n < batch_; ++n) {
    if (layout_ == Layout::nchw)
      for (std::int64_t i = 0; i < std::int64_t{e.H} * e.W * e.C; ++i) add(n, i);
    else
      for (std::int64_t h = 0; h < e.H; ++h)
        for (std::int64_t w = 0; w < e.W; ++w)
          for (std::int64_t c = 0; c < e.C; ++c) add(n, h * row_ + w * pixel_ + c);
  }
  return at;
}

std::vector<double> PlacedImages::values() const {
  std::vector<double> all = values_of(memory_), values;
  for (const std::size_t place : places()) {
    values.push_back(all[place]);
    all[place] = kUntouched;
  }
  const auto changed = std::find_if(all.begin(), all.end(), [](double value) { return value != kUntouched; });
  if (changed != all.end())
    throw std::runtime_error("element " + std::to_string(changed - all.begin()) + " outside of the images is " +
                             std::to_string(*changed));
  return values;
}

}  // namespace sepconv::test
