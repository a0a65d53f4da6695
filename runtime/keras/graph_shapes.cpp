#include "runtime/keras/graph_shapes.h"

#include <algorithm>
#include <map>
#include <set>
#include <stdexcept>

#include "runtime/keras/call_arguments.h"
#include "runtime/keras/json_text.h"
#include "runtime/keras/layer_class.h"
#include "runtime/keras/near_names.h"
#include "runtime/keras/time_distributed.h"
#include "sepconv/conv_problem.h"

namespace sepconv::keras {
namespace {

bool has_open_extents(const std::optional<Shape>& shape) {
  return !shape || std::find(shape->begin() + (shape->empty() ? 0 : 1), shape->end(), kDynamic) != shape->end();
}

/// Makes `given` the shape of an input; false when it contradicts the model.
bool give(LayerCall& input, const Shape& given) {
  if (input.shapes[0] && contradict(*input.shapes[0], given)) return false;
  input.shapes[0] = merged(input.shapes[0], given);
  return true;
}

/// A nested model was made for the shapes of its inputs, and Keras holds its callers to them.
void add_expected(LayerCall& call) {
  if (call.shapes.size() < call.expected.size()) call.shapes.resize(call.expected.size());
  for (std::size_t i = 0; i < call.expected.size(); ++i) call.shapes[i] = merged(call.shapes[i], call.expected[i]);
}

void refuse_repeated(const std::vector<NamedShape>& shapes, const std::string& what) {
  std::set<std::string> names;
  for (const NamedShape& shape : shapes)
    if (!names.insert(shape.name).second) throw std::invalid_argument(what + " of '" + shape.name + "': given twice");
}

void give_input_shapes(ModelGraph& graph, const std::string& file, const ModelOptions& options) {
  std::vector<LayerCall*> inputs;
  std::vector<std::string> names;
  for (LayerCall& call : graph.calls)
    if (call.layer < 0) {
      inputs.push_back(&call);
      names.push_back(call.input_name);
    }
  for (const NamedShape& given : options.input_shapes) {
    const Shape wanted = with_batch(given.extents, file + ": input shape of '" + given.name + "'");
    const auto found = std::find(names.begin(), names.end(), given.name);
    if (found == names.end())
      throw std::invalid_argument(file + ": input shape " + extents_text(wanted) + ": the model has no input '" +
                                  given.name + "'" + near_names(given.name, names));
    LayerCall& input = *inputs[static_cast<std::size_t>(found - names.begin())];
    if (!give(input, wanted))
      throw std::invalid_argument(file + ": input shape " + extents_text(wanted) + " contradicts input '" + given.name +
                                  "', which is " + extents_text(*input.shapes[0]));
  }
  if (options.input_shape.empty()) return;
  const Shape wanted = with_batch(options.input_shape, file + ": input shape");
  bool fits = false;
  std::string known;
  for (LayerCall* input : inputs) {
    fits = give(*input, wanted) || fits;
    known += (known.empty() ? "" : ", ") +
             ("'" + input->input_name + "' " + extents_text(input->shapes[0].value_or(Shape{})));
  }
  if (!fits)
    throw std::invalid_argument(file + ": input shape " + extents_text(wanted) +
                                " fits no input of the model: its rank differs, or it contradicts a known extent (" +
                                known + ")");
}

/// Goes through the calls once, from the inputs on.
class Propagation {
 public:
  Propagation(ModelGraph& graph, const ChannelsOf& channels, std::map<int, Shape> given, bool trust_built)
      : graph_(graph), channels_(channels), given_(std::move(given)), trust_built_(trust_built) {}

  void run() {
    for (std::size_t i = 0; i < graph_.calls.size(); ++i) {
      LayerCall& call = graph_.calls[i];
      if (call.layer < 0) {
        if (has_open_extents(call.shape(0))) call.lost_at = static_cast<int>(i);
        continue;
      }
      const ModelLayer& layer = graph_.layers[static_cast<std::size_t>(call.layer)];
      call.input_shapes.assign(call.inputs.size(), std::nullopt);
      call.lost_at = -1;
      for (std::size_t k = 0; k < call.inputs.size(); ++k) set_input(call, k, layer);
      call.shapes = rule(call, layer);
      call.shapes.resize(std::min(call.shapes.size(), static_cast<std::size_t>(call.outputs_read)));
      add_expected(call);
      const bool had_shapes = std::all_of(call.input_shapes.begin(), call.input_shapes.end(),
                                          [](const auto& shape) { return shape.has_value(); });
      if (!has_open_extents(call.shape(0)))
        call.lost_at = -1;
      else if (call.lost_at < 0 || (had_shapes && !call.shape(0)))
        call.lost_at = static_cast<int>(i);
    }
  }

  /// A layer was built at another size than it has in this model: what is recorded about sizes means little.
  bool contradicted() const { return contradicted_; }
  /// What a layer was built for would tell more.
  bool wants_built() const { return wants_built_; }
  /// Layers that a given shape fits.
  const std::set<int>& fitted() const { return fitted_; }

 private:
  Shapes rule(const LayerCall& call, const ModelLayer& layer) const {
    if (call.time != TimeAxis::untouched) return {time_shape(graph_, call)};
    if (layer.size_depends_on_version) return {};
    if (layer.class_name == "QuantizeLayer") return call.input_shapes;
    const nlohmann::json& acting = without_wrapper(*layer.json);
    const bool wrapped = &acting != layer.json;
    if (wrapped ? foreign_class(acting, false).has_value() : layer.custom) return {};
    const nlohmann::json& class_name = member(acting, "class_name");
    if (!class_name.is_string()) return {};
    return output_shapes(class_name.get<std::string>(), member(acting, "config"), call.input_shapes,
                         CallArguments(call.node, call.tensors, call.input_shapes));
  }

