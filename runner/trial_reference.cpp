#include "runner/trial_reference.h"

#include <bit>
#include <cstring>
#include <fstream>
#include <optional>
#include <span>
#include <sstream>
#include <string>

#include "runtime/core/whole_file.h"

namespace sepconv::runner {
namespace {

constexpr std::uint64_t kSeed = 1;
constexpr const char* kMagic = "sepconv-trial-reference 1";

/// Tells damaged files: 64 bits, eight bytes at a time.
class Checksum {
 public:
  void add(const void* data, std::size_t bytes) {
    const auto* next = static_cast<const std::byte*>(data);
    for (; bytes >= 8; bytes -= 8, next += 8) {
      std::uint64_t word;
      std::memcpy(&word, next, 8);
      add(word);
    }
    std::uint64_t rest = 0;
    std::memcpy(&rest, next, bytes);
    add(rest ^ (std::uint64_t{bytes} << 56));
  }
  std::uint64_t value() const { return state_ ^ (state_ >> 29); }

 private:
  void add(std::uint64_t word) { state_ = std::rotl(state_ ^ (word * 0x9e3779b97f4a7c15u), 29) * 0xbf58476d1ce4e5b9u; }
  std::uint64_t state_ = 0x94d049bb133111ebu;
};

/// The first line: what the numbers behind it belong to.
std::string header_text(const ConvProblem& problem, std::uint64_t checksum) {
  std::ostringstream text;
  text << kMagic << " seed " << kSeed << ' ' << to_text(problem) << ' ' << std::hex << checksum << '\n';
  return text.str();
}

std::uint64_t checksum_of(const ReferenceOutput& expected) {
  Checksum sum;
  sum.add(expected.values.data(), expected.values.size() * sizeof(double));
  sum.add(expected.limits.data(), expected.limits.size() * sizeof(double));
  return sum.value();
}

std::optional<ReferenceOutput> read(const std::filesystem::path& path, const ConvProblem& problem) {
  std::ifstream file(path, std::ios::binary);
  std::string header;
  if (!std::getline(file, header)) return std::nullopt;
  ReferenceOutput expected;
  const auto count = static_cast<std::size_t>(output_elems(problem));
  for (std::vector<double>* values : {&expected.values, &expected.limits}) {
    values->resize(count);
    const auto bytes = static_cast<std::streamsize>(count * sizeof(double));
    if (!file.read(reinterpret_cast<char*>(values->data()), bytes)) return std::nullopt;
  }
  if (file.get() != std::ifstream::traits_type::eof()) return std::nullopt;
  if (header + "\n" != header_text(problem, checksum_of(expected))) return std::nullopt;
  return expected;
}

void write(const std::filesystem::path& path, const ConvProblem& problem, const ReferenceOutput& expected) {
  std::string bytes = header_text(problem, checksum_of(expected));
  for (const std::vector<double>* values : {&expected.values, &expected.limits})
    bytes.append(reinterpret_cast<const char*>(values->data()), values->size() * sizeof(double));
  // Without it the next trial computes the reference again.
  static_cast<void>(detail::write_whole_file(path, bytes));
}

}  // namespace

TrialReference trial_reference(const ConvProblem& problem, const std::filesystem::path& path, int threads) {
  TrialReference reference;
  reference.data = real_values(problem, 1, kSeed);
  if (!path.empty())
    if (std::optional<ReferenceOutput> kept = read(path, problem)) {
      reference.expected = std::move(*kept);
      return reference;
    }
  reference.expected = reference_with_limits(problem, reference.data.weights, 1, reference.data.input, threads);
  if (!path.empty()) write(path, problem, reference.expected);
  return reference;
}

}  // namespace sepconv::runner
