#pragma once
// Which arrays of a model file belong to which layer.

#include <memory>
#include <vector>

#include "hdf5_file.h"
#include "model_graph.h"

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
  /// @throws std::invalid_argument when the document's weights are no HDF5 file.
  explicit LayerWeights(const ModelDocument& document);

  /// False for a configuration without weights.
  bool available() const { return file_ != nullptr; }

  /// The layer's arrays in Keras' order.
  /// @param count  how many the layer must have
  /// @throws std::invalid_argument naming the file, the layer and what is missing, or whose weights they are instead.
  std::vector<KerasArray> read(const ModelLayer& layer, std::size_t count) const;

  /// All arrays that the file has for the layer; none for a layer without weights.
  /// @throws std::invalid_argument as read()
  std::vector<KerasArray> read_all(const ModelLayer& layer) const;

  /// True when the file's groups lie below `root`.
  bool has_root(const std::string& root) const { return form_ == WeightsForm::keras3 && file_->has("/" + root); }

  /// The arrays of all layers, those inside of wrappers too (the cells of a Bidirectional, say), which read_all() does
  /// not find. An optimizer's are not counted.
  std::size_t count() const;

 private:
  std::string vars_path_of(const ModelLayer& layer) const;
  std::vector<KerasArray> read_group(const ModelLayer& layer, std::size_t count) const;
  std::vector<KerasArray> read_legacy(const ModelLayer& layer, std::size_t count) const;

  WeightsForm form_;
  std::unique_ptr<Hdf5File> file_;
  std::vector<std::string> layer_names_;
};

}  // namespace sepconv::keras
