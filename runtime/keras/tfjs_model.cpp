#include "runtime/keras/tfjs_model.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <system_error>
#include <unordered_map>
#include <unordered_set>

#include "runtime/keras/json_text.h"

namespace sepconv::keras {

using nlohmann::json;

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxShardBytes = std::size_t{4} << 30;
constexpr std::size_t kMaxShards = 10'000;  // of 4 MB each, as the converter makes them, they would be 40 GB

struct ElementType {
  const char* name;
  std::size_t bytes;
};
constexpr std::array<ElementType, 7> kTypes = {
    {{"float32", 4}, {"float16", 2}, {"uint8", 1}, {"uint16", 2}, {"int32", 4}, {"bool", 1}, {"complex64", 8}}};

std::string text(const json& object, const char* key) {
  const json& value = member(object, key);
  return value.is_string() ? value.get<std::string>() : std::string();
}

/// The file of a shard, which must lie in the model's folder.
fs::path shard_file(const fs::path& folder, const std::string& name, const std::string& what) {
  const std::string where = what + ": shard '" + name + "' ";
  if (name.empty() || name.find('\0') != std::string::npos)
    throw std::invalid_argument(what + ": weightsManifest: a shard has no name");
  if (name.find("://") != std::string::npos)
    throw std::invalid_argument(where + "is a URL; download it and put it next to the model");
  const fs::path relative(name);
  if (relative.is_absolute() || std::find(relative.begin(), relative.end(), "..") != relative.end())
    throw std::invalid_argument(where + "lies outside the model's folder");
  const fs::path base = folder.empty() ? fs::path(".") : folder;
  std::error_code error;
  const fs::path real = fs::canonical(base / relative, error);
  if (error) throw std::invalid_argument(where + "is missing: no file '" + (base / relative).string() + "'");
  const fs::path root = fs::canonical(base, error);
  const auto [end, rest] = std::mismatch(root.begin(), root.end(), real.begin(), real.end());
  if (error || end != root.end()) throw std::invalid_argument(where + "lies outside the model's folder");
  return real;
}

std::size_t element_bytes(const std::string& dtype, const std::string& where) {
  for (const ElementType& type : kTypes)
    if (dtype == type.name) return type.bytes;
  throw std::invalid_argument(where + "dtype '" + dtype + "' is not supported");
}

double finite(const json& quantization, const char* key, const std::string& where) {
  const json& value = member(quantization, key);
  if (!value.is_number()) throw std::invalid_argument(where + "quantization has no number `" + std::string(key) + "`");
  return value.get<double>();
}

/// One entry of a group's "weights". @param offset  of its bytes; moved behind them
StoredArray stored_array(const json& entry, std::size_t& offset, const std::string& what) {
  StoredArray array;
  array.name = text(entry, "name");
  if (array.name.empty()) throw std::invalid_argument(what + ": weightsManifest: a weight has no name");
  const std::string where = what + ": weight '" + array.name + "': ";
  array.dtype = text(entry, "dtype");
  const json& quantization = member(entry, "quantization");
  if (quantization.is_object()) {
    const std::string original = array.dtype;
    array.dtype = text(quantization, "dtype");
    if (original != "float32")
      throw std::invalid_argument(where + "quantized dtype '" + original + "' is not supported");
    if (array.dtype != "uint8" && array.dtype != "uint16" && array.dtype != "float16")
      throw std::invalid_argument(where + "quantization to '" + array.dtype + "' is not supported");
    if (array.dtype != "float16") {
      array.scale = finite(quantization, "scale", where);
      array.min = finite(quantization, "min", where);
    }
  } else if (array.dtype == "uint8" || array.dtype == "uint16") {
    throw std::invalid_argument(where + "dtype '" + array.dtype + "' without quantization is not supported");
  }
  std::size_t bytes = element_bytes(array.dtype, where);
  const json& shape = member(entry, "shape");
  if (!shape.is_array()) throw std::invalid_argument(where + "has no shape");
  for (const json& extent : shape) {
    if (!extent.is_number_unsigned() || extent > std::numeric_limits<std::int32_t>::max())
      throw std::invalid_argument(where + "bad shape " + shown(shape));
    array.shape.push_back(extent.get<std::int64_t>());
    if (__builtin_mul_overflow(bytes, extent.get<std::size_t>(), &bytes) || bytes > kMaxShardBytes)
      throw std::invalid_argument(where + "shape " + shown(shape) + " is larger than any shard");
  }
  array.offset = offset;
  array.bytes = bytes;
  offset += bytes;
  return array;
}

/// Reads the shards of a group behind those of the groups before it.
void read_group(const json& group, const fs::path& folder, ModelDocument& document) {
  std::size_t offset = document.weights.size();
  const json& paths = member(group, "paths");
  const json& weights = member(group, "weights");
  if (!paths.is_array() || !weights.is_array())
    throw std::invalid_argument(document.file + ": weightsManifest: a group has no `paths` or no `weights`");
  std::string names;
  for (const json& path : paths) {
    const std::string name = path.is_string() ? path.get<std::string>() : std::string();
    document.weights += read_file_bytes(shard_file(folder, name, document.file));
    if (document.weights.size() > kMaxShardBytes)
      throw std::invalid_argument(document.file + ": its shards are larger than 4 GiB");
    names += (names.empty() ? "'" : ", '") + name + "'";
  }
  for (const json& entry : weights) {
    StoredArray array = stored_array(entry, offset, document.file);
    if (offset > document.weights.size())
      throw std::invalid_argument(document.file + ": shard " + names + " is too short for weight '" + array.name + "'");
    document.arrays.push_back(std::move(array));
  }
}

/// Finds arrays by the names that Keras and TensorFlow.js give to weights.
class NameIndex {
 public:
  explicit NameIndex(const std::vector<StoredArray>& arrays) : arrays_(arrays) {
    for (std::size_t i = 0; i < arrays.size(); ++i) {
      if (!by_name_.emplace(arrays[i].name, i).second) repeated_.insert(arrays[i].name);
      for (std::size_t begin = 0, end; (end = arrays[i].name.find('/', begin)) != std::string::npos; begin = end + 1)
        by_part_[arrays[i].name.substr(begin, end - begin)].push_back(i);
    }
  }

