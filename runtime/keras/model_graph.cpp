#include "runtime/keras/model_graph.h"

#include <algorithm>
#include <map>
#include <set>
#include <stdexcept>

#include "runtime/keras/graph_shapes.h"
#include "runtime/keras/json_text.h"
#include "runtime/keras/model_spec.h"
#include "runtime/keras/shape_math.h"
#include "runtime/keras/time_distributed.h"

namespace sepconv::keras {

using nlohmann::json;

namespace {

// As kMaxCalls, for models without layers, which make no calls: layers and tensors passed on the way.
constexpr std::size_t kMaxSteps = 10 * kMaxCalls;

/// Unfolds specs into calls.
class Unfolder {
 public:
  Unfolder(ModelGraph& graph, const std::string& file) : graph_(graph), file_(file) {}

  /// @param arguments  tensors for the model's inputs; nothing for the outermost model, whose inputs become calls
  std::vector<TensorRef> unfold(const ModelSpec& spec, const std::vector<TensorRef>* arguments) {
    if (arguments && arguments->size() != spec.inputs.size())
      throw std::invalid_argument(spec.what + ": called with " + std::to_string(arguments->size()) +
                                  " tensors; it has " + std::to_string(spec.inputs.size()) + " inputs");
    count_steps(spec, spec.items.size());
    // Outputs of each call of each item, filled as their inputs become known.
    std::vector<std::vector<std::vector<TensorRef>>> values(spec.items.size());
    std::vector<std::vector<std::size_t>> missing(spec.items.size());
    std::map<std::pair<std::size_t, std::size_t>, std::vector<std::pair<std::size_t, std::size_t>>> readers;
    std::set<std::pair<std::size_t, std::size_t>> ready;
    std::size_t nodes = 0, done = 0;
    for (std::size_t i = 0; i < spec.items.size(); ++i) {
      const ModelItem& item = spec.items[i];
      values[i].resize(item.nodes.size());
      for (std::size_t n = 0; n < item.nodes.size(); ++n, ++nodes) {
        for (const NamedTensor& tensor : item.nodes[n])
          readers[{tensor.item, node_index(spec, tensor)}].push_back({i, n});
        count_steps(spec, 1 + item.nodes[n].size());
        missing[i].push_back(item.nodes[n].size());
        if (item.nodes[n].empty()) ready.insert({i, n});
      }
    }
    for (std::size_t i = 0; arguments && i < spec.inputs.size(); ++i)
      bind(spec.items[spec.inputs[i].item], (*arguments)[i], values[spec.inputs[i].item]);
    while (!ready.empty()) {
      const auto [i, n] = *ready.begin();
      ready.erase(ready.begin());
      ++done;
      run_node(spec, i, n, values);
      for (const auto& [reader_item, reader_node] : readers[{i, n}])
        if (--missing[reader_item][reader_node] == 0) ready.insert({reader_item, reader_node});
    }
    if (done != nodes) throw std::invalid_argument(spec.what + ": its layers form a cycle");
    if (!arguments)
      for (const NamedTensor& tensor : spec.inputs) graph_.inputs.push_back(resolve(spec, tensor, values));
    std::vector<TensorRef> outputs;
    for (const NamedTensor& tensor : spec.outputs) outputs.push_back(resolve(spec, tensor, values));
    return outputs;
  }

 private:
  static std::size_t node_index(const ModelSpec& spec, const NamedTensor& tensor) {
    const ModelItem& item = spec.items[tensor.item];
    if (tensor.node < 0 || tensor.node >= static_cast<std::int64_t>(item.nodes.size()))
      throw std::invalid_argument(spec.what + ": call " + std::to_string(tensor.node) + " of layer '" + item.name +
                                  "' is read, but it does not exist");
    return static_cast<std::size_t>(tensor.node);
  }

  static TensorRef resolve(const ModelSpec& spec, const NamedTensor& tensor,
                           const std::vector<std::vector<std::vector<TensorRef>>>& values) {
    const std::vector<TensorRef>& outputs = values[tensor.item][node_index(spec, tensor)];
    const auto index = static_cast<std::size_t>(tensor.output);
    constexpr std::int64_t kMaxIndex = 1 << 16;
    if (tensor.output >= 0 && index < outputs.size()) return outputs[index];
    // Layers of several outputs have one entry here; all of them are unknown to the rules for shapes.
    if (!spec.items[tensor.item].model && !outputs.empty() && tensor.output > 0 && tensor.output < kMaxIndex)
      return {outputs[0].call, static_cast<int>(tensor.output)};
    throw std::invalid_argument(spec.what + ": output " + std::to_string(tensor.output) + " of layer '" +
                                spec.items[tensor.item].name + "' is read, but it does not exist");
  }

  /// Makes a tensor of the outer model the input of a nested one.
  void bind(const ModelItem& input, const TensorRef& argument, std::vector<std::vector<TensorRef>>& values) {
    if (!input.is_input) return;
    values[0] = {argument};
    Shapes& expected = graph_.calls[static_cast<std::size_t>(argument.call)].expected;
    const auto output = static_cast<std::size_t>(argument.output);
    if (output >= kMaxOutputs) return;
    if (expected.size() <= output) expected.resize(output + 1);
    expected[output] = merged(expected[output], input.input_shape);
  }