  void set_input(LayerCall& call, std::size_t k, const ModelLayer& layer) {
    const LayerCall& source = graph_.calls[static_cast<std::size_t>(call.inputs[k].call)];
    std::optional<Shape> shape = source.shape(call.inputs[k].output);
    if (has_open_extents(shape)) call.lost_at = std::max(call.lost_at, lost_at(call.inputs[k]));
    if (k == 0) shape = with_given(shape, call.layer);
    // In a nested model the file has the shapes of its own construction.
    if (!shape || !call.nested) shape = merged(shape, call.recorded[k]);
    if (call.inputs.size() == 1) shape = with_layers_own(shape, layer);
    call.input_shapes[k] = shape;
  }

  static int lost_at(const TensorRef& tensor, const LayerCall& source) {
    return source.lost_at >= 0 ? source.lost_at : tensor.call;
  }
  int lost_at(const TensorRef& tensor) const {
    return lost_at(tensor, graph_.calls[static_cast<std::size_t>(tensor.call)]);
  }

  std::optional<Shape> with_given(const std::optional<Shape>& shape, int layer) {
    const auto given = given_.find(layer);
    if (given == given_.end() || (shape && contradict(*shape, given->second))) return shape;
    fitted_.insert(layer);
    return merged(shape, given->second);
  }

  /// Adds what the layer was built for, and the channels that its weights have.
  std::optional<Shape> with_layers_own(std::optional<Shape> shape, const ModelLayer& layer) {
    const std::optional<Shape> built = built_input_shape(*layer.json);
    if (shape && built && contradict(*shape, *built) && layer.calls.size() == 1) contradicted_ = true;
    if (!shape && built && layer.calls.size() == 1) {
      wants_built_ = true;
      if (trust_built_) shape = built;
    }
    const std::size_t axis = channel_axis(layer.class_name, layer.config());
    const std::size_t rank = input_rank(layer.class_name);
    if (rank == 0 || layer.custom || (shape && (shape->size() != rank || (*shape)[axis] != kDynamic))) return shape;
    std::optional<std::int64_t> channels;
    if (built && built->size() == rank && (*built)[axis] != kDynamic)
      channels = (*built)[axis];
    else if (channels_)
      channels = channels_(layer);
    if (!channels) return shape;
    if (!shape) shape = Shape(rank, kDynamic);
    (*shape)[axis] = *channels;
    return shape;
  }

  ModelGraph& graph_;
  const ChannelsOf& channels_;
  const std::map<int, Shape> given_;  // by layer
  const bool trust_built_;
  bool contradicted_ = false, wants_built_ = false;
  std::set<int> fitted_;
};

std::map<int, Shape> given_layer_shapes(const ModelGraph& graph, const std::string& file, const ModelOptions& options) {
  std::map<int, Shape> given;
  for (const NamedShape& shape : options.layer_shapes) {
    const Shape wanted = with_batch(shape.extents, file + ": layer shape of '" + shape.name + "'");
    const auto layer = std::find_if(graph.layers.begin(), graph.layers.end(),
                                    [&](const ModelLayer& other) { return other.name == shape.name; });
    if (layer == graph.layers.end()) {
      std::vector<std::string> names;
      for (const ModelLayer& other : graph.layers) names.push_back(other.name);
      throw std::invalid_argument(file + ": layer shape " + extents_text(wanted) + ": the model has no layer '" +
                                  shape.name + "'" + near_names(shape.name, names));
    }
    given[static_cast<int>(layer - graph.layers.begin())] = wanted;
  }
  return given;
}

void refuse_unfitting(const ModelGraph& graph, const std::string& file, const std::map<int, Shape>& given,
                      const std::set<int>& fitted) {
  for (const auto& [index, shape] : given) {
    if (fitted.count(index)) continue;
    const ModelLayer& layer = graph.layers[static_cast<std::size_t>(index)];
    std::string reads = "the model never calls it";
    if (!layer.calls.empty()) {
      const LayerCall& call = graph.calls[static_cast<std::size_t>(layer.calls.front())];
      reads = call.input_shapes.empty() || !call.input_shapes[0] ? "it has no input of known shape"
                                                                 : "it reads " + extents_text(*call.input_shapes[0]);
    }
    throw std::invalid_argument(file + ": layer shape " + extents_text(shape) + " does not fit layer '" + layer.name +
                                "': " + reads);
  }
}

}  // namespace

void set_shapes(ModelGraph& graph, const std::string& file, const ModelOptions& options, const ChannelsOf& channels) {
  for (LayerCall& call : graph.calls)
    if (call.layer < 0) add_expected(call);
  refuse_repeated(options.input_shapes, file + ": input shape");
  refuse_repeated(options.layer_shapes, file + ": layer shape");
  give_input_shapes(graph, file, options);
  const std::map<int, Shape> given = given_layer_shapes(graph, file, options);
  Propagation cautious(graph, channels, given, false);
  cautious.run();
  refuse_unfitting(graph, file, given, cautious.fitted());
  if (!cautious.wants_built() || cautious.contradicted()) return;
  Propagation trusting(graph, channels, given, true);
  trusting.run();
  if (trusting.contradicted()) Propagation(graph, channels, given, false).run();
}

}  // namespace sepconv::keras
