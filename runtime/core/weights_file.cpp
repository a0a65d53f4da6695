#include "sepconv/weights_file.h"

#include <charconv>
#include <fstream>
#include <map>
#include <stdexcept>
#include <utility>

#include "runtime/core/text.h"
#include "runtime/core/weights_file_format.h"
#include "sepconv/layer.h"

namespace sepconv {
namespace {

using detail::WeightsHeader;

/// Where an array is, as the index says.
struct Place {
  std::uint64_t offset = 0, count = 0;
  DataType dtype = DataType::float32;
};

/// "offset:count" or "offset:count:type".
bool read_place(std::string_view text, DataType plain, bool may_be_narrow, Place& place) {
  const auto parts = detail::split(text, ':');
  std::uint64_t* const numbers[] = {&place.offset, &place.count};
  if (parts.size() < 2 || parts.size() > (may_be_narrow ? 3u : 2u)) return false;
  for (std::size_t i = 0; i < 2; ++i) {
    const char* const last = parts[i].data() + parts[i].size();
    const auto [end, error] = std::from_chars(parts[i].data(), last, *numbers[i]);
    if (error != std::errc{} || end != last) return false;
  }
  place.dtype = plain;
  if (parts.size() == 2) return true;
  place.dtype = parts[2] == to_text(DataType::float16) ? DataType::float16 : DataType::bfloat16;
  return parts[2] == to_text(place.dtype);
}

/// The blobs of a file. Arrays of one blob share its values.
class BlobReader {
 public:
  explicit BlobReader(std::string_view file) : file_(file) {}

  /// @throws std::invalid_argument unless the place has `wanted` elements, lies in the file and overlaps no other blob.
  WeightArray read(std::string_view text, const ConvProblem& problem, const Argument& argument) {
    const std::size_t wanted = elements_of(argument);
    const bool may_be_narrow = problem.dtype == DataType::float32 && argument.kind == ArgumentKind::weights;
    Place place;
    const bool readable = read_place(text, accumulator_type(problem.dtype), may_be_narrow, place);
    if (!readable || place.count != wanted || place.offset % detail::kBlobAlignment != 0 ||
        place.offset > file_.size() || place.count > (file_.size() - place.offset) / size_bytes(place.dtype))
      throw std::invalid_argument("weights at " + detail::quoted(text) + "; expected " + std::to_string(wanted) +
                                  " elements within the file");
    const auto next = blobs_.lower_bound(place.offset);
    const std::uint64_t end = place.offset + place.count * size_bytes(place.dtype);
    if (next != blobs_.end() && next->first == place.offset) {
      if (next->second.place.count == place.count && next->second.place.dtype == place.dtype) return next->second.array;
    } else if ((next == blobs_.end() || next->first >= end) &&
               (next == blobs_.begin() || std::prev(next)->second.end <= place.offset)) {
      return blobs_.emplace_hint(next, place.offset, Blob{place, end, values(place)})->second.array;
    }
    throw std::invalid_argument("weights at " + detail::quoted(text) + " overlap others");
  }

 private:
  struct Blob {
    Place place;
    std::uint64_t end;
    WeightArray array;
  };

  template <class T>
  std::vector<T> copied(const Place& place) const {
    std::vector<T> values(place.count);
    if (place.count != 0) std::memcpy(values.data(), file_.data() + place.offset, place.count * sizeof(T));
    return values;
  }
  template <class T>
  std::vector<float> widened(const Place& place) const {
    std::vector<float> wide;
    wide.reserve(place.count);
    for (const T value : copied<T>(place)) wide.push_back(to_float(value));
    return wide;
  }
  WeightArray values(const Place& place) const {
    switch (place.dtype) {
      case DataType::float64: return copied<double>(place);
      case DataType::float16: return widened<float16>(place);
      case DataType::bfloat16: return widened<bfloat16>(place);
      default: return copied<float>(place);
    }
  }

