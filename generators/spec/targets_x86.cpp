#include "generators/spec/target.h"
#include "runtime/core/feature_table.h"

namespace sepconv::generators {

namespace {

// 16 registers. 7 loads for 12 multiply-adds rather than 8. Where sums are short, registers for what comes before and
// after them are worth more than a load.
constexpr MicroTile kTiles16Nchw[] = {{2, 6}};
constexpr MicroTile kTiles16Short[] = {{3, 4}, {2, 4}};
constexpr MicroTile kTiles16[] = {{3, 4}, {2, 6}, {2, 5}};
constexpr MicroTiles kMicroTiles16[] = {
    {.tiles = kTiles16Nchw, .problems = TileCase::nchw},
    {.tiles = kTiles16Short, .most_terms = 128},
    {.tiles = kTiles16},
};
constexpr RulePolicy kRules16 = {
    .micro_tiles = kMicroTiles16,
    .pointwise_unroll = 4,
    .direct_input = DirectInput::few_taps,
    .row_tiles = RowTiles::sevens,
    .wide_columns_nchw = true,
    .transposes_nchw = true,
};

// 32 registers. The choices for nhwc were measured on a Zen 4 and a Zen 5 (docs/reports). Tiles of three and four
// vectors have the fewest loads. From 384 terms on, the pixels of a 14-pixel tile push each other, and the packed
// weights, out of L1.
constexpr MicroTile kWidest[] = {{2, 14}};
constexpr MicroTile kTiles32[] = {{3, 8}, {3, 7}, {4, 6}, {4, 5}, {4, 4}, {2, 14}, {2, 10}, {2, 8}, {2, 7}};
constexpr MicroTile kTiles32Deep[] = {{3, 8}, {3, 7}, {4, 6}, {4, 5}, {4, 4}, {2, 10}, {2, 8}, {2, 7}};
constexpr MicroTile kTiles32Stem[] = {{2, 7}, {2, 8}, {2, 5}};  // larger ones spill
constexpr MicroTiles kMicroTiles32[] = {
    {.tiles = kWidest, .problems = TileCase::nchw},
    {.tiles = kWidest, .problems = TileCase::dynamic},
    {.tiles = kTiles32Stem, .problems = TileCase::stem},
    {.tiles = kTiles32Deep, .least_terms = 384},
    {.tiles = kTiles32},
};
constexpr RulePolicy kRules32 = {
    .micro_tiles = kMicroTiles32,
    .most_scalars = 20,
    .load_cost = 0.3,
    .l2_load_cost = 0.6,
    .partial_tiles = 1.03,
    .direct_input = DirectInput::many_taps,
    .row_tiles = RowTiles::divisors,
    .exact_row_tiles = true,
    .channel_blocks = true,
    .wide_columns_nchw = true,
    .wide_single_pixels = true,
    .whole_tiles_of_one_row = true,
    .reuses_weights = true,
    .spreads_pixels = true,
};

}  // namespace

std::vector<Target> x86_targets() {
  // The Halide strings name every feature that the row may use, but for kCpuBmi: for avx2 Halide's compiler assumes a
  // Haswell, and uses ANDN and the like in addresses. L2: the smaller of the common cores of each level.
  const Target sse41 = {.name = "x86-64-sse41",
                        .halide = "x86-64-linux-sse41",
                        .lanes = 4,
                        .registers = 16,
                        .l1_bytes = 32 << 10,
                        .l2_bytes = 256 << 10,
                        .required_features = kCpuSse41,
                        .rules = kRules16,
                        .rank = 10};
  const Target avx2 = {.name = "x86-64-avx2",
                       .halide = "x86-64-linux-sse41-avx-f16c-fma-avx2",
                       .lanes = 8,
                       .registers = 16,
                       .l1_bytes = 32 << 10,
                       .l2_bytes = 512 << 10,
                       .required_features = detail::kAvx2Level,
                       .fuses_multiply_add = true,
                       .converts_float16 = true,
                       .rules = kRules16,
                       .rank = 20};
  const Target avx512 = {.name = "x86-64-avx512",
                         .halide = "x86-64-linux-sse41-avx-f16c-fma-avx2-avx512-avx512_skylake",
                         .lanes = 16,
                         .registers = 32,
                         .l1_bytes = 32 << 10,
                         .l2_bytes = 1 << 20,
                         .required_features = detail::kAvx512Level,
                         .fuses_multiply_add = true,
                         .converts_float16 = true,
                         .rules = kRules32,
                         .rank = 30};
  // The same code: VCVTNEPS2BF16 and VDPBF16PS take subnormals for zeros and give zeros for subnormals, whatever MXCSR
  // says.
  Target avx512_bf16 = avx512;
  avx512_bf16.name += "-bf16";
  avx512_bf16.required_features |= kCpuAvx512Bf16;
  avx512_bf16.rank += 10;
  avx512_bf16.experimental =
      "gains nothing over x86-64-avx512, whose code it shares: AVX512_BF16 flushes the subnormals that kernels promise "
      "to keep";
  avx512_bf16.types = {DataType::bfloat16};
  return {sse41, avx2, avx512, avx512_bf16};
}

}  // namespace sepconv::generators
