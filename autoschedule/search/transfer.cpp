#include "autoschedule/search/transfer.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <tuple>

namespace sepconv::autoschedule {

std::optional<double> transfer_distance(const ConvProblem& a, const ConvProblem& b) {
  const auto kind = [](const ConvProblem& p) { return std::tuple(p.layout, p.dtype, p.dynamic_h(), p.dynamic_w()); };
  const auto same_kind = [](const Stage& left, const Stage& right) {
    return left.kind == right.kind && left.interpolation == right.interpolation;
  };
  if (kind(a) != kind(b) || !std::equal(a.stages.begin(), a.stages.end(), b.stages.begin(), b.stages.end(), same_kind))
    return std::nullopt;
  const auto extent = [](std::int32_t value) { return value == kDynamic ? 1 : value; };
  double distance = 0;
  const auto add = [&](std::int32_t left, std::int32_t right) {
    distance += std::abs(std::log(double(left) / double(right)));
  };
  add(extent(a.OH()), extent(b.OH()));
  add(extent(a.OW()), extent(b.OW()));
  add(a.IC, b.IC);
  add(a.OC(), b.OC());
  for (std::size_t i = 0; i < a.stages.size(); ++i) {
    const Stage &left = a.stages[i], &right = b.stages[i];
    for (const auto field :
         {&Window::KH, &Window::KW, &Window::stride_h, &Window::stride_w, &Window::dilation_h, &Window::dilation_w})
      add(left.window.*field, right.window.*field);
    add(left.depth_multiplier, right.depth_multiplier);
  }
  return distance;
}

}  // namespace sepconv::autoschedule
