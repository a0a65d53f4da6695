#include "runtime/core/call_images.h"

#include <algorithm>
#include <cstdio>
#include <limits>

namespace sepconv::detail {

std::int64_t reachable_batch(const Images& images) noexcept {
  const std::int64_t most = std::numeric_limits<std::int32_t>::max();
  if (images.batch <= 1 || images.batch_pitch == 0) return images.batch;
  return (most - images.image_elements()) / images.batch_pitch + 1;
}

Images slice_batch(const Images& images, std::int64_t begin, std::int64_t count) noexcept {
  Images part = images;
  part.data = static_cast<const std::byte*>(images.data) +
              begin * (images.batch == 1 ? 0 : images.batch_pitch) * images.element_bytes;
  part.batch = count;
  return part;
}

AxisPadding dynamic_padding(std::int64_t input, std::int64_t output, std::int64_t effective,
                            std::int64_t stride) noexcept {
  if (input < 1 || output < 1) return {};
  const std::int64_t total = (output - 1) * stride + effective - input;
  if (total > 0) return {total / 2, output == (input + stride - 1) / stride};
  return {0, output == (input - effective) / stride + 1};
}

bool read_operands(const char* layer, const ConvProblem& problem, bool rank3, const ConstTensorView* views,
                   const Images& out, Images* images, Status& status) noexcept {
  std::size_t i = 0;
  for (const EpilogueStep& step : problem.stages.back().epilogue) {
    if (!has_operand(step)) continue;
    char which[24];
    std::snprintf(which, sizeof which, "operand %zu", i);
    Images& operand = images[i] = Images{};
    if (!read_images(layer, which, views[i], problem, rank3, operand, status)) return false;
    const bool whole = step.broadcast == Broadcast::none;
    const std::int64_t H = step.broadcast == Broadcast::channels ? 1 : out.H;
    const std::int64_t W = step.broadcast == Broadcast::channels ? 1 : out.W;
    const std::int64_t C = step.broadcast == Broadcast::pixels ? 1 : out.C;
    if (operand.H != H || operand.W != W || operand.C != C || operand.batch != out.batch) {
      status = Status::error(StatusCode::invalid_shape,
                             "layer '%s': the %s has shape %s; expected N = %lld, H = %lld, W = %lld, C = %lld in %s "
                             "order%s",
                             layer, which, ShapeText(views[i]).text, static_cast<long long>(out.batch),
                             static_cast<long long>(H), static_cast<long long>(W), static_cast<long long>(C),
                             to_text(problem.layout), whole ? ", as the output" : "");
      return false;
    }
    if (operand.batch != 0 && !check_memory(layer, which, views[i], operand, false, status)) return false;
    if (operand.batch != 0 && images_overlap(operand, out)) {
      status = Status::error(StatusCode::invalid_layout, "layer '%s': the %s and the output overlap", layer, which);
      return false;
    }
    ++i;
  }
  return true;
}

}  // namespace sepconv::detail
