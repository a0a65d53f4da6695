#include "initializers.h"

#include <cmath>
#include <stdexcept>
#include <string>

#include "text.h"

namespace sepconv::detail {
namespace {

/// Steele, Lea and Flood: "Fast splittable pseudorandom number generators", 2014.
class SplitMix64 {
 public:
  explicit SplitMix64(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15u;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  /// Uniform in [0, 1), 53 bits.
  double uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }

 private:
  std::uint64_t state_;
};

enum class Kind { glorot_uniform, zeros };

Kind kind_of(std::string_view argument, std::string_view name) {
  if (name == "glorot_uniform" || name == "GlorotUniform") return Kind::glorot_uniform;
  if (name == "zeros" || name == "zero" || name == "Zeros") return Kind::zeros;
  throw std::invalid_argument("Could not interpret initializer identifier: " + std::string(name) + " (argument `" +
                              std::string(argument) +
                              "`). Expected glorot_uniform or zeros; other values can be given by set_weights()");
}

/// sqrt(6 / (fan_in + fan_out)) with the fans of a kernel (r..., a, b): prod(r) * a and prod(r) * b.
double glorot_limit(const Shape& shape) {
  double receptive = 1;
  for (std::size_t axis = 0; axis + 2 < shape.size(); ++axis) receptive *= static_cast<double>(shape[axis]);
  const auto last = static_cast<double>(shape.back());
  const double before_last = shape.size() == 1 ? last : static_cast<double>(shape[shape.size() - 2]);
  return std::sqrt(6.0 / (receptive * before_last + receptive * last));
}

}  // namespace

void check_initializer(std::string_view argument, std::string_view name) { kind_of(argument, name); }

std::vector<float> initial_weights(std::string_view initializer, const Shape& shape, std::uint64_t seed) {
  std::size_t count = 1;
  for (const std::int64_t extent : shape) count *= static_cast<std::size_t>(extent);
  std::vector<float> weights(count, 0.0f);
  if (kind_of("initializer", initializer) == Kind::zeros) return weights;
  const double limit = glorot_limit(shape);
  SplitMix64 random(seed);
  for (float& weight : weights) weight = static_cast<float>((2.0 * random.uniform() - 1.0) * limit);
  return weights;
}

}  // namespace sepconv::detail
