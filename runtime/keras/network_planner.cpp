#include "runtime/keras/network_planner.h"

#include <algorithm>
#include <limits>
#include <map>
#include <stdexcept>

#include "runtime/core/memory_plan.h"
#include "runtime/keras/activation_config.h"
#include "runtime/keras/json_text.h"
#include "runtime/keras/network_cut.h"
#include "runtime/keras/network_finish.h"
#include "runtime/keras/network_lowering.h"
#include "runtime/keras/network_passes.h"
#include "sepconv/detail/keras_layer.h"

namespace sepconv::keras {
namespace {

constexpr std::size_t kMostCalls = 10000, kMostSteps = 1 << 14;
constexpr const char* kAdvice = "; plan a part of the model with --from LAYER and --to LAYER";

/// Why there is no network, in one line.
class NoNetwork : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Lowers the calls of a cut, one after the other.
class NetworkPlanner {
 public:
  NetworkPlanner(const NetworkSource& source, const NetworkCut& cut) : source_(source), cut_(cut) {}

  PlannedNetwork plan() {
    if (cut_.calls.size() > kMostCalls)
      throw NoNetwork("a model with more than " + std::to_string(kMostCalls) + " calls of layers is not one network");
    find_dtype();
    for (const TensorRef& input : cut_.inputs) add_input(input);
    for (std::size_t i = 0; i < cut_.calls.size(); ++i)
      if (cut_.calls[i] && graph().calls[i].layer >= 0) lower(static_cast<int>(i));
    for (const TensorRef& output : cut_.outputs) draft_.outputs.push_back(tensor_of(output));
    separate_outputs(draft_);
    for (std::size_t i = 0; i < cut_.output_names.size(); ++i)
      draft_.tensor(draft_.outputs[i]).tensor.name = cut_.output_names[i];
    draft_.drop_unread();
    merge_equal(draft_);
    absorb_padding(draft_);
    fuse_elementwise(draft_);
    absorb_padding_of_pools(draft_);
    join_separable(draft_);
    place_parts(draft_);
    PlannedNetwork network = finished(draft_, source_.weights.available());
    detail::plan_memory(network.plan);
    validate(network.plan);
    return network;
  }

 private:
  const ModelGraph& graph() const { return source_.graph; }
  const LayerCall& call(int index) const { return graph().calls[static_cast<std::size_t>(index)]; }

  [[noreturn]] void refuse(int index, const std::string& reason) const {
    const bool helped = reason.find("; pass --") != std::string::npos;
    throw NoNetwork(title(index) + ": " + reason + (helped ? "" : kAdvice));
  }

  std::string title(int index) const {
    if (call(index).layer < 0) return call(index).input_name + " (InputLayer)";
    const ModelLayer& layer = graph().layers[static_cast<std::size_t>(call(index).layer)];
    return layer.name + " (" + layer.class_name + ")";
  }

  std::string name_of(const TensorRef& tensor) const {
    const LayerCall& source = call(tensor.call);
    return source.layer < 0 ? source.input_name : graph().layers[static_cast<std::size_t>(source.layer)].name;
  }

  /// The type that the layer computes in; nothing where it computes in that of its tensors.
  std::optional<DataType> dtype_of(int index) const {
    const ModelLayer& layer = graph().layers[static_cast<std::size_t>(call(index).layer)];
    if (call(index).time != TimeAxis::untouched || layer.custom || is_operator(layer)) return std::nullopt;
    const std::string policy = dtype_policy_name(layer.config(), layer.title());
    const auto dtype = compute_dtype(policy);
    if (!dtype) throw NotCompiledError("dtype policy " + policy + " is not compiled");
    return dtype;
  }

  void find_dtype() {
    for (int i = 0; i < static_cast<int>(cut_.calls.size()); ++i)
      if (cut_.calls[static_cast<std::size_t>(i)] && call(i).layer >= 0)
        if (const auto dtype = guarded(i, [&] { return dtype_of(i); })) {
          dtype_ = *dtype;
          return;
        }
  }

