#pragma once
// Which arrays of a model file belong to which layer.

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "runtime/keras/hdf5_file.h"
#include "runtime/keras/legacy_weights.h"
#include "runtime/keras/model_graph.h"

namespace sepconv::keras {

/// What every level of layers is called: by Keras 3 and late tf.keras 2, and by tf.keras 2.13 and before.
inline constexpr const char* kWeightsRoot = "layers";
inline constexpr const char* kOldWeightsRoot = "_layer_checkpoint_dependencies";

/// "/layers/functional/layers/conv2d_1/vars" for a ModelLayer's group.
std::string vars_path(std::string group, const std::string& root = kWeightsRoot);

class LayerWeights;

/// Asks the weights of convolutions how many channels they read. The weights must live as long as the function.
ChannelsOf channels_of_weights(const LayerWeights& weights, KerasRules rules);

class LayerWeights {
 public:
  /// @param document  must outlive this object
  /// @throws std::invalid_argument when the document's weights cannot be read; and, where they were given by the user,
  ///         naming the first weight whose name, shape or count differs from the model's.
  explicit LayerWeights(const ModelDocument& document);

  /// False for a configuration without weights.
  bool available() const { return document_.weights_form != WeightsForm::none; }

  /// The layer's arrays in Keras' order.
  /// @param count   how many the layer must have
  /// @param wanted  the first ones that are read; the others may be integers
  /// @throws std::invalid_argument naming the file, the layer and what is missing, or whose weights they are instead.
  std::vector<KerasArray> read(const ModelLayer& layer, std::size_t count, std::size_t wanted = kAll) const;
  static constexpr std::size_t kAll = static_cast<std::size_t>(-1);

  /// All arrays that the file has for the layer itself; none for a layer without weights.
  /// @throws std::invalid_argument as read()
  std::vector<KerasArray> read_all(const ModelLayer& layer) const;

  /// The file of the weights, for messages.
  const std::string& what() const { return document_.weights_given ? document_.weights_file : document_.file; }

  /// The arrays of a part of the model in the order of its `weights`, without integers; of a foreign class in the
  /// file's order.
  std::vector<KerasArray> read_node(const WeightNode& node) const;

  /// The integer among a part's weights, which is the last one.
  std::optional<std::int64_t> read_integer(const WeightNode& node) const;

  /// The model's outermost layers.
  const std::vector<WeightNode>& layers() const { return layers_; }

  /// True when the file's groups lie below `root`.
  bool has_root(const std::string& root) const;

  /// ": layer 'dw': ..." for the first layer whose weights are not there; empty where there is none.
  std::string first_problem() const;

  /// The arrays of all layers in the file. An optimizer's are not counted.
  std::size_t count() const;

  /// The .weights.h5 inside of the file. Only for WeightsForm::keras3 and legacy.
  const Hdf5File& file() const { return *file_; }

 private:
  std::string vars_path_of(const std::string& group) const;
  std::vector<KerasArray> read_group(const ModelLayer& layer, std::size_t count, std::size_t wanted = kAll) const;
  std::vector<KerasArray> read_located(const ModelLayer& layer, std::size_t count, std::size_t wanted = kAll) const;
  KerasArray array(const std::string& dataset) const;
  void check_groups() const;
  void check_group(const WeightNode& node, bool named) const;

  const ModelDocument& document_;
  std::string what_;  // names the weights in messages
  std::vector<WeightNode> layers_;
  std::unique_ptr<Hdf5File> file_;
  LocatedWeights located_;  // of a legacy file and of TensorFlow.js
};

}  // namespace sepconv::keras
