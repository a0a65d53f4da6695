// The schedule of a stage that has no window: a norm or a resize.

#include <algorithm>

#include "generators/schedules/rules_cpu.h"

namespace sepconv::generators {

CpuSchedule pixels_rule(const Lowering& p) {
  constexpr int kVectors = 4;  // that do not wait for each other
  const int lanes = p.target.lanes, OH = middling_rows(p), OW = middling_columns(p);
  DepthwiseCpuSchedule dw;
  dw.pad_tile = false;
  if (p.layout == Layout::nhwc) {
    dw.c_tile = std::min(kVectors * lanes, power_of_two_below(p.IC));
    dw.ow_tile = 1;
  } else {
    dw.ow_tile = OW >= 2 * lanes ? 2 * lanes : vector_below(OW, p.target);
    dw.c_tile = std::min(kVectors * lanes / std::max(dw.ow_tile, lanes), power_of_two_below(p.IC));
  }
  // Tasks of some 10 microseconds.
  constexpr std::int64_t kElements = 1 << 15;
  CpuSchedule s;
  const auto columns = static_cast<int>(std::clamp<std::int64_t>(kElements / p.IC, 1, OW));
  s.block.ow_block = round_up(columns, dw.ow_tile);
  s.block.oh_block = even_rows(OH, std::clamp<std::int64_t>(kElements / p.IC / columns, 1, OH));
  s.depthwise = dw;
  return s;
}

}  // namespace sepconv::generators
