// Texts of the report.

#include "autoschedule/report/report_text.h"

#include <gtest/gtest.h>

#include <limits>

namespace sepconv::autoschedule::report {

using namespace autoschedule;

namespace {

constexpr const char* kSeparable = "f32_nhwc_i56x56x128.dw_k3x3_s2x2_p0x1x0x1.bias.relu6.conv_o256_k1x1.bias.relu6";

TEST(ReportText, MarkupIsEscaped) {
  EXPECT_EQ(html("<b a='1' c=\"2\">&amp;"), "&lt;b a=&#39;1&#39; c=&quot;2&quot;&gt;&amp;amp;");
  EXPECT_EQ(html("a\nb\tc \xe2\x82\xac \xf0\x9f\x98\x80"), "a\nb\tc \xe2\x82\xac \xf0\x9f\x98\x80");
}

TEST(ReportText, WhatIsNoTextIsReplaced) {
  const std::string gone = "\xef\xbf\xbd";
  EXPECT_EQ(html(std::string("a\0b", 3)), "a" + gone + "b");
  EXPECT_EQ(html("\x1b[31m\x7f"), gone + "[31m" + gone);
  EXPECT_EQ(html("\xff\xc0\x80\xe2\x82"), gone + gone + gone + gone + gone);
  EXPECT_EQ(html("\xed\xa0\x80"), gone + gone + gone);             // half of a surrogate pair
  EXPECT_EQ(html("\xe0\x80\xbc"), gone + gone + gone);             // '<' in too many bytes
  EXPECT_EQ(html("\xf4\x90\x80\x80"), gone + gone + gone + gone);  // beyond U+10FFFF
}

TEST(ReportText, LongTextsAreCutBetweenCharacters) {
  EXPECT_EQ(shortened("abc", 3), "abc");
  EXPECT_EQ(shortened("abcd", 3), "abc...");
  EXPECT_EQ(shortened("ab\xe2\x82\xac", 4), "ab...");
}

TEST(ReportText, Numbers) {
  EXPECT_EQ(figure_text(9.994), "9.99");
  EXPECT_EQ(figure_text(9.996), "10.0");
  EXPECT_EQ(figure_text(99.96), "100");
  EXPECT_EQ(figure_text(0.0123), "0.012");
  EXPECT_EQ(duration_text(1.5), "1.50 s");
  EXPECT_EQ(duration_text(1.234e-3), "1.23 ms");
  EXPECT_EQ(duration_text(45.6e-6), "45.6 \xc2\xb5s");
  EXPECT_EQ(duration_text(7e-9), "7.00 ns");
  EXPECT_EQ(duration_text(0), "unknown");
  EXPECT_EQ(duration_text(std::numeric_limits<double>::quiet_NaN()), "unknown");
  EXPECT_EQ(times_text(1.2345), "1.23\xc3\x97");
  EXPECT_EQ(times_text(12.345), "12.3\xc3\x97");
  EXPECT_EQ(times_text(1234.5), "1234\xc3\x97");
  EXPECT_EQ(count_text(7), "7");
  EXPECT_EQ(count_text(1234567),
            "1\xe2\x80\xaf"
            "234\xe2\x80\xaf"
            "567");
  EXPECT_EQ(date_text(1.8e9), "2027-01-15 08:00 UTC");
  EXPECT_EQ(date_text(0), "unknown");
  EXPECT_EQ(date_text(1e300), "unknown");
}

TEST(ReportText, ProblemsHaveShortLabels) {
  EXPECT_EQ(problem_label(kSeparable),
            "sep 56\xc3\x97"
            "56\xc3\x97"
            "128\xe2\x86\x92"
            "256 3\xc3\x97"
            "3 s2");
  const std::string x = "\xc3\x97";
  EXPECT_EQ(problem_label("f16_nchw_i?x?x32.dw_k3x5_s1x2_d2x2_p?x?x?x?_m2"),
            "dw ?" + x + "?" + x + "32\xe2\x86\x92" + "64 3" + x + "5 s1" + x + "2 d2 m2 nchw f16");
  EXPECT_EQ(problem_label("no problem"), "no problem");
}

TEST(ReportText, LabelsOfDifferentProblemsDiffer) {
  std::string other = kSeparable;
  other.replace(other.rfind(".bias.relu6"), 11, ".tanh");
  const auto labels = problem_labels({kSeparable, other, "x"});
  ASSERT_EQ(labels.size(), 3u);
  EXPECT_NE(labels[0], labels[1]);
  EXPECT_NE(labels[1].find("no bias tanh"), std::string::npos) << labels[1];
  EXPECT_EQ(labels[2], "x");
}

}  // namespace
}  // namespace sepconv::autoschedule::report
