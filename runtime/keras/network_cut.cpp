#include "runtime/keras/network_cut.h"

#include <algorithm>
#include <stdexcept>

#include "runtime/keras/near_names.h"

namespace sepconv::keras {
namespace {

bool same(const TensorRef& a, const TensorRef& b) { return a.call == b.call && a.output == b.output; }

void add_once(std::vector<TensorRef>& tensors, const TensorRef& tensor) {
  if (std::none_of(tensors.begin(), tensors.end(), [&](const TensorRef& known) { return same(known, tensor); }))
    tensors.push_back(tensor);
}

class Cutter {
 public:
  Cutter(const ModelGraph& graph, const PlanOptions& options, const std::string& file)
      : graph_(graph), options_(options), file_(file) {}

  NetworkCut cut() {
    const std::vector<bool> live = leading_to_outputs();
    NetworkCut cut;
    cut.calls = options_.to.empty() ? live : leading_to(calls_of(options_.to, "to"));
    std::vector<bool> behind(graph_.calls.size(), true);
    if (!options_.from.empty()) behind = reached_from(calls_of(options_.from, "from"));
    bool any = false;
    for (std::size_t i = 0; i < cut.calls.size(); ++i) any = (cut.calls[i] = cut.calls[i] && behind[i]) || any;
    if (!any) throw std::invalid_argument(file_ + ": " + why_empty());
    set_inputs(cut);
    set_outputs(cut, live);
    return cut;
  }

 private:
  const LayerCall& call(std::size_t index) const { return graph_.calls[index]; }

  std::string why_empty() const {
    if (options_.from.empty()) return "no layer leads to the model's outputs";
    const std::string to = options_.to.empty() ? "the model's outputs do" : "layer '" + options_.to + "' does";
    return to + " not depend on layer '" + options_.from + "'";
  }

  std::vector<int> calls_of(const std::string& name, const char* option) const {
    const auto layer = std::find_if(graph_.layers.begin(), graph_.layers.end(),
                                    [&](const ModelLayer& other) { return other.name == name; });
    const std::string what = file_ + ": --" + option + " " + name + ": the model ";
    if (layer == graph_.layers.end()) {
      std::vector<std::string> names;
      for (const ModelLayer& other : graph_.layers) names.push_back(other.name);
      throw std::invalid_argument(what + "has no layer '" + name + "'" + near_names(name, names));
    }
    if (layer->calls.empty()) throw std::invalid_argument(what + "never calls this layer");
    return layer->calls;
  }

  std::vector<bool> leading_to(const std::vector<int>& targets) const {
    std::vector<bool> leads(graph_.calls.size(), false);
    for (const int target : targets) leads[static_cast<std::size_t>(target)] = true;
    for (std::size_t i = leads.size(); i-- > 0;)
      if (leads[i])
        for (const TensorRef& input : call(i).inputs) leads[static_cast<std::size_t>(input.call)] = true;
    return leads;
  }

  std::vector<bool> leading_to_outputs() const {
    std::vector<int> outputs;
    for (const TensorRef& output : graph_.outputs) outputs.push_back(output.call);
    return leading_to(outputs);
  }

  std::vector<bool> reached_from(const std::vector<int>& starts) const {
    std::vector<bool> reached(graph_.calls.size(), false);
    for (const int start : starts) reached[static_cast<std::size_t>(start)] = true;
    for (std::size_t i = 0; i < reached.size(); ++i)
      for (const TensorRef& input : call(i).inputs)
        if (reached[static_cast<std::size_t>(input.call)]) reached[i] = true;
    return reached;
  }

  /// The model's inputs in their order, then what the calls read from outside.
  void set_inputs(NetworkCut& cut) const {
    for (const TensorRef& input : graph_.inputs)
      if (cut.calls[static_cast<std::size_t>(input.call)]) add_once(cut.inputs, input);
    for (std::size_t i = 0; i < cut.calls.size(); ++i) {
      if (!cut.calls[i]) continue;
      for (const TensorRef& input : call(i).inputs)
        if (!cut.calls[static_cast<std::size_t>(input.call)]) add_once(cut.inputs, input);
    }
  }

  /// The model's outputs in their order, or what is read behind the cut.
  void set_outputs(NetworkCut& cut, const std::vector<bool>& live) const {
    const auto inside = [&](const TensorRef& tensor) { return cut.calls[static_cast<std::size_t>(tensor.call)]; };
    if (options_.to.empty()) {
      for (std::size_t i = 0; i < graph_.outputs.size(); ++i) {
        if (!inside(graph_.outputs[i])) continue;
        cut.outputs.push_back(graph_.outputs[i]);
        cut.output_names.push_back(graph_.output_names[i]);
      }
      return;
    }
    std::vector<TensorRef> outputs = graph_.outputs;
    for (const int last : calls_of(options_.to, "to")) outputs.push_back({last, 0});
    for (std::size_t i = 0; i < cut.calls.size(); ++i)
      if (live[i] && !cut.calls[i]) outputs.insert(outputs.end(), call(i).inputs.begin(), call(i).inputs.end());
    std::vector<TensorRef> cut_tensors;
    for (const TensorRef& output : outputs)
      if (inside(output) && call(static_cast<std::size_t>(output.call)).layer >= 0) add_once(cut_tensors, output);
    std::sort(cut_tensors.begin(), cut_tensors.end(), [](const TensorRef& a, const TensorRef& b) {
      return a.call != b.call ? a.call < b.call : a.output < b.output;
    });
    cut.outputs = cut_tensors;
  }

  const ModelGraph& graph_;
  const PlanOptions& options_;
  const std::string& file_;
};

}  // namespace

NetworkCut cut_network(const ModelGraph& graph, const PlanOptions& options, const std::string& file) {
  return Cutter(graph, options, file).cut();
}

}  // namespace sepconv::keras
