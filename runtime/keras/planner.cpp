#include "runtime/keras/planner.h"

#include <algorithm>
#include <map>
#include <stdexcept>

#include "runtime/keras/activation_config.h"
#include "runtime/keras/chain.h"
#include "runtime/keras/json_text.h"
#include "runtime/keras/layer_weights.h"
#include "runtime/keras/model_graph.h"
#include "runtime/keras/network_planner.h"

namespace sepconv::keras {

using nlohmann::json;

namespace {

constexpr int kUnknownRank = 8;  // above that of any tensor, so that no axis counts as beyond it

bool is_supported_class(const std::string& name) {
  for (const char* known :
       {"SeparableConv1D", "SeparableConv2D", "DepthwiseConv1D", "DepthwiseConv2D", "Conv1D", "Conv2D"})
    if (name == known) return true;
  return false;
}

/// What to do about a layer of TensorFlow's model optimization toolkit.
std::string advice_on_wrapper(const std::string& class_name) {
  const auto begins = [&](std::string_view start) { return class_name.compare(0, start.size(), start) == 0; };
  if (begins("QuantizeWrapper") || begins("QuantizeAnnotate"))
    return ": it is for quantization-aware training; save the model as it was before quantize_model()";
  if (begins("PruneLowMagnitude")) return ": call strip_pruning() and save the model again";
  if (begins("ClusterWeights")) return ": call strip_clustering() and save the model again";
  return "";
}

bool holds_convolution(const json& layers) {
  return layers.is_array() && std::any_of(layers.begin(), layers.end(), [](const json& layer) {
           const json& name = member(layer, "class_name");
           return name.is_string() && name.get_ref<const std::string&>().find("Conv") != std::string::npos;
         });
}

class Planner {
 public:
  Planner(const ModelDocument& document, const PlanOptions& options)
      : document_(document),
        options_(options),
        weights_(document),
        graph_(build_graph(document, options, channels_of_weights(weights_, document.rules))) {}

  Plan plan() {
    for (std::size_t i = 0; i < graph_.layers.size(); ++i) read_layer(static_cast<int>(i));
    if (options_.join) find_joins();
    Plan plan;
    for (const ModelLayer& layer : graph_.layers) names_.emplace(layer.name, false);
    for (const auto& [layer, chains] : chains_) {
      if (pointwise_of_join_.count(layer)) continue;
      std::size_t number = 0;
      for (const Chain& chain : chains) {
        const auto join = joins_.find(layer);
        PlannedLayer result = join == joins_.end() ? planned(chain) : join->second;
        result.name = unique_name(graph_.layers[static_cast<std::size_t>(layer)].name, ++number);
        add_names(chain, result.absorbed);
        if (join != joins_.end()) add_names(chains_.at(joined_with_.at(layer)).front(), result.absorbed);
        plan.layers.push_back(std::move(result));
      }
    }
    plan.skipped = std::move(skipped_);
    if (options_.network) plan_network(document_, options_, graph_, weights_, plan);
    return plan;
  }

 private:
  const LayerCall& call(int index) const { return graph_.calls[static_cast<std::size_t>(index)]; }
  const ModelLayer& layer_of(int index) const { return graph_.layers[static_cast<std::size_t>(call(index).layer)]; }
  std::string title(const ModelLayer& layer) const { return document_.file + ": " + layer.title(); }

  /// "dw#2" for the second problem of a layer, or where another layer's path reads the same, as "a/b" and "c" in "a".
  std::string unique_name(const std::string& layer, std::size_t number) {
    std::string name = number == 1 ? layer : layer + "#" + std::to_string(number);
    while (number == 1 ? names_.at(name) : names_.count(name) > 0) name = layer + "#" + std::to_string(++number);
    names_[name] = true;
    return name;
  }

  void skip(const ModelLayer& layer, const std::string& reason) {
    skipped_.push_back({layer.name, layer.class_name, reason});
  }

  void add_names(const Chain& chain, std::vector<std::string>& names) const {
    for (const int index : chain.calls) names.push_back(layer_of(index).name);
  }

