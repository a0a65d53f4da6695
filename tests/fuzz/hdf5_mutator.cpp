#include "tests/fuzz/hdf5_mutator.h"

#include <array>
#include <string_view>
#include <vector>

#include "tests/fuzz/json_mutator.h"
#include "tests/fuzz/mutation.h"

namespace sepconv::fuzz {
namespace {

constexpr std::size_t kWord = 8;
constexpr std::size_t kStructureBytes = 512;  // behind a signature, that belong to it mostly

/// Where structures begin: by their signatures, and the superblock.
std::vector<std::size_t> structures_of(const std::string& file) {
  static constexpr std::array<std::string_view, 10> kSignatures = {"TREE", "SNOD", "HEAP", "GCOL", "OHDR",
                                                                   "OCHK", "FRHP", "FHDB", "BTHD", "BTLF"};
  std::vector<std::size_t> begins{0};
  for (const std::string_view signature : kSignatures)
    for (std::size_t at = 0; (at = file.find(signature, at)) != std::string::npos; ++at) begins.push_back(at);
  return begins;
}

std::uint64_t word_at(const std::string& file, std::size_t at) {
  std::uint64_t word = 0;
  std::memcpy(&word, file.data() + at, kWord);
  return word;
}

/// Replaces a number of 2, 4 or 8 bytes by one that structures have or that limits are made of.
void change_number(std::string& file, std::size_t at, Random& random) {
  const std::uint64_t old = word_at(file, at);
  const std::uint64_t other = word_at(file, pick(random, file.size() / kWord) * kWord);
  const std::uint64_t numbers[] = {0,           1,      old + 1,  old - 1, old * 2, old + kWord, old - kWord,
                                   file.size(), at / 2, ~old * 0, other,   0x7fff,  ~0ull,       1ull << 32};
  const std::uint64_t number = numbers[pick(random, std::size(numbers))];
  const std::size_t bytes = std::array<std::size_t, 3>{2, 4, 8}[pick(random, 3)];
  std::memcpy(file.data() + at, &number, bytes);
}

void change_structure(std::string& file, Random& random) {
  const std::vector<std::size_t> begins = structures_of(file);
  const std::size_t at = begins[pick(random, begins.size())] + 2 * pick(random, kStructureBytes / 2);
  if (at + kWord <= file.size()) change_number(file, at, random);
}

/// Mutates the longest JSON object in the file, which an attribute holds. It keeps its length: blanks fill the rest.
bool change_json(std::string& file, unsigned seed) {
  constexpr std::size_t kLeastBytes = 64;
  std::size_t begin = 0, length = 0;
  for (std::size_t at = 0; (at = file.find("{\"", at)) != std::string::npos;) {
    const std::size_t end = std::min(file.find('\0', at), file.size());
    if (end - at > length) begin = at, length = end - at;
    at = end;
  }
  if (length < kLeastBytes) return false;
  // What follows the object up to the zero is kept out: mutated_json wants the object alone.
  const std::size_t last = file.rfind('}', begin + length - 1);
  if (last == std::string::npos || last < begin) return false;
  std::optional<std::string> text = mutated_json(std::string_view(file).substr(begin, last + 1 - begin), seed);
  if (!text || text->size() > length) return false;
  text->resize(length, ' ');
  file.replace(begin, length, *text);
  return true;
}

}  // namespace

std::string mutated_hdf5(std::string file, unsigned seed) {
  Random random(seed);
  if (file.size() < 64) return mutated_bytes(std::move(file), 64);
  switch (pick(random, 8)) {
    case 0: return mutated_bytes(std::move(file), 64);
    case 1:
    case 2:
    case 3:
      if (change_json(file, seed)) return file;
      break;
    default: break;
  }
  for (std::size_t left = 1 + pick(random, 3); left > 0; --left) {
    if (pick(random, 4) == 0)
      change_number(file, pick(random, (file.size() - kWord) / 2) * 2, random);
    else
      change_structure(file, random);
  }
  return file;
}

}  // namespace sepconv::fuzz
