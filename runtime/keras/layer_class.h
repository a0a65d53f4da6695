#pragma once
// Whose class a serialised layer is: Keras' own, or another author's that may have the same name.

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace sepconv::keras {

/// True for "keras.layers", "tf_keras.src.engine.functional" and all other modules of Keras itself; false for packages
/// that build on Keras, such as keras_cv.
bool is_keras_module(const std::string& module);

/// Why the layer's module or registered name is not Keras' own, or nothing when it is, or the layer has neither.
std::optional<std::string> foreign_origin(const nlohmann::json& layer);

/// Why the layer's class is not Keras' own (`of module "mine"`), or nothing when it is. A file without modules (.h5)
/// names the class only; there the arguments decide for the classes that are compiled or folded.
/// @param complete  true where Keras wrote the configuration, so that no argument is left out
std::optional<std::string> foreign_class(const nlohmann::json& layer, bool complete);

/// The layer whose shapes a wrapper has, where it changes none (spectral normalization, quantization-aware training,
/// pruning); any other layer itself.
const nlohmann::json& without_wrapper(const nlohmann::json& layer);

}  // namespace sepconv::keras
