#pragma once
// TensorFlow's own formats, which are not read: checkpoints and SavedModels.

#include <filesystem>

namespace sepconv::keras {

/// @throws std::invalid_argument for a part of a checkpoint, the name that its parts share, or a SavedModel's folder:
///         naming the format and what to do
void refuse_tensorflow_formats(const std::filesystem::path& path);

}  // namespace sepconv::keras