  /// Makes the chains of a convolution layer, or says why there are none; passes over all other layers.
  void read_layer(int index) {
    const ModelLayer& layer = graph_.layers[static_cast<std::size_t>(index)];
    if (!is_supported_class(layer.class_name) || layer.custom) {
      skip_if_convolution(layer);
      return;
    }
    if (layer.calls.empty()) return skip(layer, "the model never calls it");
    std::vector<Chain> chains;
    // One layer that makes no sense leaves the others as they are.
    const auto why_not = reason_of(layer, [&] {
      const LayerConfig config = conv_layer_config(*layer.json, document_.rules);
      if (!config.why_not.empty()) throw NotCompiledError(config.why_not);
      // A .keras file holds the sum.
      if (document_.weights_form == WeightsForm::legacy && truthy_member(layer.config(), "lora_rank", false))
        throw NotCompiledError("an .h5 stores its kernel and LoRA's factors separately; save the model as .keras");
      for (const int user : layer.calls) {
        Chain chain = make_chain(config, user);
        const bool known = std::any_of(chains.begin(), chains.end(),
                                       [&](const Chain& other) { return other.problem == chain.problem; });
        if (!known) chains.push_back(std::move(chain));
      }
    });
    if (why_not) return skip(layer, *why_not);
    try {
      for (Chain& chain : chains) {
        read_weights(chain, layer);
        if (may_fold(layer)) absorb_followers(chain);
      }
    } catch (const std::invalid_argument& error) {
      const std::string message = error.what();
      if (may_be_foreign(layer))
        return skip(layer, "its weights do not fit Keras' " + layer.class_name + ": " + message);
      const bool named = message.find(document_.file) == 0 || message.find(weights_.what()) == 0;
      throw std::invalid_argument(named ? message : weights_.what() + ": " + message);
    }
    chains_[index] = std::move(chains);
  }

  /// An .h5 file names a layer's class without its module: another author's may have Keras' arguments and other
  /// weights. Weights that the user gives must fit all the same.
  bool may_be_foreign(const ModelLayer& layer) const {
    return document_.weights_form == WeightsForm::legacy && !document_.weights_given && !layer.json->contains("module");
  }

  /// What `read` throws about the layer: Keras would refuse it, or no kernel can be compiled.
  template <class Read>
  static std::optional<std::string> reason_of(const ModelLayer& layer, const Read& read) {
    try {
      read();
      return std::nullopt;
    } catch (const NotCompiledError& error) {
      return error.what();
    } catch (const std::invalid_argument& error) {
      const std::string message = error.what();
      const std::string title = layer.class_name + " '" + layer.path.back() + "': ";  // is listed beside the reason
      return message.compare(0, title.size(), title) == 0 ? message.substr(title.size()) : message;
    }
  }

  /// Lists a layer that is a convolution, or holds one, or applies a function that is not Keras' own.
  void skip_if_convolution(const ModelLayer& layer) {
    if (layer.class_name.find("Conv") != std::string::npos) {
      skip(layer, layer.custom ? "a custom class: " + layer.why_custom
                               : layer.class_name +
                                     " is not compiled: only SeparableConv, "
                                     "DepthwiseConv and Conv layers of 1 and 2 dimensions are");
      return;
    }
    if (layer.class_name == "Activation" && !layer.custom) {
      const std::optional<Shape> shape = layer.calls.empty() ? std::nullopt : first_input_shape(layer.calls.front());
      const int rank = shape ? static_cast<int>(shape->size()) : kUnknownRank;
      if (const auto why_not = reason_of(layer, [&] { activation_of(layer, rank); })) skip(layer, *why_not);
      return;
    }
    if (layer.holds_layers) return;  // they are layers of the graph too
    if (layer.custom && holds_convolution(member(layer.config(), "layers")))
      return skip(layer, "convolutions inside a custom class are not compiled: " + layer.why_custom);
    // Other wrappers hold a layer of their own.
    const json& inner = member(member(layer.config(), "layer"), "class_name");
    if (inner.is_string() && inner.get_ref<const std::string&>().find("Conv") != std::string::npos)
      skip(layer, inner.get<std::string>() + " inside a " + layer.class_name + " layer is not compiled" +
                      advice_on_wrapper(layer.class_name));
  }

