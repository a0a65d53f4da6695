// Layout, all numbers little-endian:
//   header, 64 bytes: magic[8] "sepconvW", version u32, header bytes u32, index bytes u64, file bytes u64,
//                     checksum u64 (of the whole file with this field zero), zeros
//   index: text, a line a layer: name, problem text and, for each array of its ConvWeights, offset:count of its
//          elements; separated by tabs
//   blobs: float64 for problems of that type, else float32, each at a multiple of 64 bytes, zeros between them
#include "sepconv/weights_file.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <set>
#include <stdexcept>
#include <string_view>

#include "runtime/core/text.h"
#include "runtime/core/whole_file.h"
#include "sepconv/layer.h"

namespace sepconv {
namespace {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the blobs are read and written as they lie in memory");

constexpr char kMagic[8] = {'s', 'e', 'p', 'c', 'o', 'n', 'v', 'W'};
constexpr std::uint32_t kVersion = 2;
constexpr std::size_t kBlobAlignment = 64;

struct Header {
  char magic[8];
  std::uint32_t version, header_bytes;
  std::uint64_t index_bytes, file_bytes, checksum;
  char reserved[24];
};
static_assert(sizeof(Header) == 64);

std::size_t align_blob(std::size_t offset) { return (offset + kBlobAlignment - 1) / kBlobAlignment * kBlobAlignment; }

/// Every step is a bijection of the state, so that a change of one word always changes the result.
std::uint64_t checksum_of(const std::string& file) {
  std::uint64_t hash = 0x9e3779b97f4a7c15u ^ file.size();
  const auto mix = [&](std::uint64_t word) {
    hash = (hash ^ word) * 0xff51afd7ed558ccdu;
    hash ^= hash >> 32;
  };
  for (std::size_t at = 0; at < file.size(); at += sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, file.data() + at, std::min(sizeof word, file.size() - at));
    if (at != offsetof(Header, checksum)) mix(word);
  }
  return hash;
}

void check_names(const std::vector<NamedWeights>& layers) {
  std::set<std::string_view> names;
  for (const NamedWeights& layer : layers) {
    if (!detail::is_printable(layer.name))
      throw std::invalid_argument("save_weights: a layer's name is empty or holds control characters: " +
                                  detail::quoted(layer.name));
    if (!names.insert(layer.name).second)
      throw std::invalid_argument("save_weights: two layers are named " + detail::quoted(layer.name));
  }
}

std::size_t element_bytes(const ConvProblem& problem) { return size_bytes(accumulator_type(problem.dtype)); }

template <class T>
void write_blob(const std::vector<T>& values, std::string& file, std::size_t offset) {
  if (!values.empty()) std::memcpy(file.data() + offset, values.data(), values.size() * sizeof(T));
}

/// The index with blobs laid out from `blobs_begin` on; the end of the last one goes to `end`.
std::string index_text(const std::vector<NamedWeights>& layers, std::size_t blobs_begin, std::size_t& end) {
  std::string text;
  end = blobs_begin;
  for (const NamedWeights& layer : layers) {
    text += layer.name + '\t' + to_text(layer.problem);
    for (const WeightArray& array : layer.weights.arrays) {
      text += '\t' + std::to_string(end) + ':' + std::to_string(array.size());
      end = align_blob(end + array.size() * element_bytes(layer.problem));
    }
    text += '\n';
  }
  return text;
}

std::string file_bytes(const std::vector<NamedWeights>& layers) {
  // Offsets are printed in the index whose length they depend on: lay out again until the index fits before the blobs.
  std::size_t blobs_begin = sizeof(Header), end = 0;
  std::string index;
  for (;;) {
    index = index_text(layers, blobs_begin, end);
    const std::size_t wanted = align_blob(sizeof(Header) + index.size());
    if (wanted <= blobs_begin) break;
    blobs_begin = wanted;
  }
  std::string file(end, '\0');
  Header header{};
  std::memcpy(header.magic, kMagic, sizeof kMagic);
  header.version = kVersion;
  header.header_bytes = sizeof(Header);
  header.index_bytes = index.size();
  header.file_bytes = file.size();
  std::memcpy(file.data(), &header, sizeof header);
  std::memcpy(file.data() + sizeof header, index.data(), index.size());
  std::size_t at = blobs_begin;
  for (const NamedWeights& layer : layers)
    for (const WeightArray& array : layer.weights.arrays) {
      if (layer.problem.dtype == DataType::float64)
        write_blob(array.to_doubles(), file, at);
      else
        write_blob(array.to_floats(), file, at);
      at = align_blob(at + array.size() * element_bytes(layer.problem));
    }
  const std::uint64_t checksum = checksum_of(file);
  std::memcpy(file.data() + offsetof(Header, checksum), &checksum, sizeof checksum);
  return file;
}

/// One blob of the index, "offset:count", copied out of the file.
template <class T>
WeightArray read_blob(std::string_view place, const std::string& file, std::size_t wanted) {
  const auto parts = detail::split(place, ':');
  std::uint64_t numbers[2] = {};
  bool readable = parts.size() == 2;
  for (std::size_t i = 0; i < 2 && readable; ++i) {
    const char* const last = parts[i].data() + parts[i].size();
    const auto [end, error] = std::from_chars(parts[i].data(), last, numbers[i]);
    readable = error == std::errc{} && end == last;
  }
  const auto [offset, count] = numbers;
  if (!readable || count != wanted || offset % kBlobAlignment != 0 || offset > file.size() ||
      count > (file.size() - offset) / sizeof(T))
    throw std::invalid_argument("weights at " + detail::quoted(place) + "; expected " + std::to_string(wanted) +
                                " elements within the file");
  std::vector<T> values(count);
  if (count != 0) std::memcpy(values.data(), file.data() + offset, count * sizeof(T));
  return values;
}

NamedWeights read_layer(std::string_view line, const std::string& file) {
  const auto fields = detail::split(line, '\t');
  const auto wrong_count = [&] {
    throw std::invalid_argument("an index line has " + std::to_string(fields.size()) + " fields");
  };
  if (fields.size() < 2) wrong_count();
  NamedWeights layer{std::string(fields[0]), problem_from_text(fields[1]), {}};
  const std::vector<Argument> arguments = weights_of(layer.problem);
  if (fields.size() != 2 + arguments.size()) wrong_count();
  const bool is_double = layer.problem.dtype == DataType::float64;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::size_t elements = elements_of(arguments[i]);
    layer.weights.arrays.push_back(is_double ? read_blob<double>(fields[2 + i], file, elements)
                                             : read_blob<float>(fields[2 + i], file, elements));
  }
  return layer;
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

std::vector<NamedWeights> parse_file(const std::string& file) {
  Header header;
  if (file.size() < sizeof header || std::memcmp(file.data(), kMagic, sizeof kMagic) != 0)
    throw std::invalid_argument("not a sepconv weights file");
  std::memcpy(&header, file.data(), sizeof header);
  if (header.version != kVersion || header.header_bytes != sizeof header)
    throw std::invalid_argument("version " + std::to_string(header.version) + "; this library reads version " +
                                std::to_string(kVersion) + "; run `sepconv compile` again to write the file");
  if (header.file_bytes != file.size())
    throw std::invalid_argument("has " + std::to_string(file.size()) + " bytes of " +
                                std::to_string(header.file_bytes));
  if (header.checksum != checksum_of(file)) throw std::invalid_argument("damaged: its checksum differs");
  if (header.index_bytes > file.size() - sizeof header)
    throw std::invalid_argument("its index is longer than the file");
  std::string_view index(file.data() + sizeof header, header.index_bytes);
  std::vector<NamedWeights> layers;
  std::set<std::string> names;
  while (!index.empty()) {
    const std::size_t end = index.find('\n');
    if (end == std::string_view::npos) throw std::invalid_argument("its index ends within a line");
    layers.push_back(read_layer(index.substr(0, end), file));
    if (!names.insert(layers.back().name).second)
      throw std::invalid_argument("two layers are named " + detail::quoted(layers.back().name));
    index.remove_prefix(end + 1);
  }
  return layers;
}

}  // namespace

void save_weights(const std::filesystem::path& path, const std::vector<NamedWeights>& layers) {
  check_names(layers);
  for (const NamedWeights& layer : layers) {
    validate(layer.problem);
    validate(layer.weights, layer.problem);
  }
  if (const auto why_not = detail::write_whole_file(path, file_bytes(layers)))
    throw std::invalid_argument("weights file '" + path.string() + "': cannot be written: " + *why_not);
}

std::vector<NamedWeights> load_weights(const std::filesystem::path& path) {
  try {
    return parse_file(read_file(path));
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument("weights file '" + path.string() + "': " + error.what());
  }
}

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
