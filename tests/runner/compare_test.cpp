#include "compare.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>

namespace sepconv {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

Comparison compare_one(float actual, double expected, double limit) {
  return compare(std::vector<float>{actual}, std::vector<double>{expected}, limit);
}

TEST(Compare, AcceptsWithinAndRefusesBeyondTheLimit) {
  EXPECT_TRUE(compare_one(1.5f, 1.0, 0.5).ok);
  EXPECT_FALSE(compare_one(1.5f, 1.0, 0.49).ok);
  EXPECT_FALSE(compare_one(0.5f, 1.0, 0.49).ok);
  EXPECT_TRUE(compare_one(1.0f, 1.0, 0).ok);
  EXPECT_FALSE(compare_one(std::nextafter(1.0f, 2.0f), 1.0, 0).ok);
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

TEST(Compare, ReportsTheElementThatIsWorstForItsLimit) {
  const std::vector<float> actual{1, 2.5f, 103, kNaN};
  const std::vector<double> expected{1, 2, 100, 4}, limits{0, 0.1, 1, 1};
  EXPECT_EQ(compare(std::span(actual).first(3), std::span(expected).first(3), std::span(limits).first(3)).index, 1);
  const Comparison worst = compare(actual, expected, limits);
  EXPECT_EQ(worst.index, 3);
  EXPECT_FALSE(worst.ok);
}

TEST(Compare, OneBadElementBeforeAWorseOneStillFails) {
  const Comparison c = compare(std::vector<float>{5, 1}, std::vector<double>{0, 1}, std::vector<double>{1, 1});
  EXPECT_FALSE(c.ok);
  EXPECT_EQ(c.index, 0);
  EXPECT_EQ(c.max_error, 5);
  EXPECT_EQ(c.limit, 1);
}

TEST(Compare, RefusesOtherSizes) {
  EXPECT_THROW(compare(std::vector<float>{1}, std::vector<double>{1, 2}, 1.0), std::invalid_argument);
  EXPECT_THROW(compare(std::vector<float>{1}, std::vector<double>{1}, std::vector<double>{}), std::invalid_argument);
  EXPECT_TRUE(compare(std::vector<float>{}, std::vector<double>{}, 0.0).ok);
}

TEST(GuardedBuffer, StartsAsNaNAndAligned) {
  for (const std::size_t elems : {0, 1, 17, 1000}) {
    GuardedBuffer buffer(elems);
    EXPECT_EQ(buffer.values().size(), elems);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.data()) % 64, 0u);
    for (const float value : buffer.values()) EXPECT_TRUE(std::isnan(value));
    EXPECT_TRUE(buffer.intact());
  }
}

TEST(GuardedBuffer, NoticesWritesOnEitherSideOnly) {
  for (const int where : {-64, -1, 5, 68}) {
    GuardedBuffer buffer(5);
    buffer.data()[where] = kNaN;
    EXPECT_FALSE(buffer.intact()) << where;
  }
  GuardedBuffer buffer(5);
  for (float& value : buffer.values()) value = 1;
  EXPECT_TRUE(buffer.intact());
}

}  // namespace
}  // namespace sepconv
