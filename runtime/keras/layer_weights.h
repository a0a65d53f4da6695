#pragma once
// Which arrays of a model file belong to which layer.

#include <memory>
#include <vector>

#include "hdf5_file.h"
#include "model_graph.h"

namespace sepconv::keras {

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

 private:
  std::string vars_path(const ModelLayer& layer) const;
  std::vector<KerasArray> read_group(const ModelLayer& layer, std::size_t count) const;
  std::vector<KerasArray> read_legacy(const ModelLayer& layer, std::size_t count) const;

  WeightsForm form_;
  std::unique_ptr<Hdf5File> file_;
  std::vector<std::string> layer_names_;
};

}  // namespace sepconv::keras
