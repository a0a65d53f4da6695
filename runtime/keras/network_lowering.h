#pragma once
// One call of a layer becomes steps of a network. Each class of layer has a function that does this.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/keras/layer_weights.h"
#include "runtime/keras/model_graph.h"
#include "runtime/keras/network_draft.h"

namespace sepconv::keras {

/// What all calls of a network share.
struct NetworkSource {
  const ModelDocument& document;
  const ModelGraph& graph;
  const LayerWeights& weights;
};

/// What a function reads and adds to. Functions throw NotCompiledError with the reason where there is no kernel.
class CallLowering {
 public:
  /// @param inputs  the call's tensors
  CallLowering(const NetworkSource& source, Draft& draft, int call, DataType dtype, std::vector<int> inputs);

  Draft& draft;
  const ModelLayer& layer;
  const LayerCall& call;
  const KerasRules rules;
  const DataType dtype;
  const std::vector<int> inputs;
  const std::vector<std::int64_t> output_shape;  // of Keras, without the batch

  const nlohmann::json& config() const { return layer.config(); }
  /// Names the layer in messages.
  std::string what() const { return layer.title(); }
  /// Why calls of this layer are not compiled, whatever they read.
  std::optional<std::string> why_never() const;
  /// The only tensor that the call reads. @throws NotCompiledError where there are several
  int input() const;
  const std::vector<std::int64_t>& shape(int tensor) const { return draft.shape(tensor); }
  /// Rank of a tensor with its batch, as Keras counts.
  int keras_rank(int tensor) const { return static_cast<int>(shape(tensor).size()) + 1; }
  /// Keras' shape of a tensor, its batch unknown.
  Shape keras_shape(int tensor) const;

  /// The layer's weights; none where the file holds none.
  /// @param wanted  the first ones that are read; the others may be integers
  std::vector<KerasArray> arrays(std::size_t count, std::size_t wanted = LayerWeights::kAll) const;
  bool has_weights() const { return source_.weights.available(); }

  /// A tensor with the call's output shape. @param layout  as the step sees it that makes it
  int add_output(Layout layout);
  /// A step without stages that reads `input` as an image; a copy of it where that is a part and the image nchw, which
  /// has no pitches.
  DraftStep begin_step(int input, Layout layout);
  /// Adds the step, whose output must be set.
  void add_step(DraftStep step) { draft.steps.push_back(std::move(step)); }
  /// A step of one stage whose output is the call's. @param arrays  its weights and constants
  int add_stage(int input, Layout layout, Stage stage, std::vector<Values> arrays = {});
  /// A pool whose window is the whole image that the call reads.
  int pool_image(Layout layout, StageKind kind);
  /// A step that applies `epilogue` to every element; a view where that is empty.
  /// @param arrays  the constants of its steps
  int apply(int input, Layout layout, const Epilogue& epilogue, std::vector<Values> arrays = {},
            std::vector<int> operands = {});
  /// The same for one step with a constant for each channel.
  int apply(int input, Layout layout, EpilogueKind kind, Values values);
  /// The same where the steps have neither constants nor operands.
  int apply(int input, const Activation& activation);
  /// The tensor, or a copy of it whose elements lie one after the other.
  int dense(int tensor);
  int copy(int tensor);
  /// A copy of `input` in which the first of three axes, over all of its elements, has changed places with the second.
  int with_exchanged_axes(int input, std::int64_t A, std::int64_t B, std::int64_t C);
  /// The same memory in another shape.
  int view(int tensor, std::vector<std::int64_t> shape, std::int64_t images);
  /// The same memory in the call's output shape: Keras' order of elements is that of the memory.
  /// @throws NotCompiledError where that has not as many elements
  int reshape(int tensor);

 private:
  int add_elementwise(DraftStep step, const Epilogue& epilogue);

  const NetworkSource& source_;
  const int index_;
};

/// Lowers a call. @return the tensor of its output
using Lowering = int (*)(CallLowering& call);
/// By class of layer, or by name of operator.
using Lowerings = std::map<std::string_view, Lowering>;

const Lowerings& convolution_lowerings();
const Lowerings& transposed_lowerings();
const Lowerings& elementwise_lowerings();
const Lowerings& merge_lowerings();
const Lowerings& window_lowerings();
const Lowerings& view_lowerings();

/// True for a call of TensorFlow's functions or Keras 3's operations.
bool is_operator(const ModelLayer& layer);
int lower_operator(CallLowering& call);

/// True for a class in one of the tables.
bool has_lowering(const std::string& class_name);

/// Why layers of the class are never compiled.
std::string why_class_refused(const std::string& class_name);

/// Lowers a call of any layer that has no why_never().
/// @throws NotCompiledError, std::invalid_argument with the reason
int lower_call(CallLowering& call);

/// Appends the numbers of a JSON value, a number or lists of them. @throws NotCompiledError with `refusal`
void append_numbers(const nlohmann::json& given, Values& numbers, const char* refusal);

/// Appends a step of one kind with a constant for each channel.
void add_constant_step(EpilogueKind kind, Values values, Epilogue& epilogue, std::vector<Values>& arrays);

/// The layout in which the axis, counted with the batch and perhaps from the last one, is that of the channels.
/// @throws NotCompiledError naming `what` where there is none
Layout layout_with_channels(const nlohmann::json& axis, int rank, const std::string& what);
/// That of a layer's data_format.
Layout layout_of(const nlohmann::json& config);

}  // namespace sepconv::keras
