#pragma once
// Layout of a weights file, all numbers little-endian:
//   header, 64 bytes: magic[8] "sepconvW", version u32, header bytes u32, bytes of the index u64, file bytes u64,
//                     checksum u64 (of the whole file with this field zero), bytes of the steps' index u64, bytes of
//                     the network's text u64, zeros
//   index: text, a line a layer: name, problem text and, for each array of its ConvWeights, offset:count of its
//          elements, then ":f16" or ":bf16" if they are stored in 16 bits; separated by tabs
//   the same for the steps of the network, and the text form of the network
//   blobs: float64 for problems of that type, else float32 or what the index says, each at a multiple of 64 bytes,
//   zeros
//          between them. Several arrays may have one blob; otherwise blobs do not overlap.
// Version 2 has no network and no blobs of 16 bits.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "sepconv/weights_file.h"

namespace sepconv::detail {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the blobs are read and written as they lie in memory");

constexpr char kWeightsMagic[8] = {'s', 'e', 'p', 'c', 'o', 'n', 'v', 'W'};
constexpr std::uint32_t kWeightsVersion = 3, kOldestWeightsVersion = 2;
constexpr std::size_t kBlobAlignment = 64;

struct WeightsHeader {
  char magic[8];
  std::uint32_t version, header_bytes;
  std::uint64_t index_bytes, file_bytes, checksum, steps_bytes, network_bytes;
  char reserved[8];
};
static_assert(sizeof(WeightsHeader) == 64);

/// Every step is a bijection of the state, so that a change of one word always changes the result.
inline std::uint64_t weights_checksum(std::string_view file) {
  std::uint64_t hash = 0x9e3779b97f4a7c15u ^ file.size();
  const auto mix = [&](std::uint64_t word) {
    hash = (hash ^ word) * 0xff51afd7ed558ccdu;
    hash ^= hash >> 32;
  };
  for (std::size_t at = 0; at < file.size(); at += sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, file.data() + at, std::min(sizeof word, file.size() - at));
    if (at != offsetof(WeightsHeader, checksum)) mix(word);
  }
  return hash;
}

/// Checks what save_weights_file says, and what a file that was read must keep.
/// @throws std::invalid_argument
void check_weights_file(const WeightsFile& file);

}  // namespace sepconv::detail
