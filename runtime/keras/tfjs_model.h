#pragma once
// Models of TensorFlow.js: the layers format, model.json with binary shards beside it.

#include "runtime/keras/legacy_weights.h"
#include "runtime/keras/model_document.h"

namespace sepconv::keras {

/// True for a model.json of TensorFlow.js, of whichever format.
bool is_tfjs(const nlohmann::json& document);

/// @param folder  where the shards lie
/// @throws std::invalid_argument naming the file and what is wrong: a graph model, a shard that is missing, too short,
///         or outside of the folder, a type that is no floating-point type
ModelDocument tfjs_document(const nlohmann::json& json, const std::string& file, const std::filesystem::path& folder);

/// Which array is which weight: TensorFlow.js goes by name.
LocatedWeights locate_tfjs_weights(const ModelDocument& document, const std::vector<WeightNode>& layers);

/// An array, dequantized. @param index  into ModelDocument::arrays, as LocatedWeights has it
KerasArray tfjs_array(const ModelDocument& document, const std::string& index);

/// The same for an array of one integer.
std::int64_t tfjs_integer(const ModelDocument& document, const std::string& index);

}  // namespace sepconv::keras
