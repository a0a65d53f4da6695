// The rule that picks a schedule for a problem that no table or lockfile knows.

#include <algorithm>

#include "spec/schedule.h"

namespace sepconv {
namespace {

int round_down(int value, int multiple) { return value / multiple * multiple; }
int ceil_div(int value, int divisor) { return (value + divisor - 1) / divisor; }

/// Largest power of two <= value.
int power_of_two_below(int value) {
  int power = 1;
  while (power * 2 <= value) power *= 2;
  return power;
}

}  // namespace

CpuSchedule default_cpu_schedule(const ConvProblem& p, const Target& target) {
  CpuSchedule s;
  const bool nhwc = p.layout == Layout::nhwc;
  const int lanes = target.lanes;
  const int OH = p.dynamic_h() ? 8 : p.OH(), OW = p.dynamic_w() ? 64 : p.OW();
  s.block.flat = !p.is_dynamic() && p.has_pointwise() && p.OH() > 1;
  s.block.ow_block = s.block.flat ? OW : std::min(OW, 128);
  // The depthwise result of a block should stay in half of L2.
  const std::int64_t row_bytes = std::int64_t{4} * s.block.ow_block * p.middle_channels();
  const int rows = static_cast<int>(std::clamp<std::int64_t>(target.l2_bytes / 2 / row_bytes, 1, OH));
  s.block.oh_block = ceil_div(OH, ceil_div(OH, rows));
  const int pixels = s.block.flat ? s.block.oh_block * OW : s.block.ow_block;

  if (p.has_depthwise()) {
    DepthwiseCpuSchedule dw;
    if (nhwc) {
      dw.c_tile = p.IC >= 2 * lanes ? 2 * lanes : p.IC >= lanes ? lanes : power_of_two_below(2 * p.IC - 1);
      dw.ow_tile = std::min(s.block.ow_block, 4);
    } else {
      dw.c_tile = 1;
      dw.ow_tile = s.block.ow_block >= 2 * lanes ? 2 * lanes : std::min(lanes, power_of_two_below(s.block.ow_block));
    }
    s.depthwise = dw;
  }
  if (p.has_pointwise()) {
    PointwiseCpuSchedule pw;
    const int vectors = 2, scalars = target.registers >= 32 ? 14 : 6;
    if (nhwc) {
      pw.nr = p.OC > lanes ? vectors * lanes : lanes;
      pw.mr = std::min(scalars, pixels);
    } else {
      pw.mr = pixels >= vectors * lanes ? vectors * lanes : std::min(lanes, power_of_two_below(pixels));
      pw.nr = std::min(scalars, p.OC);
    }
    pw.k_unroll = std::min(2, p.IC);
    s.pointwise = pw;
  }
  (void)round_down;
  return s;
}

}  // namespace sepconv
