#pragma once
// Arithmetic on shapes whose extents may be unknown. Results stay below kMaxExtent, so that sums and products of
// strangers' numbers cannot overflow.

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/keras/shape_rules.h"
#include "sepconv/detail/padding.h"

namespace sepconv::keras {

inline constexpr std::size_t kMaxRank = 32;      // NumPy's own
inline constexpr std::size_t kMaxOutputs = 128;  // shapes of a call that are told apart
inline constexpr std::int64_t kMaxExtent = std::int64_t{1} << 40;

/// An integer in [0, kMaxExtent].
std::optional<std::int64_t> small_integer(const nlohmann::json& value);

/// An int, which counts for every axis, or a list of `rank` ints.
std::optional<std::vector<std::int64_t>> integers(const nlohmann::json& value, std::size_t rank);

/// The axis counted from the front; nothing when the rank has no such axis.
std::optional<std::size_t> axis_of(const nlohmann::json& value, std::size_t rank);

std::int64_t sum_of(std::int64_t a, std::int64_t b);
std::int64_t product_of(std::int64_t a, std::int64_t b);

/// Elements from the axis on; kDynamic when an extent is unknown.
std::int64_t elements(const Shape& shape, std::size_t from);

/// The shape of an elementwise operation. Unknown operands count as of the same rank: what is known of the others
/// holds.
std::optional<Shape> broadcast(const Shapes& operands);

std::optional<Shape> concatenated(const Shapes& parts, const nlohmann::json& axis);

/// The extent behind a window that moves over it.
std::int64_t windowed(std::int64_t extent, Padding padding, std::int64_t window, std::int64_t stride,
                      std::int64_t dilation);

/// `target` with its -1 computed from the elements of `input`, from the axes on.
std::optional<Shape> reshaped(const Shape& input, const Shape& target, std::size_t from);

/// [N, extents..., C] or [N, C, extents...].
Shape assemble(std::int64_t batch, const std::vector<std::int64_t>& extents, std::int64_t channels, bool first);

bool ends_with(std::string_view text, std::string_view end);

}  // namespace sepconv::keras
