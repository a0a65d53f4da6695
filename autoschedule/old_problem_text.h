#pragma once
// The text form that problems had until November 2026 (schedule version 2, lockfile version 1, store version 1), so
// that tuned lockfiles and record stores are not lost. Delete this file when such files are no longer in use.

#include <string>
#include <string_view>

namespace sepconv::autoschedule {

/// The text in today's form: "separable_f32_nhwc_i8x8x4_o5_k3x3_s1x1_d1x1_p1x1x1x1_m1_mid-nobias-linear_out-bias-relu"
/// is "f32_nhwc_i8x8x4.dw_k3x3_p1x1x1x1.conv_o5_k1x1.bias.relu". A text that is not in the old form comes back as it
/// is; problem_from_text() says what is wrong with it.
std::string current_problem_text(std::string_view text);

}  // namespace sepconv::autoschedule
