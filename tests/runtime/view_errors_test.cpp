// Views that do not fit are refused with the right code, before anything is written.

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "sepconv/layer.h"
#include "sepconv/tensor.h"
#include "tests/runtime/fake_kernels.h"
#include "tests/stage_lists.h"

namespace sepconv::test {
namespace {

constexpr float kCanary = 77.25f;

ConvProblem problem() {
  ConvProblem p = problem_of(separable_stages());
  p.IH = 5, p.IW = 6, p.IC = 3, p.stages.back().out_channels = 4, window(p).KH = window(p).KW = 3,
  set_bias(output(p), true);
  return p;
}

/// A layer with a kernel, a good input and a good output, which a test then spoils.
class ViewErrors : public testing::Test {
 protected:
  ViewErrors()
      : layer("layer_7", problem(), integer_weights(problem())), input(2 * 5 * 6 * 3, 1.0f), output(200, kCanary) {
    static const CompiledKernel& row = register_fake_kernel(problem(), {.symbol = "view_errors"});
    EXPECT_EQ(layer.kernel(), &row);
    in = dense_view(input.data(), {2, 5, 6, 3});
    out = dense_view(output.data(), {2, 3, 4, 4});
  }

  void expect_refused(StatusCode code, const std::string& word) {
    const int before = fake_calls();
    const Status status = layer.run({}, in, out);
    EXPECT_EQ(to_text(status.code()), std::string(to_text(code))) << status.message();
    EXPECT_NE(std::string(status.message()).find(word), std::string::npos) << status.message();
    EXPECT_NE(std::string(status.message()).find("layer_7"), std::string::npos) << status.message();
    EXPECT_EQ(fake_calls(), before);
    for (const float value : output) ASSERT_EQ(value, kCanary);
  }