  std::optional<std::size_t> find(const WeightNode& node, std::size_t index) const {
    // A model of Keras 3 comes with the paths of its .weights.h5.
    if (const auto found = exact("layers/" + node.group + "/vars/" + std::to_string(index))) return found;
    const std::string& name = node.weights[index].name;
    std::vector<std::string> spellings{name};
    if (name == "kernel") spellings.push_back("depthwise_kernel");
    if (name == "depthwise_kernel") spellings.push_back("kernel");
    // A wrapper's name may stand for the layer inside it.
    const bool nested = node.name.size() > node.layer.size() + 1;
    const std::string outer = nested ? node.name.substr(0, node.name.size() - node.layer.size() - 1) : node.layer;
    for (const std::string& weight : spellings)
      for (const std::string& layer : {node.name, node.layer, outer})
        if (const auto found = exact(layer + "/" + weight)) return found;
    for (const std::string& weight : spellings)
      if (const auto found = only_one(node.layer, weight)) return found;
    return std::nullopt;
  }

  bool is_repeated(const std::string& name) const { return repeated_.count(name) > 0; }

 private:
  std::optional<std::size_t> exact(const std::string& name) const {
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? std::nullopt : std::optional<std::size_t>(found->second);
  }

  /// "scope/layer/cell/weight": the only array of the layer that ends so.
  std::optional<std::size_t> only_one(const std::string& layer, const std::string& weight) const {
    constexpr std::size_t kMaxCandidates = 1000;
    const auto candidates = by_part_.find(layer);
    if (candidates == by_part_.end() || candidates->second.size() > kMaxCandidates) return std::nullopt;
    std::optional<std::size_t> result;
    for (const std::size_t i : candidates->second) {
      const std::string& name = arrays_[i].name;
      if (name.size() <= weight.size() || !name.ends_with("/" + weight)) continue;
      if (result) return std::nullopt;
      result = i;
    }
    return result;
  }

  const std::vector<StoredArray>& arrays_;
  std::unordered_map<std::string, std::size_t> by_name_;
  std::unordered_set<std::string> repeated_;
  std::unordered_map<std::string, std::vector<std::size_t>> by_part_;
};

}  // namespace

bool is_tfjs(const json& document) {
  const std::string format = text(document, "format");
  return format == "layers-model" || format == "graph-model" || member(document, "modelTopology").is_object() ||
         member(document, "weightsManifest").is_array();
}

