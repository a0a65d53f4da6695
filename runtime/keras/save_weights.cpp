#include "sepconv/load_layers.h"

#include <zip.h>

#include <cstring>
#include <map>
#include <stdexcept>

#include "runtime/core/whole_file.h"
#include "runtime/keras/given_weights.h"
#include "runtime/keras/hdf5_writer.h"
#include "runtime/keras/layer_weights.h"
#include "runtime/keras/model_graph.h"

namespace sepconv {
namespace {

/// True for a name that is more than the ending.
bool ends_with(const std::filesystem::path& path, const std::string& end) {
  const std::string name = path.filename().string();
  return name.size() > end.size() && name.ends_with(end);
}

void write_whole(const std::filesystem::path& path, const std::string& bytes) {
  if (const auto why_not = detail::write_whole_file(path, bytes))
    throw std::runtime_error(path.string() + ": cannot be written: " + *why_not);
}

KerasArray array_of(const Tensor& tensor) { return {tensor.shape(), to_doubles(tensor), tensor.dtype()}; }

/// A .npy file, version 1.
std::string npy(const Tensor& tensor) {
  const char* code = tensor.dtype() == DataType::float64    ? "<f8"
                     : tensor.dtype() == DataType::float32  ? "<f4"
                     : tensor.dtype() == DataType::bfloat16 ? "<u2"
                                                            : "<f2";
  std::string header = std::string("{'descr': '") + code + "', 'fortran_order': False, 'shape': (";
  for (const std::int64_t extent : tensor.shape()) header += std::to_string(extent) + ",";
  header += "), }";
  constexpr std::size_t kPrefix = 10, kAlignment = 64;
  header.append((kAlignment - (kPrefix + header.size() + 1) % kAlignment) % kAlignment, ' ');
  header += '\n';
  std::string bytes("\x93NUMPY\x01\x00", 8);
  bytes += static_cast<char>(header.size() & 0xff);
  bytes += static_cast<char>(header.size() >> 8);
  bytes += header;
  bytes.append(static_cast<const char*>(tensor.bytes()),
               static_cast<std::size_t>(tensor.elements()) * size_bytes(tensor.dtype()));
  return bytes;
}

std::string zip_of(const std::map<std::string, std::string>& members) {
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t* target = zip_source_buffer_create(nullptr, 0, 0, &error);
  if (!target) throw std::runtime_error("zip: out of memory");
  zip_source_keep(target);
  zip_t* archive = zip_open_from_source(target, ZIP_TRUNCATE, &error);
  bool ok = archive != nullptr;
  for (const auto& [name, bytes] : members) {
    if (!ok) break;
    zip_source_t* source = zip_source_buffer(archive, bytes.data(), bytes.size(), 0);
    const zip_int64_t index = source ? zip_file_add(archive, name.c_str(), source, ZIP_FL_ENC_UTF_8) : -1;
    if (index < 0 && source) zip_source_free(source);
    ok = index >= 0 && zip_set_file_compression(archive, static_cast<zip_uint64_t>(index), ZIP_CM_STORE, 0) == 0;
  }
  if (archive && (!ok || zip_close(archive) != 0)) {
    zip_discard(archive);
    ok = false;
  }
  std::string result;
  if (ok && zip_source_open(target) == 0) {
    zip_source_seek(target, 0, SEEK_END);
    result.resize(static_cast<std::size_t>(zip_source_tell(target)));
    zip_source_seek(target, 0, SEEK_SET);
    ok = zip_source_read(target, result.data(), result.size()) == static_cast<zip_int64_t>(result.size());
    zip_source_close(target);
  }
  zip_source_free(target);
  if (!ok) throw std::runtime_error("zip: cannot make the archive");
  return result;
}

struct NamedLayer {
  std::string name;
  const KerasConvLayer* layer;
};

std::string npz(const std::vector<NamedLayer>& layers) {
  std::map<std::string, std::string> members;
  for (const auto& [layer_name, layer] : layers) {
    const std::vector<std::string> names = layer->weight_names();
    const std::vector<Tensor> weights = layer->get_weights();
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const std::string name = (layers.size() > 1 ? layer_name + "." : "") + names[i] + ".npy";
      if (!members.emplace(name, npy(weights[i])).second)
        throw std::invalid_argument("save_weights: two layers are named '" + layer_name + "'");
    }
  }
  return zip_of(members);
}

/// Groups of tf.keras 2.13 and before under the names of later versions.
std::vector<keras::WeightGroup> renamed_groups(const keras::LayerWeights& source) {
  std::vector<keras::WeightGroup> groups;
  const std::string old_root = std::string("/") + keras::kOldWeightsRoot;
  for (const std::string& dataset : source.file().datasets(old_root)) {
    const std::string group = dataset.substr(0, dataset.rfind('/'));
    std::string renamed = group;
    for (std::size_t at = 0; (at = renamed.find(keras::kOldWeightsRoot, at)) != std::string::npos;)
      renamed.replace(at, std::strlen(keras::kOldWeightsRoot), keras::kWeightsRoot);
    if (groups.empty() || groups.back().path != renamed) groups.push_back({renamed, "", {}});
    const std::string index = std::to_string(groups.back().arrays.size());
    groups.back().arrays.push_back(source.file().array(group + "/" + index));
  }
  return groups;
}

/// The weights of a legacy .h5, or of TensorFlow.js, in the groups of a .weights.h5.
std::vector<keras::WeightGroup> keras3_groups(const keras::LayerWeights& source, const std::filesystem::path& file) {
  std::vector<keras::WeightGroup> groups;
  std::size_t saved = 0;
  for (const keras::WeightNode& layer : source.layers()) {
    for (const keras::WeightNode* node : all_nodes(layer)) {
      keras::WeightGroup group{keras::vars_path(node->group), node->layer, source.read_node(*node),
                               source.read_integer(*node)};
      if (group.arrays.empty()) continue;
      if (!node->known || !node->storable)
        throw std::invalid_argument(file.string() + ": layer '" + node->name + "' is of class '" + node->class_name +
                                    "': the place of its weights in a .weights.h5 is not known; save them with Keras");
      saved += group.arrays.size() + (group.count ? 1 : 0);
      groups.push_back(std::move(group));
    }
  }
  if (saved != source.count())
    throw std::invalid_argument(file.string() + ": " + std::to_string(source.count() - saved) + " of its " +
                                std::to_string(source.count()) + " weights belong to no layer of the model" +
                                source.first_problem());
  return groups;
}

/// The file's content; its name decides the format.
std::string file_of(const std::vector<NamedLayer>& layers, const std::filesystem::path& path) {
  for (const auto& [name, layer] : layers)
    if (!layer->built())
      throw std::invalid_argument("save_weights: layer '" + name + "' is not built and has no weights");
  if (ends_with(path, ".npz")) return npz(layers);
  if (!ends_with(path, ".weights.h5"))
    throw std::invalid_argument(path.string() + ": the name must end in .weights.h5 or .npz");
  std::vector<keras::WeightGroup> groups;
  std::map<std::string, int> seen;
  for (const auto& [name, layer] : layers) {
    std::string group = keras::snake_case(layer->config().class_name);
    if (const int number = seen[group]++; number > 0) group += "_" + std::to_string(number);
    keras::WeightGroup weights{keras::vars_path(group), layer->name(), {}};
    for (const Tensor& tensor : layer->get_weights()) weights.arrays.push_back(array_of(tensor));
    groups.push_back(std::move(weights));
  }
  return keras::weights_hdf5(groups);
}

std::vector<NamedLayer> named_by_path(const std::vector<LoadedLayer>& layers) {
  std::vector<NamedLayer> named;
  for (const LoadedLayer& loaded : layers) named.push_back({loaded.path, &loaded.layer});
  return named;
}

}  // namespace