  /// What `run` returns; the reason for which it throws becomes that for which there is no network.
  template <class Run>
  auto guarded(int index, const Run& run) const -> decltype(run()) {
    try {
      return run();
    } catch (const NoNetwork&) {
      throw;
    } catch (const std::exception& error) {  // what JSON's own accessors throw about damaged files, too
      refuse(index, error.what());
    }
  }

  /// The shape without the batch. @throws NotCompiledError where an extent is open, or too large
  static std::vector<std::int64_t> static_shape(const std::optional<Shape>& shape, const std::string& what) {
    if (!shape || shape->empty()) throw NotCompiledError(what + " shape unknown; pass --input-shape HxWxC");
    constexpr std::int64_t kMostExtent = 1 << 24;
    constexpr double kMostElements = std::numeric_limits<std::int32_t>::max();
    double elements = 1;
    for (auto extent = shape->begin() + 1; extent != shape->end(); ++extent) {
      if (*extent == kDynamic) throw NotCompiledError(what + " shape unknown; pass --input-shape HxWxC");
      if (*extent < 1) throw NotCompiledError(what + " is empty");
      if (*extent > kMostExtent) throw NotCompiledError(what + " is too large");
      elements *= static_cast<double>(*extent);
    }
    if (elements > kMostElements) throw NotCompiledError(what + " is too large");
    if (shape->size() == 1) throw NotCompiledError(what + " is one number for each sample");
    return {shape->begin() + 1, shape->end()};
  }

  void add_input(const TensorRef& input) {
    if (input.output != 0) refuse(input.call, "a layer with several outputs is not compiled");
    DraftTensor like;
    like.tensor.dtype = dtype_;
    const auto shape = guarded(input.call, [&] { return static_shape(call(input.call).shape(0), "its output"); });
    int tensor = draft_.add_tensor(name_of(input), port_shape(shape), like);
    draft_.tensor(tensor).is_input = true;
    draft_.tensor(tensor).tensor.images = elements_of_shape(shape) / elements_of_shape(port_shape(shape));
    draft_.inputs.push_back(tensor);
    if (port_shape(shape) != shape) tensor = draft_.add_view(tensor, name_of(input), shape, 1);
    tensors_[input.call] = tensor;
  }

  int tensor_of(const TensorRef& tensor) const {
    if (tensor.output != 0) refuse(tensor.call, "a layer with several outputs is not compiled");
    return tensors_.at(tensor.call);
  }

  void lower(int index) {
    tensors_[index] = guarded(index, [&] {
      if (const auto dtype = dtype_of(index); dtype && *dtype != dtype_)
        throw NotCompiledError(std::string("computes in ") + keras_name(*dtype) + ", the layers before it in " +
                               keras_name(dtype_) + ": one type is compiled for all");
      std::vector<int> inputs;
      for (const TensorRef& input : call(index).inputs) inputs.push_back(tensor_of(input));
      CallLowering lowering(source_, draft_, index, dtype_, inputs);
      if (const auto why = lowering.why_never()) throw NotCompiledError(*why);
      static_shape(call(index).shape(0), "its output");
      if (inputs.empty()) throw NotCompiledError("a layer that reads no tensor is not compiled");
      if (draft_.steps.size() > kMostSteps) throw NotCompiledError("the network has too many steps");
      return lower_call(lowering);
    });
  }

  const NetworkSource& source_;
  const NetworkCut& cut_;
  Draft draft_;
  DataType dtype_ = DataType::float32;
  std::map<int, int> tensors_;  // of the draft, by call of the graph
};

}  // namespace

void plan_network(const ModelDocument& document, const PlanOptions& options, const ModelGraph& graph,
                  const LayerWeights& weights, Plan& plan) {
  const NetworkCut cut = cut_network(graph, options, document.file);
  const NetworkSource source{document, graph, weights};
  try {
    plan.network = NetworkPlanner(source, cut).plan();
  } catch (const std::exception& error) {  // the layers stay planned
    plan.why_no_network = error.what();
  }
}

}  // namespace sepconv::keras
