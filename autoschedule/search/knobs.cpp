#include "knobs.h"

#include <algorithm>
#include <set>
#include <stdexcept>

#include "spec/integers.h"

namespace sepconv {
namespace {

using Values = std::vector<int>;

/// The extents of so many equal parts: of 7 rows 7, 4, 3, 2, 1.
Values equal_parts(int extent) {
  std::set<int> parts;
  for (int count = 1; count <= extent; ++count) parts.insert(ceil_div(extent, count));
  return {parts.begin(), parts.end()};
}

Values multiples(int unit, int most) {
  Values values;
  for (int count = 1; count <= most; ++count) values.push_back(unit * count);
  return values;
}

Values up_to(int most, Values values) {
  std::erase_if(values, [&](int value) { return value > most; });
  return values.empty() ? Values{1} : values;
}

Values powers_of_two(int least, int most) {
  Values values;
  for (int value = least; value <= most; value *= 2) values.push_back(value);
  return values;
}

const Values kFlag = {0, 1};
constexpr int kMostChannels = 8;  // of a depthwise tile with vectors along columns

Values scalar_side(int extent, const Target& target) { return up_to(extent, multiples(1, target.rules.most_scalars)); }

void append(Values& values, const Values& more) { values.insert(values.end(), more.begin(), more.end()); }

Values channel_vectors(const Lowering& p, const Values& vectors, const Target& target) {
  return p.IC >= target.lanes ? up_to(round_up(p.IC, target.lanes), vectors) : Values{power_of_two_from(p.IC)};
}

Values column_vectors(int OW, const Values& vectors, const Target& target) {
  return OW >= target.lanes ? up_to(round_up(OW, target.lanes), vectors) : Values{power_of_two_below(OW)};
}

Values cpu_values(const std::string& name, const Lowering& p, const Target& target) {
  const bool nhwc = p.layout == Layout::nhwc, fixed = !p.is_dynamic();
  const int OH = p.dynamic_h() ? 8 : p.OH(), OW = p.dynamic_w() ? 128 : p.OW();
  const Values vectors = multiples(target.lanes, 4);
  const bool transposable = p.family == KernelFamily::separable && !nhwc && fixed;  // dw.vc
  if (name == "block.fuse") return p.family == KernelFamily::separable && fixed ? kFlag : Values{1};
  if (name == "block.flat") {
    if (!p.has_pointwise() || !fixed || OH == 1) return {0};
    return p.family == KernelFamily::separable ? Values{0, kFlatCopied, kFlatDirect} : Values{0, kFlatCopied};
  }
  if (name == "block.oh") return equal_parts(OH);
  if (name == "block.ow") return equal_parts(OW);
  if (name == "block.spread")
    return transposable || (p.family == KernelFamily::separable && nhwc) ? Values{0, 16} : Values{0};
  // Where either side of the depthwise tile may be the one of vectors, both have the values of both.
  if (name == "dw.c") {
    Values values;
    if (!nhwc) values = up_to(p.IC, powers_of_two(1, kMostChannels));
    if (nhwc || transposable) append(values, channel_vectors(p, vectors, target));
    return values;
  }
  if (name == "dw.ow") {
    Values values;
    if (!nhwc) values = column_vectors(OW, vectors, target);
    if (nhwc || transposable) append(values, up_to(OW, {1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14}));
    return values;
  }
  if (name == "dw.vc") return transposable ? kFlag : Values{0};
  if (name == "dw.pad") return kFlag;
  if (name == "dw.ku") {
    Values values = {0};
    for (int count = 1; count <= std::min(p.window.KW, 33); ++count)
      if (p.window.KW % count == 0) values.push_back(count);
    return values;
  }
  if (name == "dw.cb") {
    Values values = {0};
    if (nhwc && p.IC >= target.lanes)
      for (int count = 1; target.lanes * count < 2 * p.IC; count *= 2) values.push_back(target.lanes * count);
    return values;
  }
  // In nchw either side of the micro-tile may be the one of vectors.
  if (name == "pw.mr") {
    Values values = scalar_side(OH * OW, target);
    if (!nhwc) append(values, vectors);
    return values;
  }
  if (name == "pw.nr") {
    Values values = vectors;
    if (!nhwc) append(values, scalar_side(p.OC, target));
    return values;
  }
  if (name == "pw.ku") return up_to(p.IC, {1, 2, 4, 8});
  if (name == "pw.vf") return nhwc ? Values{1} : kFlag;
  return {};
}

Values gpu_values(const std::string& name, const Lowering& p) {
  if (name == "gpu.tf" || name == "gpu.tq") return powers_of_two(1, 64);
  if (name == "gpu.f" || name == "gpu.q") return powers_of_two(1, 8);
  if (name == "gpu.k") return p.has_pointwise() ? up_to(p.IC, {4, 5, 6, 7, 8, 10, 12, 14, 16, 24, 32}) : Values{0};
  if (name == "gpu.fuse") return p.family == KernelFamily::separable ? kFlag : Values{1};
  return {};
}

template <class Part>
void add_knobs(std::vector<Knob>& all, const std::string& part, Part& fields) {
  visit_fields(fields, [&](std::string_view field, int& value, int = 0) {
    all.push_back({part + "." + std::string(field), &value});
  });
}

/// Swaps the sides of a tile where only the other one is whole vectors.
void put_vectors_on(int& vectors, int& scalars, const Target& target) {
  if (vectors % target.lanes != 0 && scalars % target.lanes == 0) std::swap(vectors, scalars);
}

void settle(CpuSchedule& s, const Lowering& p, const Target& target) {
  if (s.depthwise && s.pointwise && p.layout == Layout::nchw) {
    DepthwiseCpuSchedule& dw = *s.depthwise;
    if (dw.vector_c) {
      dw.pad_tile = s.pointwise->vector_f = 1;
      put_vectors_on(dw.c_tile, dw.ow_tile, target);
    } else {
      s.block.spread = 0;
      if (dw.c_tile > kMostChannels) put_vectors_on(dw.ow_tile, dw.c_tile, target);
    }
  }
  if (s.pointwise && p.layout == Layout::nchw) {
    // The side of vectors is whole vectors; the other side keeps what it had, if registers allow.
    PointwiseCpuSchedule& pw = *s.pointwise;
    if (pw.vector_f)
      put_vectors_on(pw.nr, pw.mr, target);
    else
      put_vectors_on(pw.mr, pw.nr, target);
  }
  if (p.dynamic_w()) return;
  if (s.block.flat) {
    s.block.ow_block = p.OW();
    if (s.pointwise) s.pointwise->mr = std::min(s.pointwise->mr, s.block.oh_block * p.OW());
  } else {
    s.block.ow_block =
        round_up(std::min(s.block.ow_block, p.OW()), s.pointwise ? s.pointwise->mr : s.depthwise->ow_tile);
  }
}

}  // namespace

std::vector<Knob> knobs(Schedule& schedule) {
  std::vector<Knob> all;
  if (auto* cpu = std::get_if<CpuSchedule>(&schedule)) {
    add_knobs(all, "block", cpu->block);
    if (cpu->depthwise) add_knobs(all, "dw", *cpu->depthwise);
    if (cpu->pointwise) add_knobs(all, "pw", *cpu->pointwise);
  } else {
    visit_gpu_fields(std::get<GpuSchedule>(schedule), [&](std::string_view field, int& value) {
      all.push_back({"gpu." + std::string(field), &value});
    });
  }
  return all;
}

std::vector<int> knob_values(const std::string& name, const Lowering& problem) {
  const Target& target = problem.target;
  Values values = target.device == Device::cpu ? cpu_values(name, problem, target) : gpu_values(name, problem);
  if (values.empty()) throw std::logic_error("knob '" + name + "' has no values");
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  return values;
}

void settle(Schedule& schedule, const Lowering& problem) {
  if (auto* cpu = std::get_if<CpuSchedule>(&schedule)) settle(*cpu, problem, problem.target);
}

}  // namespace sepconv