void save_weights(const std::vector<const KerasConvLayer*>& layers, const std::filesystem::path& path) {
  std::vector<NamedLayer> named;
  for (const KerasConvLayer* layer : layers) named.push_back({layer->name(), layer});
  write_whole(path, file_of(named, path));
}

void save_weights_by_path(const std::vector<LoadedLayer>& layers, const std::filesystem::path& path) {
  write_weights_file(weights_file(layers, path), path);
}

std::string weights_file(const std::vector<LoadedLayer>& layers, const std::filesystem::path& path) {
  return file_of(named_by_path(layers), path);
}

void save_weights(const KerasConvLayer& layer, const std::filesystem::path& path) {
  save_weights(std::vector<const KerasConvLayer*>{&layer}, path);
}

void write_weights_file(const std::string& bytes, const std::filesystem::path& path) { write_whole(path, bytes); }

void save_model_weights(const std::filesystem::path& model, const std::filesystem::path& path,
                        const std::filesystem::path& weights) {
  write_weights_file(model_weights_file(model, path, weights), path);
}

std::string model_weights_file(const std::filesystem::path& model, const std::filesystem::path& path,
                               const std::filesystem::path& weights) {
  if (!ends_with(path, ".weights.h5"))
    throw std::invalid_argument(path.string() + ": the name must end in .weights.h5");
  const keras::ModelDocument document = keras::read_document(model, weights);
  const keras::LayerWeights source(document);
  if (!source.available()) throw std::invalid_argument(keras::no_weights(model));
  if (source.has_root(keras::kWeightsRoot)) return document.weights;
  return keras::weights_hdf5(document.weights_form == keras::WeightsForm::keras3
                                 ? renamed_groups(source)
                                 : keras3_groups(source, document.weights_given ? weights : model));
}

}  // namespace sepconv