  std::optional<Shape> first_input_shape(int index) const {
    return call(index).input_shapes.empty() ? std::nullopt : call(index).input_shapes.front();
  }

  /// The function of an activation layer. @param tensor_rank  of its input
  Activation activation_of(const ModelLayer& layer, int tensor_rank) const {
    return activation_of_layer(layer.class_name, layer.config(), document_.rules,
                               layer.class_name + " '" + layer.path.back() + "'", tensor_rank);
  }

  /// Layers that are called several times stand by themselves.
  bool may_fold(const ModelLayer& layer) const { return options_.fold && layer.calls.size() == 1; }

  Chain make_chain(const LayerConfig& config, int user) {
    const LayerCall& use = call(user);
    Chain chain;
    chain.config = config;
    std::optional<Shape> shape = use.inputs.size() == 1 ? use.input_shapes[0] : std::nullopt;
    if (may_fold(layer_of(user))) {
      if (const auto padded = absorbable_padding(config, use)) {
        const LayerCall& padding = call(use.inputs[0].call);
        chain.zero_padding = *padded;
        chain.calls.push_back(use.inputs[0].call);
        shape = padding.input_shapes[0];
      }
    }
    chain.calls.push_back(user);
    const bool last = config.layout == Layout::nhwc;
    if (!shape || shape->size() < 2 || (last ? shape->back() : (*shape)[1]) == kDynamic)
      throw NotCompiledError(unknown_shape(user));
    chain.problem = conv_problem(config, *shape, chain.zero_padding);
    return chain;
  }

  void read_weights(Chain& chain, const ModelLayer& layer) const {
    if (!weights_.available()) return;
    const std::size_t count = conv_weight_shapes(chain.config, chain.problem.IC).size();
    chain.set_weights(conv_weights(chain.config, chain.problem.IC, weights_.read(layer, count)));
  }

  /// Why the shape that a call reads is not known, and what helps.
  std::string unknown_shape(int user) const {
    const std::string advice = "pass --layer-shape " + layer_of(user).name + "=" +
                               (input_rank(layer_of(user).class_name) == 3 ? "LxC" : "HxWxC");
    const int lost = call(user).inputs.empty() ? -1 : call(call(user).inputs[0].call).lost_at;
    if (lost < 0) return "input shape unknown; " + advice;
    if (call(lost).layer >= 0) return "input shape unknown after " + layer_of(lost).title() + "; " + advice;
    return "input shape unknown because that of the model's input '" + call(lost).input_name +
           "' is; pass --input-shape HxWxC, or " + advice.substr(5);
  }

  /// The zeros of a ZeroPadding layer in front that only this call reads.
  std::optional<std::array<std::int32_t, 4>> absorbable_padding(const LayerConfig& config, const LayerCall& use) const {
    const bool one_tap = config.is_ungrouped_conv() && config.KH == 1 && config.KW == 1;
    if (one_tap || config.padding != Padding::valid || use.inputs.size() != 1) return std::nullopt;
    const LayerCall& source = call(use.inputs[0].call);
    if (source.layer < 0 || source.is_output || source.consumers.size() != 1 || source.inputs.size() != 1)
      return std::nullopt;
    const ModelLayer& layer = layer_of(use.inputs[0].call);
    const std::string wanted = config.rank == 1 ? "ZeroPadding1D" : "ZeroPadding2D";
    if (layer.class_name != wanted || layer.custom || layer.calls.size() != 1 || !source.input_shapes[0])
      return std::nullopt;
    if (channels_first(layer.config()) != (config.layout == Layout::nchw)) return std::nullopt;
    return zero_padding(layer.class_name, layer.config());
  }

  /// The only reader of a call's output, when there is exactly one and the model does not return the output itself.
  std::optional<int> only_reader(int index) const {
    const LayerCall& use = call(index);
    if (use.is_output || use.consumers.size() != 1) return std::nullopt;
    const int reader = use.consumers.front();
    const ModelLayer& layer = layer_of(reader);
    if (layer.custom || layer.calls.size() != 1 || call(reader).inputs.size() != 1) return std::nullopt;
    return reader;
  }

