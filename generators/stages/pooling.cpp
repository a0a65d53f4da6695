#include "generators/stages/pooling.h"

namespace sepconv::generators {
namespace {

using Halide::Expr;

/// Taps inside the image along one axis.
Expr taps_inside(const Expr& output, int stride, int pad_before, int pad_after, int K, int extent) {
  if (pad_before + pad_after == 0) return K;
  const Expr begin = output * stride - pad_before;
  return min(begin + K, extent) - max(begin, 0);
}

}  // namespace

Expr empty_pool(const Lowering& p, const Halide::Type& type) {
  return p.kind == StageKind::max_pool ? type.min() : Halide::Internal::make_zero(type);
}

Expr with_tap(const Lowering& p, const Expr& so_far, const Expr& tap) {
  if (p.kind == StageKind::max_pool) return max(so_far, tap);
  return p.kind == StageKind::copy ? tap : so_far + tap;
}

Expr pooled(const Lowering& p, const Expr& taps, const Pixels& pixels) {
  if (p.kind != StageKind::average_pool) return taps;
  const Window& w = p.window;
  const Expr rows = taps_inside(pixels.row, w.stride_h, w.pad_top, w.pad_bottom, w.KH, p.IH);
  const Expr columns = taps_inside(pixels.column, w.stride_w, w.pad_left, w.pad_right, w.KW, p.IW);
  return taps / Halide::cast(taps.type(), rows * columns);
}

}  // namespace sepconv::generators
