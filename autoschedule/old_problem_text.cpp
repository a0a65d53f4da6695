#include "autoschedule/old_problem_text.h"

#include <optional>
#include <vector>

#include "runtime/core/text.h"

namespace sepconv::autoschedule {
namespace {

using detail::consume_prefix;
using detail::split;

/// "bias-relu" is ".bias.relu", "nobias-linear" nothing.
std::optional<std::string> steps_of(std::string_view epilogue) {
  std::string steps;
  if (consume_prefix(epilogue, "bias-"))
    steps = ".bias";
  else if (!consume_prefix(epilogue, "nobias-"))
    return std::nullopt;
  if (epilogue != "linear") steps.append(".").append(epilogue);
  return steps;
}

/// Window, strides, dilation, pads and multiplier without those that have no effect.
std::string window_of(const std::vector<std::string_view>& fields) {
  std::string text = "_" + std::string(fields[5]);
  for (const auto& [field, neutral] : {std::pair{fields[6], "s1x1"}, std::pair{fields[7], "d1x1"},
                                       std::pair{fields[8], "p0x0x0x0"}, std::pair{fields[9], "m1"}})
    if (field != neutral) text.append("_").append(field);
  return text;
}

}  // namespace

std::string current_problem_text(std::string_view text) {
  const std::string as_it_is(text);
  const std::size_t out = text.rfind("_out-");
  if (out == std::string_view::npos) return as_it_is;
  const auto last = steps_of(text.substr(out + 5));
  text = text.substr(0, out);
  const std::size_t mid = text.find("_mid-");
  const auto middle = mid == std::string_view::npos ? std::string() : steps_of(text.substr(mid + 5));
  const auto fields = split(text.substr(0, mid), '_');
  if (fields.size() != 10 || !last || !middle) return as_it_is;
  std::string result = std::string(fields[1]) + "_" + std::string(fields[2]) + "_" + std::string(fields[3]);
  const std::string conv = ".conv_" + std::string(fields[4]);
  if (fields[0] == "separable") return result + ".dw" + window_of(fields) + *middle + conv + "_k1x1" + *last;
  if (fields[0] == "depthwise") return result + ".dw" + window_of(fields) + *last;
  if (fields[0] == "pointwise") return result + conv + window_of(fields) + *last;
  return as_it_is;
}

}  // namespace sepconv::autoschedule
