// The schedule of a conv stage whose window has several taps.

#include <algorithm>

#include "generators/schedules/rules_cpu.h"

namespace sepconv::generators {

CpuSchedule conv_rule(const Lowering& p) {
  const bool nhwc = p.layout == Layout::nhwc;
  constexpr int kMostColumns = 128;
  const int OH = middling_rows(p), OW = middling_columns(p);
  const int columns = std::min(OW, kMostColumns);
  CpuSchedule s;
  s.pointwise = pointwise_rule(p, best_micro_tile(p, false, columns), columns, nhwc);
  s.block.ow_block = round_up(columns, s.pointwise->mr);
  // The input of a block within half of L2, but enough rows that the ones which two blocks copy are few.
  const std::int64_t input_columns = std::int64_t{s.block.ow_block - 1} * p.window.stride_w + p.window.KW_eff();
  const std::int64_t row_bytes = sum_bytes(p) * input_columns * p.IC * p.window.stride_h;
  const std::int64_t shared = kRowsForEachShared * (p.window.KH_eff() - 1) / p.window.stride_h;
  s.block.oh_block =
      even_rows(OH, std::clamp<std::int64_t>(std::max(p.target.l2_bytes / 2 / row_bytes, shared), 1, OH));
  return s;
}

}  // namespace sepconv::generators