ModelDocument tfjs_document(const json& model, const std::string& file, const fs::path& folder) {
  const json& topology = member(model, "modelTopology");
  if (text(model, "format") == "graph-model" || topology.contains("node"))
    throw std::invalid_argument(file +
                                ": a TensorFlow.js graph model, which has no layers; only the layers format is "
                                "supported");
  if (!topology.is_object()) throw std::invalid_argument(file + ": holds no modelTopology");
  const json& config = member(topology, "model_config");
  ModelDocument document{file, config.is_null()     ? topology
                               : config.is_string() ? parse_json(config.get<std::string>(), file + ": model_config")
                                                    : config};
  const json& version = member(topology, "keras_version");
  const bool own_version = version.is_string() && version.get_ref<const std::string&>().rfind("tfjs", 0) == 0;
  document.rules = rules_of_version(own_version ? json() : version, KerasRules::tf_keras_2, file);
  const json& manifest = member(model, "weightsManifest");
  if (!manifest.is_array() || manifest.empty()) return document;
  document.weights_form = WeightsForm::tfjs;
  std::size_t shards = 0;
  for (const json& group : manifest) shards += member(group, "paths").size();
  if (shards > kMaxShards)
    throw std::invalid_argument(file + ": weightsManifest: " + std::to_string(shards) + " shards; at most " +
                                std::to_string(kMaxShards) + " are read");
  for (const json& group : manifest) read_group(group, folder, document);
  return document;
}

LocatedWeights locate_tfjs_weights(const ModelDocument& document, const std::vector<WeightNode>& layers) {
  LocatedWeights located;
  located.count = document.arrays.size();
  const NameIndex names(document.arrays);
  std::vector<bool> used(document.arrays.size());
  for (const WeightNode& layer : layers) {
    for (const WeightNode* node : all_nodes(layer)) {
      for (std::size_t i = 0; i < node->weights.size(); ++i) {
        const auto found = names.find(*node, i);
        const std::string weight = "its weight '" + node->weights[i].name + "' ";
        std::string problem;
        if (!found)
          problem = weight + "is missing from weightsManifest";
        else if (names.is_repeated(document.arrays[*found].name))
          problem = weight + "is ambiguous: weightsManifest has several named '" + document.arrays[*found].name + "'";
        else if (used[*found])
          problem = weight + "is '" + document.arrays[*found].name + "', which already belongs to another layer";
        if (!problem.empty()) {
          located.problems[node->group] = problem;
          break;
        }
        used[*found] = true;
        located.datasets[node->group].push_back(std::to_string(*found));
      }
    }
  }
  for (std::size_t i = 0; i < used.size(); ++i)
    if (!used[i]) located.unused.push_back(document.arrays[i].name);
  return located;
}

KerasArray tfjs_array(const ModelDocument& document, const std::string& index) {
  const StoredArray& stored = document.arrays.at(std::stoul(index));
  const std::size_t width = element_bytes(stored.dtype, "");
  const char* bytes = document.weights.data() + stored.offset;
  KerasArray array{stored.shape, std::vector<double>(stored.bytes / width)};
  const auto decode = [&](auto element, const auto& value) {
    for (double& result : array.values) {
      std::memcpy(&element, bytes, sizeof element);
      bytes += sizeof element;
      result = value(element);
    }
  };
  const auto dequantized = [&](auto q) { return static_cast<float>(q * stored.scale + stored.min); };
  if (stored.dtype == "float32")
    decode(float{}, [](float value) { return value; });
  else if (stored.dtype == "float16")
    decode(float16{}, [](float16 value) { return to_float(value); });
  else if (stored.dtype == "uint8")
    decode(std::uint8_t{}, dequantized);
  else if (stored.dtype == "uint16")
    decode(std::uint16_t{}, dequantized);
  else
    throw std::invalid_argument(document.file + ": weight '" + stored.name + "': dtype '" + stored.dtype +
                                "' is not a floating-point type");
  return array;
}

std::int64_t tfjs_integer(const ModelDocument& document, const std::string& index) {
  const StoredArray& stored = document.arrays.at(std::stoul(index));
  std::int32_t value = 0;
  if (stored.dtype != "int32" || stored.bytes != sizeof value)
    throw std::invalid_argument(document.file + ": weight '" + stored.name + "' is not one int32");
  std::memcpy(&value, document.weights.data() + stored.offset, sizeof value);
  return value;
}

}  // namespace sepconv::keras
