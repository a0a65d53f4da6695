#pragma once
// Small things that the mutators share.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>

/// libFuzzer's own mutations, with its dictionary and what it learned from comparisons.
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace sepconv::fuzz {

using Random = std::minstd_rand;

/// A number from 0 to count - 1.
inline std::size_t pick(Random& random, std::size_t count) {
  return std::uniform_int_distribution<std::size_t>(0, count - 1)(random);
}

/// libFuzzer's mutation of a string that may grow by `growth` bytes.
inline std::string mutated_bytes(std::string bytes, std::size_t growth) {
  const std::size_t size = bytes.size();
  bytes.resize(size + growth);
  bytes.resize(LLVMFuzzerMutate(reinterpret_cast<std::uint8_t*>(bytes.data()), size, bytes.size()));
  return bytes;
}

/// Puts a mutated input where libFuzzer wants it; 0, for "try again", when it does not fit.
inline std::size_t give(const std::string& bytes, std::uint8_t* data, std::size_t max_size) {
  if (bytes.empty() || bytes.size() > max_size) return 0;
  std::memcpy(data, bytes.data(), bytes.size());
  return bytes.size();
}

}  // namespace sepconv::fuzz
