#include "autoschedule/search/knobs.h"

#include <algorithm>

#include "generators/spec/integers.h"
#include "generators/spec/schedule_fields.h"

namespace sepconv::autoschedule {
namespace {

/// Swaps the sides of a tile where only the other one is whole vectors.
void put_vectors_on(int& vectors, int& scalars, const generators::Target& target) {
  if (vectors % target.lanes != 0 && scalars % target.lanes == 0) std::swap(vectors, scalars);
}

void settle(generators::CpuSchedule& s, const generators::Lowering& p) {
  if (s.depthwise && s.pointwise && p.layout == Layout::nchw) {
    generators::DepthwiseCpuSchedule& dw = *s.depthwise;
    if (dw.vector_c) {
      dw.pad_tile = s.pointwise->vector_f = true;
      put_vectors_on(dw.c_tile, dw.ow_tile, p.target);
    } else {
      s.block.spread = 0;
      if (dw.c_tile > generators::kMostChannelsOfColumns) put_vectors_on(dw.ow_tile, dw.c_tile, p.target);
    }
  }
  if (s.pointwise && p.layout == Layout::nchw) {
    // The side of vectors is whole vectors; the other side keeps what it had, if registers allow.
    generators::PointwiseCpuSchedule& pw = *s.pointwise;
    if (pw.vector_f)
      put_vectors_on(pw.nr, pw.mr, p.target);
    else
      put_vectors_on(pw.mr, pw.nr, p.target);
  }
  if (p.dynamic_w()) return;
  if (s.block.flat()) {
    s.block.ow_block = p.OW();
    if (s.pointwise) s.pointwise->mr = std::min(s.pointwise->mr, s.block.oh_block * p.OW());
  } else {
    s.block.ow_block =
        generators::round_up(std::min(s.block.ow_block, p.OW()), s.pointwise ? s.pointwise->mr : s.depthwise->ow_tile);
  }
}

}  // namespace

std::vector<Knob> knobs(generators::Schedule& schedule) {
  std::vector<Knob> all;
  const auto add = [&]<class Part>(Part& part, const generators::ScheduleField<Part>& field) {
    all.push_back(
        {full_name(field), field.tried, [&] { return field.value(part); }, [&](int value) { field.set(part, value); }});
  };
  std::visit([&](auto& kind) { visit_fields(kind, add); }, schedule);
  return all;
}

std::vector<int> knob_values(const Knob& knob, const generators::Lowering& problem) {
  std::vector<int> values = knob.tried(problem);
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  return values;
}

void settle(generators::Schedule& schedule, const generators::Lowering& problem) {
  if (auto* cpu = std::get_if<generators::CpuSchedule>(&schedule)) settle(*cpu, problem);
}

}  // namespace sepconv::autoschedule
