// The checks themselves: each must fail on a kernel that does what the check is there to see.

#include "tests/kernels/kernel_check.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "runtime/core/halide_buffer.h"
#include "sepconv/kernel_registry.h"
#include "sepconv/tensor.h"
#include "tests/stage_lists.h"

namespace sepconv::test {
namespace {

// A pointwise kernel by hand: y = x * w of one channel, as kernel_abi.h asks for it, and faults on demand.
constexpr const char* kProblem = "f32_nhwc_i1x6x1.conv_o1_k1x1.relu6";
enum class Sin { none, value, nan, after, gap, input, workspace, read_after, read_before, error };
Sin sin = Sin::none;

int kernel(void** argv) {
  if (sin == Sin::error) return -7;
  auto* services = *static_cast<KernelContext**>(argv[0]);
  const auto& input = *static_cast<detail::HalideBuffer*>(argv[1]);
  const auto& weights = *static_cast<detail::HalideBuffer*>(argv[2]);
  const auto& output = *static_cast<detail::HalideBuffer*>(argv[3]);
  auto* x = reinterpret_cast<float*>(input.host);
  auto* y = reinterpret_cast<float*>(output.host);
  const float w = reinterpret_cast<const float*>(weights.host)[0];
  const int batch = output.dim[3].extent, x_pitch = input.dim[3].stride, y_pitch = output.dim[3].stride;
  for (int n = 0; n < batch; ++n)
    for (int i = 0; i < 6; ++i) {
      const float sum = x[n * x_pitch + i] * w;
      y[n * y_pitch + i] = sum < 0 ? 0 : sum > 6 ? 6 : sum;
      if (sin == Sin::nan && std::isnan(sum)) y[n * y_pitch + i] = 6;
    }
  if (sin == Sin::value) y[3] += 0.001f;
  if (sin == Sin::after) y[(batch - 1) * y_pitch - 1] = 0, y[(batch - 1) * y_pitch + 6] = 0;
  if (sin == Sin::gap) y[6] = 0;
  if (sin == Sin::input) x[6] = 0;
  if (sin == Sin::read_after) y[0] += 0 * x[(batch - 1) * x_pitch + 6];
  if (sin == Sin::read_before) y[0] += 0 * x[-1];
  if (sin == Sin::workspace) {
    auto* scratch = static_cast<float*>(services->allocate(services, 64));
    for (int i = 0; i < (1 << 20); ++i) scratch[-i] = 0;  // down to the forbidden page
    services->release(services, scratch);
  }
  return 0;
}

constexpr CompiledKernel kKernel = {
    kKernelAbi, "row_check_by_hand", &kernel, kProblem, "x86-64-sse41", "by hand", 0, 10, 1, 1, 0, 64, 0};

class KernelCheckTest : public testing::Test {
 protected:
  KernelCheckTest() {
    static const KernelTable table = {"kernel_check", &kKernel, 1, nullptr, 0};
    use_kernels(table);
  }
  ~KernelCheckTest() override { sin = Sin::none; }
  static std::string fault(Sin what, const TestCall& call) {
    sin = what;
    return fault_of(kKernel, problem_from_text(kProblem), call).value_or("none");
  }
};

TEST_F(KernelCheckTest, FindsNothingWrongWithARightKernel) {
  for (const Values values : {Values::integers, Values::reals, Values::nan, Values::infinity})
    for (const Fence fence : {Fence::after, Fence::before})
      EXPECT_EQ(fault(Sin::none, {.batch = 3, .in_gap = 2, .out_gap = 4, .fence = fence, .values = values}), "none");
}

TEST_F(KernelCheckTest, SeesWrongValues) {
  EXPECT_NE(fault(Sin::value, {}).find("element 3 is"), std::string::npos);
  EXPECT_NE(fault(Sin::value, {.values = Values::reals}).find("element 3 is"), std::string::npos);
}

TEST_F(KernelCheckTest, SeesANanThatIsLost) {
  EXPECT_NE(fault(Sin::nan, {.values = Values::nan}).find("expected nan"), std::string::npos);
}

TEST_F(KernelCheckTest, SeesWritesOutsideTheImages) {
  EXPECT_NE(fault(Sin::gap, {.batch = 2, .out_gap = 1}).find("outside the output"), std::string::npos);
  EXPECT_NE(fault(Sin::after, {.batch = 2, .out_gap = 1, .fence = Fence::before}).find("outside the output"),
            std::string::npos);
  EXPECT_NE(fault(Sin::input, {.batch = 2, .in_gap = 1}).find("input's gaps"), std::string::npos);
}

TEST_F(KernelCheckTest, ReportsTheStatus) { EXPECT_NE(fault(Sin::error, {}).find("error -7"), std::string::npos); }

using KernelCheckDeathTest = KernelCheckTest;

TEST_F(KernelCheckDeathTest, EndsTheProcessWhereAFenceIsCrossed) {
  EXPECT_DEATH(fault(Sin::read_after, {.fence = Fence::after}), "");
  EXPECT_DEATH(fault(Sin::read_before, {.fence = Fence::before}), "");
  EXPECT_DEATH(fault(Sin::after, {.fence = Fence::after}), "");
  EXPECT_DEATH(fault(Sin::workspace, {.fence = Fence::before}), "");
}

TEST(FencedBufferTest, NoticesWritesBesideTheBytes) {
  FencedBuffer after(20, Fence::after), before(20, Fence::before);
  EXPECT_TRUE(after.intact());
  EXPECT_TRUE(before.intact());
  EXPECT_TRUE(after.untouched(0, 20));
  std::fill_n(after.data() + 4, 16, std::byte{1});
  EXPECT_TRUE(after.intact());
  EXPECT_TRUE(after.untouched(0, 4));
  EXPECT_FALSE(after.untouched(0, 5));
  after.data()[-1] = std::byte{1};
  before.data()[20] = std::byte{1};
  EXPECT_FALSE(after.intact());
  EXPECT_FALSE(before.intact());
}

TEST(FencedBufferTest, StartsAsNaNInEveryType) {
  FencedBuffer buffer(16, Fence::after);
  for (const DataType dtype : {DataType::float32, DataType::float64, DataType::float16, DataType::bfloat16})
    for (const double value : to_doubles(dense_view(buffer.data(), dtype, Shape{2})))
      EXPECT_TRUE(std::isnan(value)) << keras_name(dtype);
}

TEST(ShapesAroundTest, ReachesTheTilesEdges) {
  CompiledKernel kernel = kKernel;
  kernel.problem = "f32_nhwc_i?x?x4.dw_k5x5_p?x?x?x?.conv_o8_k1x1";
  kernel.schedule = "block_fuse1_flat0_oh3_ow12.dw_c4_ow4_pad1.pw_mr6_nr8_ku2_vf1";
  bool halo = false, uneven = false, many_blocks = false;
  std::vector<int> widths;
  for (const ConvProblem& p : shapes_around(kernel)) {
    EXPECT_FALSE(p.is_dynamic());
    widths.push_back(p.OW());
    halo = halo || p.IW < window(p).KW_eff() - 1;
    uneven = uneven || window(p).pad_right > window(p).pad_left + 1;
    many_blocks = many_blocks || (p.OH() > 3 && p.OW() > 12);
  }
  for (const int width : {1, 3, 4, 5, 6, 7, 11, 12, 13, 37})
    EXPECT_NE(std::find(widths.begin(), widths.end(), width), widths.end()) << width;
  EXPECT_TRUE(halo && uneven && many_blocks);
}

}  // namespace
}  // namespace sepconv::test
