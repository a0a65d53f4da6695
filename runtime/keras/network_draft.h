#pragma once
// A network in the making: tensors and steps that passes may still join, move and drop.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "sepconv/detail/network_plan.h"

namespace sepconv::keras {

/// The elements of a weight or a constant; empty where the model's file holds no weights.
using Values = std::vector<double>;

struct DraftTensor {
  NetworkTensor tensor;                      // `base` is its own index, or that of a tensor whose base is itself
  Layout layout = Layout::nhwc;              // as its maker sees it
  bool is_input = false, is_output = false;  // of the network
};

struct DraftStep {
  std::string name;                                   // of the layer that its first stage, or else its step, comes from
  std::vector<std::pair<int, std::string>> absorbed;  // call of the graph and layer
  ConvProblem problem;                                // its pitches are set at the end
  std::vector<Values> arrays;                         // parallel to weights_of(problem)
  int input = -1, output = -1;
  std::vector<int> operands;
  bool dropped = false;
};

/// The image that a tensor of this shape is: {H, W, C}, {C, H, W} in nchw; 1 for the axes that it lacks. The outer axes
/// of a tensor with more count as rows.
Extents image_extents(const std::vector<std::int64_t>& shape, Layout layout);

/// The shape of an input or output of a network: at most three axes. The outer axes of others are images.
std::vector<std::int64_t> port_shape(const std::vector<std::int64_t>& shape);

std::int64_t elements_of_shape(const std::vector<std::int64_t>& shape);

class Draft {
 public:
  std::vector<DraftTensor> tensors;
  std::vector<DraftStep> steps;
  std::vector<int> inputs, outputs;

  DraftTensor& tensor(int index) { return tensors[static_cast<std::size_t>(index)]; }
  const DraftTensor& tensor(int index) const { return tensors[static_cast<std::size_t>(index)]; }
  const std::vector<std::int64_t>& shape(int index) const { return tensor(index).tensor.shape; }
  int base(int index) const { return tensor(index).tensor.base; }
  bool is_base(int index) const { return base(index) == index; }
  /// True where its elements lie one after the other, and are all of its base's.
  bool is_whole(int index) const;

  /// A tensor with memory of its own.
  int add_tensor(const std::string& name, std::vector<std::int64_t> shape, const DraftTensor& like);
  /// The same memory in another shape. `of` must be dense.
  int add_view(int of, const std::string& name, std::vector<std::int64_t> shape, std::int64_t images);
  /// A part of `of`, which is seen as an nhwc image. @param first, pitches  in elements of `of`, as if that were dense
  int add_part(int of, const std::string& name, std::vector<std::int64_t> shape, std::int64_t first, Pitches pitches);

  /// Makes `base`, and all that lies in it, a part of what `part` is a part of, in its place.
  void move_into(int base, int part);
  /// Makes the view the base of the memory.
  void make_base(int view);

  /// Steps, in their order, that read the memory of the base; one that reads it several times is there as often.
  std::vector<int> readers(int base) const;
  /// Steps that write the memory of the base.
  std::vector<int> makers(int base) const;

  /// Drops the steps whose outputs nothing reads.
  void drop_unread();

 private:
  NetworkTensor placed(int of, std::int64_t first, Pitches pitches, const Extents& extents) const;
};

/// A stage that copies, without a window or steps.
Stage copy_stage();

/// One stage that copies, without a window: all elementwise layers.
bool is_elementwise_step(const DraftStep& step);
/// The same without steps.
bool is_plain_copy(const DraftStep& step);
/// True where the last step is a function along an axis, behind which nothing may follow.
bool ends_along_axis(const ConvProblem& problem);

}  // namespace sepconv::keras
