#pragma once
// Keras' padding: the zeros around an axis, and the number of outputs along it.

#include <cstdint>
#include <optional>
#include <string_view>

namespace sepconv {

enum class Padding : std::uint8_t {
  valid,   // no zeros
  same,    // one output per stride; an odd zero goes to the end
  causal,  // zeros in front only: an output depends on no later input
};

/// "valid", "same" or "causal".
const char* to_text(Padding padding) noexcept;
/// Returns nothing for any other text.
std::optional<Padding> padding_from_text(std::string_view text) noexcept;

/// Zeros before and after an axis.
struct AxisPads {
  std::int64_t before = 0, after = 0;
};

/// The zeros of an axis. @param window  extent of the window, dilation included
AxisPads pads_of_axis(Padding padding, std::int64_t extent, std::int64_t window, std::int64_t stride) noexcept;

/// The outputs along an axis; negative if "valid" cannot place a window, kDynamic if the extent is.
std::int64_t output_extent(Padding padding, std::int64_t extent, std::int64_t window, std::int64_t stride) noexcept;

}  // namespace sepconv
