#pragma once
// The 1-D form in which kernels of a 1x1 convolution see an image.

#include "sepconv/conv_problem.h"

namespace sepconv::detail {

/// A pointwise problem without strides, pads and dynamic extents as the 1-D problem over all its pixels, which lie in
/// memory in the same way; any other problem unchanged.
ConvProblem with_merged_pixels(ConvProblem problem);

}  // namespace sepconv::detail
