#pragma once
// Networks for tests, built step by step.

#include <string>
#include <utility>
#include <vector>

#include "sepconv/detail/network_plan.h"
#include "tests/stage_lists.h"

namespace sepconv::test {

/// A 1x1 convolution of an H x W image, without bias.
inline ConvProblem pointwise(int H, int W, int in_channels, int out_channels) {
  ConvProblem p = problem_of(pointwise_stages());
  p.IH = H, p.IW = W, p.IC = in_channels;
  set_out_channels(p, out_channels);
  return p;
}

/// A copy of an image in its place.
inline ConvProblem copy(int H, int W, int C) {
  ConvProblem p = problem_of({{StageKind::copy, {}, 1, 0, {}}});
  p.IH = H, p.IW = W, p.IC = C;
  return p;
}

struct NetworkBuilder {
  NetworkPlan plan;

  std::int32_t tensor(const std::string& name, std::vector<std::int64_t> shape, std::int64_t images = 1) {
    NetworkTensor t;
    t.name = name;
    t.shape = std::move(shape);
    t.images = images;
    t.base = static_cast<std::int32_t>(plan.tensors.size());
    plan.tensors.push_back(std::move(t));
    return plan.tensors.back().base;
  }
  std::int32_t input(const std::string& name, std::vector<std::int64_t> shape, std::int64_t images = 1) {
    plan.inputs.push_back(tensor(name, std::move(shape), images));
    return plan.inputs.back();
  }
  /// Channels [begin, begin + count) of a tensor of rank 3.
  std::int32_t channels(std::int32_t base, int begin, int count) {
    NetworkTensor t = plan.tensors[static_cast<std::size_t>(base)];
    const std::vector<std::int64_t> of = t.shape;
    t.name += "/" + std::to_string(begin);
    t.shape[2] = count;
    t.first = begin;
    t.pitches = {static_cast<std::int32_t>(of[1] * of[2]), static_cast<std::int32_t>(of[2])};
    plan.tensors.push_back(t);
    return static_cast<std::int32_t>(plan.tensors.size()) - 1;
  }
  std::int32_t view(std::int32_t base, std::vector<std::int64_t> shape, std::int64_t images = 1) {
    NetworkTensor t = plan.tensors[static_cast<std::size_t>(base)];
    t.name += "/view";
    t.shape = std::move(shape);
    t.images = images;
    plan.tensors.push_back(t);
    return static_cast<std::int32_t>(plan.tensors.size()) - 1;
  }
  void step(const std::string& layer, ConvProblem problem, std::int32_t in, std::int32_t out,
            std::vector<std::int32_t> operands = {}) {
    problem.input_pitches = plan.tensors[static_cast<std::size_t>(in)].pitches;
    problem.output_pitches = plan.tensors[static_cast<std::size_t>(out)].pitches;
    plan.steps.push_back({layer, {layer}, std::move(problem), in, out, std::move(operands)});
  }
  void output(std::int32_t tensor) { plan.outputs.push_back(tensor); }
};

/// image -> a -> b -> ... -> out, of 1x1 convolutions with these channels.
inline NetworkBuilder chain(int H, int W, const std::vector<int>& channels) {
  NetworkBuilder b;
  std::int32_t at = b.input("image", {H, W, channels[0]});
  for (std::size_t i = 1; i < channels.size(); ++i) {
    const std::string name = "conv_" + std::to_string(i);
    const std::int32_t next = b.tensor(name, {H, W, channels[i]});
    b.step(name, pointwise(H, W, channels[i - 1], channels[i]), at, next);
    at = next;
  }
  b.output(at);
  return b;
}

}  // namespace sepconv::test
