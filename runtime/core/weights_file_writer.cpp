#include <cmath>
#include <map>
#include <set>
#include <stdexcept>
#include <utility>

#include "runtime/core/network_graph.h"
#include "runtime/core/text.h"
#include "runtime/core/weights_file_format.h"
#include "runtime/core/whole_file.h"

namespace sepconv {
namespace {

using detail::kBlobAlignment;
using detail::WeightsHeader;

std::size_t align_blob(std::size_t offset) { return (offset + kBlobAlignment - 1) / kBlobAlignment * kBlobAlignment; }

template <class T>
std::string bytes_of(const std::vector<T>& values) {
  return std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

/// The values in 16 bits.
template <class T, class Round>
std::string narrow_bytes(const NamedWeights& layer, const WeightArray& array, DataType dtype, Round&& round) {
  std::vector<T> values(array.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = round(array[i]);
    if (std::isinf(to_float(values[i])) && !std::isinf(array[i]))
      throw std::invalid_argument("layer " + detail::quoted(layer.name) + ": the weight " +
                                  detail::print_double(array[i]) + " is beyond the range of " + keras_name(dtype));
  }
  return bytes_of(values);
}

/// The blobs of a file, each once.
class Blobs {
 public:
  explicit Blobs(DataType weights_dtype) : weights_dtype_(weights_dtype) {}

  void add(const NamedWeights& layer) {
    const std::vector<Argument> arguments = weights_of(layer.problem);
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      const WeightArray& array = layer.weights.arrays[i];
      const bool narrow = layer.problem.dtype == DataType::float32 && arguments[i].kind == ArgumentKind::weights;
      const DataType dtype = narrow ? weights_dtype_ : accumulator_type(layer.problem.dtype);
      std::string bytes;
      switch (dtype) {
        case DataType::float16: bytes = narrow_bytes<float16>(layer, array, dtype, to_float16); break;
        case DataType::bfloat16: bytes = narrow_bytes<bfloat16>(layer, array, dtype, to_bfloat16); break;
        case DataType::float64: bytes = bytes_of(array.to_doubles()); break;
        default: bytes = bytes_of(array.to_floats());
      }
      const auto [place, added] = known_.emplace(std::pair(dtype, std::move(bytes)), blobs_.size());
      if (added) blobs_.push_back(place);
      uses_.push_back(place->second);
    }
  }

  /// Lays out the blobs from `begin` on; returns their end.
  std::size_t place(std::size_t begin) {
    offsets_.clear();
    for (const auto& blob : blobs_) {
      offsets_.push_back(begin);
      begin = align_blob(begin + blob->first.second.size());
    }
    next_ = 0;
    return begin;
  }

  /// Of the next array in the order of add().
  std::string place_text() {
    const std::size_t blob = uses_[next_++];
    const auto& [dtype, bytes] = blobs_[blob]->first;
    std::string text = std::to_string(offsets_[blob]) + ':' + std::to_string(bytes.size() / size_bytes(dtype));
    if (dtype == DataType::float16 || dtype == DataType::bfloat16) text += std::string(":") + to_text(dtype);
    return text;
  }

  void write(std::string& file) const {
    for (std::size_t i = 0; i < blobs_.size(); ++i) {
      const std::string& bytes = blobs_[i]->first.second;
      bytes.copy(file.data() + offsets_[i], bytes.size());
    }
  }

 private:
  using Known = std::map<std::pair<DataType, std::string>, std::size_t>;

  const DataType weights_dtype_;
  Known known_;
  std::vector<Known::const_iterator> blobs_;
  std::vector<std::size_t> uses_, offsets_;
  std::size_t next_ = 0;
};

std::string index_text(const std::vector<NamedWeights>& layers, Blobs& blobs) {
  std::string text;
  for (const NamedWeights& layer : layers) {
    text += layer.name + '\t' + to_text(layer.problem);
    for (std::size_t i = 0; i < layer.weights.arrays.size(); ++i) text += '\t' + blobs.place_text();
    text += '\n';
  }
  return text;
}

std::string file_bytes(const WeightsFile& contents, DataType weights_dtype) {
  Blobs blobs(weights_dtype);
  for (const NamedWeights& layer : contents.layers) blobs.add(layer);
  for (const NamedWeights& layer : contents.network_layers) blobs.add(layer);
  const std::string network = contents.network ? to_text(*contents.network) : "";
  // Offsets are printed in the index whose length they depend on: lay out again until the index fits before the blobs.
  std::size_t blobs_begin = sizeof(WeightsHeader), end = 0;
  std::string index, steps;
  for (;;) {
    end = blobs.place(blobs_begin);
    index = index_text(contents.layers, blobs);
    steps = index_text(contents.network_layers, blobs);
    const std::size_t wanted = align_blob(sizeof(WeightsHeader) + index.size() + steps.size() + network.size());
    if (wanted <= blobs_begin) break;
    blobs_begin = wanted;
  }
  WeightsHeader header{};
  std::memcpy(header.magic, detail::kWeightsMagic, sizeof header.magic);
  header.version = detail::kWeightsVersion;
  header.header_bytes = sizeof header;
  header.index_bytes = index.size();
  header.steps_bytes = steps.size();
  header.network_bytes = network.size();
  header.file_bytes = end;
  std::string file(reinterpret_cast<const char*>(&header), sizeof header);
  file += index + steps + network;
  file.resize(end);
  blobs.write(file);
  const std::uint64_t checksum = detail::weights_checksum(file);
  std::memcpy(file.data() + offsetof(WeightsHeader, checksum), &checksum, sizeof checksum);
  return file;
}

void check_layers(const std::vector<NamedWeights>& layers) {
  std::set<std::string_view> names;
  for (const NamedWeights& layer : layers) {
    if (!detail::is_printable(layer.name))
      throw std::invalid_argument("a layer's name is empty or holds control characters: " + detail::quoted(layer.name));
    if (!names.insert(layer.name).second)
      throw std::invalid_argument("two layers are named " + detail::quoted(layer.name));
    validate(layer.problem);
    validate(layer.weights, layer.problem);
  }
}

}  // namespace

void detail::check_weights_file(const WeightsFile& file) {
  check_layers(file.layers);
  check_layers(file.network_layers);
  if (file.network) validate(*file.network);
  const std::size_t steps = file.network ? file.network->steps.size() : 0;
  if (file.network_layers.size() != steps)
    throw std::invalid_argument("weights of " + std::to_string(file.network_layers.size()) + " steps of " +
                                std::to_string(steps));
  const NetworkStep* step = file.network ? step_without_layer(*file.network, file.network_layers) : nullptr;
  if (step != nullptr)
    throw std::invalid_argument("no weights of step " + detail::quoted(step->layer) + " for its problem");
}

void save_weights_file(const std::filesystem::path& path, const WeightsFile& file, DataType weights_dtype) {
  if (weights_dtype != DataType::float32 && weights_dtype != DataType::float16 && weights_dtype != DataType::bfloat16)
    throw std::invalid_argument(std::string("weights dtype: ") + keras_name(weights_dtype) +
                                "; expected float32, float16 or bfloat16");
  std::string bytes;
  try {
    detail::check_weights_file(file);
    bytes = file_bytes(file, weights_dtype);
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(std::string("save_weights: ") + error.what());
  }
  if (const auto why_not = detail::write_whole_file(path, bytes))
    throw std::invalid_argument("weights file '" + path.string() + "': cannot be written: " + *why_not);
}

void save_weights(const std::filesystem::path& path, const std::vector<NamedWeights>& layers) {
  save_weights_file(path, {layers, std::nullopt, {}});
}

}  // namespace sepconv
