#include "runner/compare.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>

#include "sepconv/tensor.h"

namespace sepconv::test {

using namespace runner;

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

Comparison compare_one(double actual, double expected, double limit) {
  return compare(std::vector<double>{actual}, std::vector<double>{expected}, limit);
}

TEST(Compare, AcceptsWithinAndRefusesBeyondTheLimit) {
  EXPECT_TRUE(compare_one(1.5f, 1.0, 0.5).ok);
  EXPECT_FALSE(compare_one(1.5f, 1.0, 0.49).ok);
  EXPECT_FALSE(compare_one(0.5f, 1.0, 0.49).ok);
  EXPECT_TRUE(compare_one(1.0f, 1.0, 0).ok);
  EXPECT_FALSE(compare_one(std::nextafter(1.0, 2.0), 1.0, 0).ok);
}

TEST(Compare, NaNEqualsOnlyNaN) {
  EXPECT_TRUE(compare_one(kNaN, kNaN, 0).ok);
  EXPECT_FALSE(compare_one(kNaN, 1.0, kInf).ok);
  EXPECT_FALSE(compare_one(1.0f, kNaN, 1).ok);
  EXPECT_TRUE(std::isnan(compare_one(kNaN, 1.0, 1).max_error));
  EXPECT_FALSE(compare_one(1.5f, 1.0, kNaN).ok);
}

TEST(Compare, InfinityEqualsOnlyItself) {
  EXPECT_TRUE(compare_one(kInf, kInf, 0).ok);
  EXPECT_TRUE(compare_one(kInf, 1e39, 0).ok);
  EXPECT_FALSE(compare_one(-kInf, kInf, 1).ok);
  EXPECT_FALSE(compare_one(kInf, 1.0, 1e30).ok);
  EXPECT_FALSE(compare_one(1.0f, kInf, 1e30).ok);
}

TEST(Compare, ValuesBeyondTheTypesRangeAreInfinite) {
  const std::vector<double> inf{kInf};
  const auto ok = [&](double expected, double limit, DataType dtype) {
    return compare(inf, std::vector<double>{expected}, limit, dtype).ok;
  };
  EXPECT_TRUE(ok(65520, 0, DataType::float16));
  EXPECT_FALSE(ok(65504, 0, DataType::float16));
  EXPECT_TRUE(ok(65504, 32, DataType::float16)) << "what may be off by its limit may be infinite";
  EXPECT_FALSE(ok(65520, 0, DataType::bfloat16));
  EXPECT_FALSE(ok(1e39, 0, DataType::float64));
  EXPECT_TRUE(ok(1e39, 0, DataType::bfloat16));
  EXPECT_FALSE(ok(-65520, 0, DataType::float16));
}

TEST(Compare, ReportsTheElementThatIsWorstForItsLimit) {
  const std::vector<double> actual{1, 2.5, 103, kNaN};
  const std::vector<double> expected{1, 2, 100, 4}, limits{0, 0.1, 1, 1};
  EXPECT_EQ(compare(std::span(actual).first(3), std::span(expected).first(3), std::span(limits).first(3)).index, 1);
  const Comparison worst = compare(actual, expected, limits);
  EXPECT_EQ(worst.index, 3);
  EXPECT_FALSE(worst.ok);
}

TEST(Compare, OneBadElementBeforeAWorseOneStillFails) {
  const Comparison c = compare(std::vector<double>{5, 1}, std::vector<double>{0, 1}, std::vector<double>{1, 1});
  EXPECT_FALSE(c.ok);
  EXPECT_EQ(c.index, 0);
  EXPECT_EQ(c.max_error, 5);
  EXPECT_EQ(c.limit, 1);
}

TEST(Compare, RefusesOtherSizes) {
  EXPECT_THROW(compare(std::vector<double>{1}, std::vector<double>{1, 2}, 1.0), std::invalid_argument);
  EXPECT_THROW(compare(std::vector<double>{1}, std::vector<double>{1}, std::vector<double>{}), std::invalid_argument);
  EXPECT_TRUE(compare(std::vector<double>{}, std::vector<double>{}, 0.0).ok);
}

TEST(GuardedBuffer, StartsAsNaNOfEveryTypeAndAligned) {
  for (const std::size_t bytes : {0, 8, 136, 8000}) {
    GuardedBuffer buffer(bytes);
    EXPECT_EQ(buffer.bytes(), bytes);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.data()) % 64, 0u);
    for (const DataType dtype : {DataType::float32, DataType::float64, DataType::float16, DataType::bfloat16}) {
      const auto elems = static_cast<std::int64_t>(bytes / size_bytes(dtype));
      for (const double value : to_doubles(dense_view(buffer.data(), dtype, Shape{elems})))
        EXPECT_TRUE(std::isnan(value)) << keras_name(dtype);
    }
    EXPECT_TRUE(buffer.intact());
  }
}

TEST(GuardedBuffer, NoticesWritesOnEitherSideOnly) {
  for (const int where : {-256, -1, 5, 260}) {
    GuardedBuffer buffer(5);
    static_cast<std::byte*>(buffer.data())[where] = std::byte{1};
    EXPECT_FALSE(buffer.intact()) << where;
  }
  GuardedBuffer buffer(5);
  std::fill_n(static_cast<std::byte*>(buffer.data()), 5, std::byte{1});
  EXPECT_TRUE(buffer.intact());
}

}  // namespace
}  // namespace sepconv::test