  void run_node(const ModelSpec& spec, std::size_t i, std::size_t n,
                std::vector<std::vector<std::vector<TensorRef>>>& values) {
    const ModelItem& item = spec.items[i];
    if (graph_.calls.size() > kMaxCalls) throw std::invalid_argument(spec.what + ": too many layer calls");
    if (item.is_input && !values[i][n].empty()) return;  // bound to an argument
    LayerCall call;
    for (const NamedTensor& tensor : item.nodes[n]) {
      call.inputs.push_back(resolve(spec, tensor, values));
      call.recorded.push_back(tensor.shape);
      call.tensors.push_back(tensor.source);
    }
    if (n < item.node_json.size()) call.node = item.node_json[n];
    if (item.model) keep_inputs(item, n, call);
    if (item.is_timed) {
      values[i][n] = unfold_timed(item, call);
    } else if (item.model) {
      ++depth_;
      values[i][n] = unfold(*item.model, &call.inputs);
      --depth_;
    } else {
      call.layer = item.layer;
      if (item.is_input) {
        call.input_name = item.name;
        call.shapes = {item.input_shape};
      }
      values[i][n] = {add_call(std::move(call))};
    }
  }

  /// A model's call without what comes by keyword, such as a mask, which has no effect on a convolution.
  static void keep_inputs(const ModelItem& item, std::size_t n, LayerCall& call) {
    const std::vector<NamedTensor>& tensors = item.nodes[n];
    const auto positional =
        std::count_if(tensors.begin(), tensors.end(), [](auto& tensor) { return !tensor.by_keyword; });
    if (static_cast<std::size_t>(positional) < item.model->inputs.size()) return;  // model(inputs=x)
    LayerCall kept = call;
    kept.inputs.clear();
    kept.recorded.clear();
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      if (tensors[i].by_keyword) continue;
      kept.inputs.push_back(call.inputs[i]);
      kept.recorded.push_back(call.recorded[i]);
    }
    call = std::move(kept);
  }

  /// Time goes into the batch before the layers inside, and comes out of it behind them.
  std::vector<TensorRef> unfold_timed(const ModelItem& item, const LayerCall& outer) {
    std::vector<TensorRef> inputs, outputs;
    for (std::size_t i = 0; i < outer.inputs.size(); ++i) {
      LayerCall call;
      call.layer = item.layer;
      call.time = TimeAxis::into_batch;
      call.inputs = {outer.inputs[i]};
      call.recorded = {outer.recorded[i]};
      inputs.push_back(add_call(std::move(call)));
    }
    if (inputs.empty()) throw std::invalid_argument(item.model->what + ": a TimeDistributed layer has no input");
    ++depth_;
    const std::vector<TensorRef> inner_outputs = unfold(*item.model, &inputs);
    --depth_;
    for (const TensorRef& inner : inner_outputs) {
      LayerCall call;
      call.layer = item.layer;
      call.time = TimeAxis::out_of_batch;
      call.time_taken_at = inputs.front().call;
      call.inputs = {inner};
      call.recorded = {std::nullopt};
      outputs.push_back(add_call(std::move(call)));
    }
    return outputs;
  }

  TensorRef add_call(LayerCall call) {
    if (graph_.calls.size() > kMaxCalls) throw std::invalid_argument(file_ + ": too many layer calls");
    const int index = static_cast<int>(graph_.calls.size());
    call.nested = depth_ > 0;
    for (const TensorRef& input : call.inputs) {
      LayerCall& source = graph_.calls[static_cast<std::size_t>(input.call)];
      source.consumers.push_back(index);
      source.outputs_read = std::max(source.outputs_read, input.output + 1);
    }
    if (call.layer >= 0) graph_.layers[static_cast<std::size_t>(call.layer)].calls.push_back(index);
    graph_.calls.push_back(std::move(call));
    return {index, 0};
  }

  void count_steps(const ModelSpec& spec, std::size_t steps) {
    steps_ += steps;
    if (steps_ > kMaxSteps) throw std::invalid_argument(spec.what + ": its nested models unfold into too many steps");
  }

  ModelGraph& graph_;
  const std::string& file_;
  std::size_t steps_ = 0;
  int depth_ = 0;  // of the nested model that is being unfolded
};

}  // namespace

const json& ModelLayer::config() const { return member(*json, "config"); }

std::string snake_case(const std::string& name) {
  // Keras: (.)([A-Z][a-z]+) -> \1_\2, then ([a-z])([A-Z]) -> \1_\2, then lower case.
  const auto is_upper = [](char c) { return c >= 'A' && c <= 'Z'; };
  const auto is_lower = [](char c) { return c >= 'a' && c <= 'z'; };
  std::string words;
  for (std::size_t i = 0; i < name.size();) {
    if (i + 2 < name.size() && is_upper(name[i + 1]) && is_lower(name[i + 2])) {
      words += name[i];
      words += '_';
      words += name[++i];
      while (++i < name.size() && is_lower(name[i])) words += name[i];
    } else {
      words += name[i++];
    }
  }
  std::string result;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0 && is_lower(words[i - 1]) && is_upper(words[i])) result += '_';
    result += is_upper(words[i]) ? static_cast<char>(words[i] - 'A' + 'a') : words[i];
  }
  return result;
}

ModelGraph build_graph(const ModelDocument& document, const ModelOptions& options, const ChannelsOf& channels) {
  if (!is_model(document.json))
    throw std::invalid_argument(document.file + ": expected a Functional or Sequential model. Received class_name " +
                                shown(member(document.json, "class_name")));
  ModelGraph graph;
  const ModelSpec spec = read_model_spec(document, graph);
  graph.outputs = Unfolder(graph, document.file).unfold(spec, nullptr);
  for (const NamedTensor& output : spec.outputs) graph.output_names.push_back(spec.items[output.item].name);
  for (const TensorRef& output : graph.outputs) {
    LayerCall& source = graph.calls[static_cast<std::size_t>(output.call)];
    source.is_output = true;
    source.outputs_read = std::max(source.outputs_read, output.output + 1);
  }
  join_time_distributed(graph);
  set_shapes(graph, document.file, options, channels);
  return graph;
}

}  // namespace sepconv::keras