  const std::string_view file_;
  std::map<std::uint64_t, Blob> blobs_;  // by offset
};

NamedWeights read_layer(std::string_view line, BlobReader& blobs) {
  const auto fields = detail::split(line, '\t');
  const auto wrong_count = [&] {
    throw std::invalid_argument("an index line has " + std::to_string(fields.size()) + " fields");
  };
  if (fields.size() < 2) wrong_count();
  NamedWeights layer{std::string(fields[0]), problem_from_text(fields[1]), {}};
  const std::vector<Argument> arguments = weights_of(layer.problem);
  if (fields.size() != 2 + arguments.size()) wrong_count();
  for (std::size_t i = 0; i < arguments.size(); ++i)
    layer.weights.arrays.push_back(blobs.read(fields[2 + i], layer.problem, arguments[i]));
  return layer;
}

std::vector<NamedWeights> read_index(std::string_view index, BlobReader& blobs) {
  std::vector<NamedWeights> layers;
  while (!index.empty()) {
    const std::size_t end = index.find('\n');
    if (end == std::string_view::npos) throw std::invalid_argument("its index ends within a line");
    layers.push_back(read_layer(index.substr(0, end), blobs));
    index.remove_prefix(end + 1);
  }
  return layers;
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  std::error_code error;
  const std::uintmax_t bytes = std::filesystem::file_size(path, error);
  if (!stream || error) throw std::invalid_argument("cannot be read");
  std::string file(bytes, '\0');
  stream.read(file.data(), static_cast<std::streamsize>(bytes));
  if (static_cast<std::uintmax_t>(stream.gcount()) != bytes) throw std::invalid_argument("cannot be read to its end");
  return file;
}

WeightsHeader read_header(std::string_view file) {
  WeightsHeader header;
  if (file.size() < sizeof header || std::memcmp(file.data(), detail::kWeightsMagic, sizeof header.magic) != 0)
    throw std::invalid_argument("not a sepconv weights file");
  std::memcpy(&header, file.data(), sizeof header);
  if (header.version < detail::kOldestWeightsVersion || header.version > detail::kWeightsVersion ||
      header.header_bytes != sizeof header)
    throw std::invalid_argument("version " + std::to_string(header.version) + "; this library reads versions " +
                                std::to_string(detail::kOldestWeightsVersion) + " to " +
                                std::to_string(detail::kWeightsVersion) +
                                "; run `sepconv compile` again to write the file");
  if (header.file_bytes != file.size())
    throw std::invalid_argument("has " + std::to_string(file.size()) + " bytes of " +
                                std::to_string(header.file_bytes));
  if (header.checksum != detail::weights_checksum(file)) throw std::invalid_argument("damaged: its checksum differs");
  if (header.version == 2) header.steps_bytes = header.network_bytes = 0;
  std::uint64_t rest = file.size() - sizeof header;
  for (const std::uint64_t bytes : {header.index_bytes, header.steps_bytes, header.network_bytes}) {
    if (bytes > rest) throw std::invalid_argument("its index is longer than the file");
    rest -= bytes;
  }
  return header;
}

}  // namespace

WeightsFile weights_file_from_bytes(std::string_view bytes) {
  const WeightsHeader header = read_header(bytes);
  BlobReader blobs(bytes);
  std::string_view rest = bytes.substr(sizeof header);
  const auto take = [&rest](std::uint64_t count) {
    const std::string_view part = rest.substr(0, count);
    rest.remove_prefix(count);
    return part;
  };
  WeightsFile file;
  file.layers = read_index(take(header.index_bytes), blobs);
  file.network_layers = read_index(take(header.steps_bytes), blobs);
  if (header.network_bytes != 0) file.network = network_from_text(take(header.network_bytes));
  detail::check_weights_file(file);
  return file;
}

WeightsFile load_weights_file(const std::filesystem::path& path) {
  try {
    return weights_file_from_bytes(read_file(path));
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument("weights file '" + path.string() + "': " + error.what());
  }
}

std::vector<NamedWeights> load_weights(const std::filesystem::path& path) { return load_weights_file(path).layers; }

ConvLayer load_layer(const std::filesystem::path& weights_file, std::string_view name) {
  std::vector<NamedWeights> layers = load_weights(weights_file);
  std::string known;
  for (NamedWeights& layer : layers) {
    if (layer.name == name) return ConvLayer(std::move(layer.name), std::move(layer.problem), std::move(layer.weights));
    known += (known.empty() ? "" : ", ") + layer.name;
  }
  throw std::invalid_argument("weights file '" + weights_file.string() + "': no layer " + detail::quoted(name) +
                              "; it has " + (known.empty() ? "none" : known));
}

}  // namespace sepconv
