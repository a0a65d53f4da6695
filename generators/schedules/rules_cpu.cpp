// The rule that picks a schedule for a problem that no table or lockfile knows.

#include <algorithm>

#include "spec/schedule.h"

namespace sepconv {
namespace {

int ceil_div(int value, int divisor) { return (value + divisor - 1) / divisor; }
int round_up(int value, int multiple) { return ceil_div(value, multiple) * multiple; }

/// Largest power of two <= value.
int power_of_two_below(int value) {
  int power = 1;
  while (power * 2 <= value) power *= 2;
  return power;
}

}  // namespace

CpuSchedule default_cpu_schedule(const ConvProblem& problem, const Target& target) {
  const ConvProblem p = as_scheduled(problem);
  CpuSchedule s;
  const bool nhwc = p.layout == Layout::nhwc;
  const int lanes = target.lanes;
  // A dynamic problem's schedule is made for an image of a middling size.
  const int OH = p.dynamic_h() ? 8 : p.OH(), OW = p.dynamic_w() ? 64 : p.OW();
  s.block.flat = !p.is_dynamic() && p.has_pointwise() && p.OH() > 1;
  const int columns = s.block.flat ? OW : std::min(OW, 128);
  // The depthwise result of a block should stay in half of L2.
  const std::int64_t row_bytes = std::int64_t{4} * columns * p.middle_channels();
  const int rows = static_cast<int>(std::clamp<std::int64_t>(target.l2_bytes / 2 / row_bytes, 1, OH));
  s.block.oh_block = ceil_div(OH, ceil_div(OH, rows));
  s.block.ow_block = columns;
  const int pixels = s.block.flat ? s.block.oh_block * OW : columns;

  if (p.has_depthwise()) {
    DepthwiseCpuSchedule dw;
    if (nhwc) {
      dw.c_tile = p.IC >= 2 * lanes ? 2 * lanes : p.IC >= lanes ? lanes : power_of_two_below(2 * p.IC - 1);
      dw.ow_tile = std::min(columns, 4);
    } else {
      dw.c_tile = 1;
      dw.ow_tile = columns >= 2 * lanes ? 2 * lanes : std::min(lanes, power_of_two_below(columns));
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
  if (!s.block.flat) s.block.ow_block = round_up(columns, s.pointwise ? s.pointwise->mr : s.depthwise->ow_tile);
  return s;
}

}  // namespace sepconv