  ConvLayer layer;
  std::vector<float> input, output;
  ConstTensorView in;
  TensorView out;
};

TEST_F(ViewErrors, GoodViewsRun) {
  const Status status = layer.run({}, in, out);
  EXPECT_TRUE(status.ok()) << status.message();
  EXPECT_NE(output[0], kCanary);
}

TEST_F(ViewErrors, Dtype) {
  in.dtype = static_cast<DataType>(9);
  expect_refused(StatusCode::invalid_dtype, "input");
  in.dtype = DataType::float32;
  out.dtype = static_cast<DataType>(9);
  expect_refused(StatusCode::invalid_dtype, "output");
}

TEST_F(ViewErrors, Rank) {
  for (const int rank : {0, 3, 5, -1}) {
    in.rank = rank;
    expect_refused(StatusCode::invalid_shape, "rank " + std::to_string(rank));
  }
}

TEST_F(ViewErrors, InputExtents) {
  for (int axis = 1; axis < 4; ++axis)
    for (const int change : {-1, 1}) {
      in.extents[axis] += change;
      expect_refused(StatusCode::invalid_shape, "H = 5, W = 6, C = 3");
      in.extents[axis] -= change;
    }
}

TEST_F(ViewErrors, OutputExtents) {
  for (int axis = 0; axis < 4; ++axis)
    for (const int change : {-1, 1}) {
      out.extents[axis] += change;
      expect_refused(StatusCode::invalid_shape, "N = 2, H = 3, W = 4, C = 4");
      out.extents[axis] -= change;
    }
}

TEST_F(ViewErrors, NegativeAndHugeExtents) {
  in.extents[0] = out.extents[0] = -2;
  expect_refused(StatusCode::invalid_shape, "(-2, 5, 6, 3)");
  in.extents = {2, std::int64_t{1} << 40, std::int64_t{1} << 40, 3};
  expect_refused(StatusCode::invalid_shape, "2^31");
}

TEST_F(ViewErrors, DenseAxes) {
  in.pitches[2] = 4;
  expect_refused(StatusCode::invalid_layout, "axis 2 of the input");
  in = dense_view(input.data(), {2, 5, 6, 3});
  out.pitches[3] = 2;
  expect_refused(StatusCode::invalid_layout, "axis 3 of the output");
  out = dense_view(output.data(), {2, 3, 4, 4});
  out.pitches[1] = 17;
  expect_refused(StatusCode::invalid_layout, "axis 1 of the output");
}

TEST_F(ViewErrors, BatchPitch) {
  out.pitches[0] = 3 * 4 * 4 - 1;
  expect_refused(StatusCode::invalid_layout, "batch pitch");
  out.pitches[0] = 3 * 4 * 4;
  in.pitches[0] = -1;
  expect_refused(StatusCode::invalid_layout, "batch pitch");
  in.pitches[0] = std::int64_t{1} << 62;
  expect_refused(StatusCode::invalid_layout, "batch pitch");
}

TEST_F(ViewErrors, Pointers) {
  in.data = nullptr;
  expect_refused(StatusCode::invalid_layout, "null");
  in.data = reinterpret_cast<const char*>(input.data()) + 2;
  expect_refused(StatusCode::invalid_layout, "not aligned");
}

TEST_F(ViewErrors, Overlap) {
  in.data = output.data();
  expect_refused(StatusCode::invalid_layout, "overlap");
  in.data = output.data() + 2 * 3 * 4 * 4 - 1;  // the last element written is the first one read
  expect_refused(StatusCode::invalid_layout, "overlap");
}

TEST_F(ViewErrors, OverlapOfInterleavedImages) {
  std::vector<float> memory(600, kCanary);
  const auto run = [&](std::int64_t in_at, std::int64_t out_at, std::int64_t in_pitch, std::int64_t out_pitch) {
    in.data = memory.data() + in_at;
    out.data = memory.data() + out_at;
    in.pitches[0] = in_pitch;
    out.pitches[0] = out_pitch;
    return layer.run({}, in, out).code();
  };
  // Input images have 90 elements, output images 48.
  EXPECT_EQ(run(0, 90, 138, 138), StatusCode::ok);
  EXPECT_EQ(run(48, 0, 138, 138), StatusCode::ok);
  EXPECT_EQ(run(0, 89, 138, 138), StatusCode::invalid_layout);
  EXPECT_EQ(run(0, 91, 138, 138), StatusCode::invalid_layout);  // output 0 reaches input 1
  EXPECT_EQ(run(0, 90, 200, 300), StatusCode::ok);
  EXPECT_EQ(run(0, 90, 200, 150), StatusCode::invalid_layout);  // output 1 lies in input 1
}

TEST(TensorViews, RefuseWrongShapes) {
  float data = 0;
  EXPECT_THROW(dense_view(&data, {}), std::invalid_argument);
  EXPECT_THROW(dense_view(&data, {1, 1, 1, 1, 1}), std::invalid_argument);
  EXPECT_THROW(dense_view(&data, {1, -1}), std::invalid_argument);
  EXPECT_THROW(dense_view(&data, {std::int64_t{1} << 40, std::int64_t{1} << 40}), std::invalid_argument);
  const TensorView view = dense_view(&data, {2, 0, 3});
  EXPECT_EQ(view.elements(), 0);
  EXPECT_EQ(view.pitches[2], 1);
  EXPECT_EQ(to_text(Shape{kDynamic, 4}), "(None, 4)");
  EXPECT_EQ(to_text(Shape{3}), "(3,)");
}

TEST(Tensors, AreAlignedZeroedAndCopied) {
  Tensor a({3, 5, 7});
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(a.data()) % 64, 0u);
  for (int i = 0; i < 105; ++i) ASSERT_EQ(a.data()[i], 0.0f);
  a.data()[104] = 8;
  Tensor b = a;
  EXPECT_NE(a.data(), b.data());
  EXPECT_EQ(b.data()[104], 8.0f);
  EXPECT_EQ(b.shape(), (Shape{3, 5, 7}));
  const Tensor c = std::move(a);
  EXPECT_EQ(c.data()[104], 8.0f);
  EXPECT_EQ(Tensor().elements(), 0);
  EXPECT_EQ(Tensor({2, 0}).elements(), 0);
}

TEST(Status, CopiesHaveTheMessage) {
  const Status shape = Status::error(StatusCode::invalid_shape, "H is %d", 7);
  Status copy = shape;
  EXPECT_EQ(copy.code(), StatusCode::invalid_shape);
  EXPECT_STREQ(copy.message(), "H is 7");
  copy = Status();
  EXPECT_TRUE(copy.ok());
  EXPECT_STREQ(copy.message(), "");
  const std::string longest(Status::kMessageBytes - 1, 'x');
  copy = Status::error(StatusCode::kernel_failed, "%sy", longest.c_str());
  const Status& same = copy;
  copy = same;
  EXPECT_EQ(copy.code(), StatusCode::kernel_failed);
  EXPECT_EQ(copy.message(), longest) << "cut";
}

}  // namespace
}  // namespace sepconv::test
