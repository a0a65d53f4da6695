#include "transfer.h"

#include <cmath>
#include <cstdint>
#include <tuple>
#include <utility>

namespace sepconv {

std::optional<double> transfer_distance(const ConvProblem& a, const ConvProblem& b) {
  const auto kind = [](const ConvProblem& p) {
    return std::tuple(p.op, p.layout, p.dtype, p.dynamic_h(), p.dynamic_w());
  };
  if (kind(a) != kind(b)) return std::nullopt;
  const auto extent = [](std::int32_t value) { return value == kDynamic ? 1 : value; };
  double distance = 0;
  for (const auto& [left, right] : {std::pair{extent(a.OH()), extent(b.OH())},
                                    {extent(a.OW()), extent(b.OW())},
                                    {a.IC, b.IC},
                                    {a.OC, b.OC},
                                    {a.KH, b.KH},
                                    {a.KW, b.KW},
                                    {a.stride_h, b.stride_h},
                                    {a.stride_w, b.stride_w},
                                    {a.dilation_h, b.dilation_h},
                                    {a.dilation_w, b.dilation_w},
                                    {a.depth_multiplier, b.depth_multiplier}})
    distance += std::abs(std::log(double(left) / double(right)));
  return distance;
}

}  // namespace sepconv
