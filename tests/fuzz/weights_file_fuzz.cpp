// A .weights file. What was read is written again and read again, with the same values.

#include <cstring>

#include "sepconv/weights_file.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/mutation.h"

namespace {

using sepconv::NamedWeights;

bool same_bits(const sepconv::WeightArray& a, const sepconv::WeightArray& b) {
  const std::vector<double> first = a.to_doubles(), second = b.to_doubles();
  return first.size() == second.size() &&
         (first.empty() || std::memcmp(first.data(), second.data(), first.size() * sizeof(double)) == 0);
}

void require_same(const std::vector<NamedWeights>& layers, const std::vector<NamedWeights>& again) {
  sepconv::fuzz::require(again.size() == layers.size(), "all layers are written");
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const auto &a = layers[i], &b = again[i];
    bool same = a.name == b.name && a.problem == b.problem && a.weights.arrays.size() == b.weights.arrays.size();
    for (std::size_t k = 0; same && k < a.weights.arrays.size(); ++k)
      same = same_bits(a.weights.arrays[k], b.weights.arrays[k]);
    sepconv::fuzz::require(same, "a layer's weights are written as they were read");
  }
}

void check_round_trip(const sepconv::WeightsFile& file) {
  const std::filesystem::path copy = sepconv::fuzz::scratch_folder() / "copy.weights";
  sepconv::save_weights_file(copy, file);
  const sepconv::WeightsFile again = sepconv::load_weights_file(copy);
  require_same(file.layers, again.layers);
  require_same(file.network_layers, again.network_layers);
  sepconv::fuzz::require(file.network.has_value() == again.network.has_value() &&
                             (!file.network || to_text(*file.network) == to_text(*again.network)),
                         "a network is written as it was read");
}

#ifdef SEPCONV_LIBFUZZER
constexpr std::size_t kHeaderBytes = 64, kFileBytesAt = 24, kChecksumAt = 32, kWord = 8;

/// The format's checksum of all words but the checksum itself.
std::uint64_t checksum_of(const std::uint8_t* file, std::size_t size) {
  std::uint64_t hash = 0x9e3779b97f4a7c15u ^ size;
  for (std::size_t at = 0; at < size; at += kWord) {
    std::uint64_t word = 0;
    std::memcpy(&word, file + at, std::min(kWord, size - at));
    if (at == kChecksumAt) continue;
    hash = (hash ^ word) * 0xff51afd7ed558ccdu;
    hash ^= hash >> 32;
  }
  return hash;
}
#endif

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const sepconv::fuzz::MemoryFile file(data, size);
  sepconv::fuzz::read_or_refuse([&] { check_round_trip(sepconv::load_weights_file(file.path())); });
  return 0;
}

#ifdef SEPCONV_LIBFUZZER
/// Most mutants get the right size and checksum, so that the index and the blobs are read.
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  const std::size_t mutated = LLVMFuzzerMutate(data, size, max_size);
  if (mutated < kHeaderBytes || seed % 8 == 0) return mutated;
  const std::uint64_t bytes = mutated;
  std::memcpy(data + kFileBytesAt, &bytes, kWord);
  const std::uint64_t checksum = checksum_of(data, mutated);
  std::memcpy(data + kChecksumAt, &checksum, kWord);
  return mutated;
}
#endif
