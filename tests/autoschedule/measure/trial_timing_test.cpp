#include "runner/trial_timing.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace sepconv::test {

using namespace runner;

namespace {

TEST(MedianInterval, LiesBetweenTwoOfTheSamples) {
  // Of 6 samples the interval is all of them, of 20 the 6th to the 15th (P = 0.0207 on each side), as in the tables of
  // the sign test.
  const MedianInterval six = median_interval({6, 1, 5, 2, 4, 3});
  EXPECT_EQ(six.median, 3.5);
  EXPECT_EQ(six.min, 1);
  EXPECT_DOUBLE_EQ(six.spread, 2.5 / 3.5);
  std::vector<double> twenty;
  for (int i = 1; i <= 20; ++i) twenty.push_back(i);
  EXPECT_DOUBLE_EQ(median_interval(twenty).spread, (15.0 - 6.0) / 2 / 10.5);
  std::vector<double> hundred;
  for (int i = 1; i <= 100; ++i) hundred.push_back(i);
  EXPECT_DOUBLE_EQ(median_interval(hundred).spread, (61.0 - 40.0) / 2 / 50.5);
}

TEST(MedianInterval, OfFewSamplesIsTheirRange) {
  EXPECT_DOUBLE_EQ(median_interval({1, 2, 4}).spread, 1.5 / 2);
  EXPECT_EQ(median_interval({3}).spread, 0);
  EXPECT_THROW(median_interval({}), std::invalid_argument);
}

TEST(MedianInterval, HoldsForThousandsOfSamples) {
  const MedianInterval interval = median_interval(std::vector<double>(5000, 2.0));
  EXPECT_EQ(interval.median, 2);
  EXPECT_EQ(interval.spread, 0);
}

// What these tests count must not depend on how busy the machine is: calls move a clock of their own.
double clock_seconds = 0;
void pause_for(double milliseconds) { clock_seconds += milliseconds * 1e-3; }

AlternationOptions options_of(double seconds, double max_seconds) {
  AlternationOptions options;
  options.seconds = seconds;
  options.max_seconds = max_seconds;
  options.now = [] { return clock_seconds; };
  return options;
}

TEST(TimeInAlternation, TakesSamplesInTurnAndTellsWhoseTheyAre) {
  std::vector<int> entered;
  std::vector<int> called;
  const std::vector<std::function<void()>> calls = {[&] { called.push_back(0), pause_for(2); },
                                                    [&] { called.push_back(1), pause_for(2); }};
  AlternationOptions options = options_of(0.001, 0.001);
  options.give_up_ratio = 100;
  const auto timings = time_in_alternation(calls, options, [&](int item) { entered.push_back(item); });
  EXPECT_EQ(entered, called) << "calls of two milliseconds are not repeated";
  ASSERT_EQ(timings.size(), 2u);
  for (const AlternatedTiming& timing : timings) {
    EXPECT_EQ(timing.samples, 6) << "the least that has an interval";
    EXPECT_DOUBLE_EQ(timing.time.min, 0.002);
    EXPECT_EQ(timing.yardstick_seconds, timings[0].time.median);
    EXPECT_EQ(timing.cold_seconds, 0);
    EXPECT_FALSE(timing.gave_up);
  }
  // Two calls each to find the repeats; then each sample after a call that warms up.
  std::vector<int> expected = {0, 0, 1, 1};
  for (int round = 0; round < 6; ++round)
    for (const int item : {0, 0, 1, 1}) expected.push_back(item);
  EXPECT_EQ(called, expected);
}

TEST(TimeInAlternation, AFirstCallThatTakesLongIsNotTheUsualOne) {
  int count = 0;
  const std::vector<std::function<void()>> calls = {[&] { pause_for(count++ == 0 ? 20 : 0.1); }};
  const AlternationOptions options = options_of(0.001, 0.02);
  const AlternatedTiming timing = time_in_alternation(calls, options, [](int) {})[0];
  EXPECT_GE(count, 4 * timing.samples) << "samples of several calls";
}

TEST(TimeInAlternation, GivesUpOnWhatIsMuchSlower) {
  const std::vector<std::function<void()>> calls = {[] { pause_for(1.5); }, [] { pause_for(40); }};
  AlternationOptions options = options_of(0.01, 0.01);
  options.evict_bytes = 1 << 20;
  const auto timings = time_in_alternation(calls, options, [](int) {});
  EXPECT_FALSE(timings[0].gave_up);
  EXPECT_GT(timings[0].cold_seconds, 0);
  EXPECT_TRUE(timings[1].gave_up);
  EXPECT_LE(timings[1].samples, 3);
  EXPECT_EQ(timings[1].cold_seconds, 0);
  EXPECT_GT(timings[1].yardstick_seconds, 0);
}

TEST(TimeInAlternation, NeedsNoYardstick) {
  const std::vector<std::function<void()>> calls = {[] { pause_for(1.5); }, [] { pause_for(10); }};
  AlternationOptions options = options_of(0.001, 0.001);
  options.yardstick = false;
  const auto timings = time_in_alternation(calls, options, [](int) {});
  EXPECT_EQ(timings[1].yardstick_seconds, 0);
  EXPECT_FALSE(timings[1].gave_up);
  EXPECT_EQ(timings[1].samples, 6);
}

TEST(TimeInAlternation, GoesOnUntilTheTimeIsUpWhereTheSpreadIsLarge) {
  int count = 0;
  const std::vector<std::function<void()>> calls = {[&] { pause_for(++count % 4 < 2 ? 1.5 : 3); }};
  AlternationOptions options = options_of(0.01, 0.06);
  options.spread = 0.0001;
  EXPECT_GE(time_in_alternation(calls, options, [](int) {})[0].samples, 10);
}

TEST(TimeInAlternation, TakesTheMachinesClockUnlessItIsGivenOne) {
  const std::vector<std::function<void()>> calls = {[] {}};
  const AlternatedTiming timing = time_in_alternation(calls, {.seconds = 0.001, .max_seconds = 0.001}, [](int) {})[0];
  EXPECT_GE(timing.samples, 6);
  EXPECT_GE(timing.time.min, 0);
}

}  // namespace
}  // namespace sepconv::test
