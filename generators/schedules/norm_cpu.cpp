#include "generators/schedules/norm_cpu.h"

#include <algorithm>

#include "generators/schedules/pixels_cpu.h"

namespace sepconv::generators {
namespace {

using Halide::Func;
using Halide::Var;
using Halide::VarOrRVar;

/// A tile of pixels of the output, and how its lanes become vectors.
class NormTile {
 public:
  NormTile(const Func& out, const Lowering& p, const DepthwiseCpuSchedule& s, const Var& x, const Var& tile)
      : out_(out),
        p_(p),
        s_(s),
        x_(x),
        tile_(tile),
        nhwc_(p.layout == Layout::nhwc),
        column_vector_(nhwc_ ? 1 : vector_elems(s.ow_tile, p.target)) {}

  void schedule(ChannelReduction& sum) const {
    const Var lane = lane_of(sum.lanes);
    place(sum.lanes).bound_extent(lane, s_.c_tile);
    vectorize(sum.lanes, lane, s_.c_tile);
    const Halide::RVar block = sum.blocks.x;
    sum.lanes.update(0).reorder(inner(lane, block));
    vectorize(sum.lanes.update(0), lane, s_.c_tile);
    for (std::size_t i = 0; i < sum.rest.size(); ++i) {
      const Halide::RVar channel = sum.rest[i].x;
      Halide::Stage update = sum.lanes.update(static_cast<int>(i) + 1);
      if (!nhwc_) update.reorder(x_, channel);
      vectorize(update, channel, static_cast<int>(*Halide::Internal::as_const_int(sum.rest[i].x.extent())));
    }
    int lanes = s_.c_tile;
    for (Func& half : sum.halves) {
      lanes /= 2;
      place(half);
      vectorize(half, lane_of(half), lanes);
    }
  }

  /// A value of each pixel.
  void schedule(Func& value) const {
    place(value);
    if (!nhwc_) value.vectorize(x_, column_vector_);
    value.unroll(x_);
  }

 private:
  Var lane_of(const Func& func) const { return func.args()[nhwc_ ? 0 : func.args().size() - 2]; }

  Func& place(Func& func) const {
    func.compute_at(out_, tile_).store_in(Halide::MemoryType::Register);
    if (p_.is_dynamic()) func.bound_extent(x_, s_.ow_tile);
    return func;
  }

  std::vector<VarOrRVar> inner(const Var& lane, const Halide::RVar& block) const {
    return nhwc_ ? std::vector<VarOrRVar>{lane, x_, block} : std::vector<VarOrRVar>{x_, lane, block};
  }

  template <class Definition, class Lane>
  void vectorize(Definition&& definition, const Lane& lane, int lanes) const {
    const int vector = nhwc_ ? std::min(lanes, p_.target.lanes) : column_vector_;
    if (nhwc_)
      definition.vectorize(lane, vector);
    else
      definition.vectorize(x_, vector);
    definition.unroll(lane).unroll(x_);
  }

  const Func out_;
  const Lowering& p_;
  const DepthwiseCpuSchedule& s_;
  const Var x_, tile_;
  const bool nhwc_;
  const int column_vector_;
};

}  // namespace

void schedule_norm_cpu(Func out, NormStage& stage, const Lowering& p, const DepthwiseCpuSchedule& s,
                       const Pixels& pixels, const Var& c, const Var& n, const BlockLoops& blocks) {
  schedule_pixels_cpu(out, p, s, pixels, c, n, blocks);
  const NormTile tile(out, p, s, pixels.x, blocks.tile);
  tile.schedule(stage.sum);
  tile.schedule(stage.squares);
  tile.schedule(stage.mean);
  tile.schedule(stage.factor);
}

}  // namespace sepconv::generators