  void absorb_followers(Chain& chain) {
    while (sepconv::activation_of(chain.problem.stages.back().epilogue) == Activation{}) {
      const std::optional<int> reader = only_reader(chain.calls.back());
      if (!reader) return;
      const ModelLayer& layer = layer_of(*reader);
      const bool same_type = !reason_of(layer, [&] {
        number_member(layer.config(), "epsilon", 0, layer.title());  // of a BatchNormalization: must make sense
        if (compute_dtype(dtype_policy_name(layer.config(), layer.title())) != chain.problem.dtype)
          throw NotCompiledError("another type");
      });
      if (!same_type) return;
      if (layer.class_name == "BatchNormalization") {
        if (!normalises_channels(layer.config(), chain.config.rank + 2, chain.config.layout) ||
            truthy_member(layer.config(), "renorm", false) || layer.training)
          return;
        if (!fold_batch_norm(chain, layer)) return;
      } else if (is_activation_class(layer.class_name)) {
        const int tensor_rank = chain.config.rank + 2;
        // A function without a kernel stays a layer of the app's own.
        const auto set = [&] {
          set_activation(chain.problem.stages.back().epilogue, activation_of(layer, tensor_rank));
        };
        if (reason_of(layer, set)) return;
      } else {
        return;
      }
      chain.calls.push_back(*reader);
    }
  }

  /// False where the folded weights would leave the range of a 16-bit type.
  bool fold_batch_norm(Chain& chain, const ModelLayer& layer) {
    if (!chain.has_weights) return chain.fold(nullptr);
    Affine affine;
    const auto misfit = reason_of(layer, [&] {
      const auto arrays = weights_.read(layer, batch_norm_weight_count(layer.config()));
      affine = batch_norm_affine(layer.config(), arrays, chain.problem.OC(), title(layer));
    });
    if (misfit && !may_be_foreign(layer)) throw std::invalid_argument(*misfit);
    return !misfit && chain.fold(&affine);
  }

  void find_joins() {
    for (const auto& [layer, chains] : chains_) {
      const Chain& first = chains.front();
      const bool shared = graph_.layers[static_cast<std::size_t>(layer)].calls.size() > 1;
      if (shared || stages_name(first.problem) != "depthwise") continue;
      const std::optional<int> reader = only_reader(first.calls.back());
      if (!reader) continue;
      const auto next = chains_.find(call(*reader).layer);
      if (next == chains_.end() || !can_join(first, next->second.front())) continue;
      PlannedLayer candidate = joined(first, next->second.front());
      try {
        validate(candidate.problem);
      } catch (const std::invalid_argument&) {
        continue;  // too large as one problem; both stay by themselves
      }
      joins_[layer] = std::move(candidate);
      joined_with_[layer] = next->first;
      pointwise_of_join_[next->first] = layer;
    }
  }

  static bool can_join(const Chain& depthwise, const Chain& pointwise) {
    const ConvProblem& p = pointwise.problem;
    return stages_name(p) == "pointwise" && p.stages[0].window.stride_h == 1 && p.stages[0].window.stride_w == 1 &&
           p.dtype == depthwise.problem.dtype &&
           is_elementwise(sepconv::activation_of(depthwise.problem.stages.back().epilogue).kind) &&
           p.layout == depthwise.problem.layout && p.IC == depthwise.problem.OC() &&
           pointwise.config.rank == depthwise.config.rank && p.is_dynamic() == depthwise.problem.is_dynamic() &&
           (p.is_dynamic() || (p.IH == depthwise.problem.OH() && p.IW == depthwise.problem.OW()));
  }

  const ModelDocument& document_;
  const PlanOptions& options_;
  LayerWeights weights_;
  ModelGraph graph_;
  std::map<int, std::vector<Chain>> chains_;  // by layer, so in the model's order
  std::map<int, PlannedLayer> joins_;         // by the depthwise layer
  std::map<int, int> joined_with_;            // depthwise layer -> 1x1 layer
  std::map<int, int> pointwise_of_join_;      // 1x1 layer -> depthwise layer
  std::vector<SkippedLayer> skipped_;
  std::map<std::string, bool> names_;  // of layers and planned problems; true once a problem has it
};

}  // namespace

Plan plan_model(const ModelDocument& document, const PlanOptions& options) { return Planner(document, options).plan(); }

}  // namespace sepconv::keras
