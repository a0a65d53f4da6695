// The page of made-up records.

#include "autoschedule/report/report.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <stdexcept>

#include "autoschedule/report/report_text.h"
#include "autoschedule/report/run_report.h"
#include "generators/spec/gpu_schedule.h"
#include "tests/autoschedule/report/markup_check.h"
#include "tests/autoschedule/report/plausible_store.h"

namespace sepconv::test {

using namespace generators;
using namespace autoschedule;

namespace {

constexpr const char* kProblem = "f32_nhwc_i14x14x32.dw_k3x3_p1x1x1x1.conv_o64_k1x1.bias.relu";
constexpr const char* kOtherProblem = "f32_nhwc_i14x14x32.dw_k3x3_p1x1x1x1.bias.relu";

ReportOptions options() {
  ReportOptions options;
  options.store = "a.db";
  options.unix_time = 1.8e9;
  return options;
}

std::string rule(const char* problem = kProblem) {
  return to_text(default_cpu_schedule(lower(problem_from_text(problem), target_from_name("x86-64-avx2"))));
}

TrialRecord record(const std::string& schedule, double ratio, TrialKind kind, const char* problem = kProblem) {
  TrialRecord r;
  r.trial.candidate = {problem, "x86-64-avx2", schedule};
  r.trial.status = TrialStatus::ok;
  r.trial.yardstick_seconds = 1e-3;
  r.trial.seconds = ratio * 1e-3;
  r.kind = kind;
  r.batch = kind == TrialKind::final_round ? 1 : 0;
  r.context = {"a machine", {{"sepconv", "0.1.0"}}, 1};
  r.unix_time = 1.8e9;
  return r;
}

bool has(const std::string& page, const std::string& text) { return page.find(text) != std::string::npos; }

TEST(Report, ShowsTheFiguresOfFinalRounds) {
  using enum TrialKind;
  const std::vector<TrialRecord> records = {
      record("s1", 0.4, search),
      record("s2", 0.7, search),
      record("halide-adams2019", 3, search),
      record(rule(), 1, final_round),
      record("s1", 0.8, final_round),  // noise made it look better in the search
      record("halide-adams2019", 2, final_round),
      record(rule(kOtherProblem), 1, final_round, kOtherProblem),
      record("s3", 0.2, final_round, kOtherProblem),
  };
  const std::string page = report_html(records, options());
  EXPECT_EQ(markup_error(page), "");
  for (const char* text :
       {"1.25\xc3\x97", "5.00\xc3\x97", "2.50\xc3\x97",  // layers and their mean
        "sep 14\xc3\x97"
        "14\xc3\x97"
        "32\xe2\x86\x92"
        "64 3\xc3\x97"
        "3",  // labels
        "dw 14\xc3\x97"
        "14\xc3\x97"
        "32 3\xc3\x97"
        "3",
        "vs\xc2\xa0"
        "adams2019",
        "adams2019 0.50\xc3\x97", "800 \xc2\xb5s", "2 of 2", "a machine", "a.db", "2027-01-15 08:00 UTC"})
    EXPECT_TRUE(has(page, text)) << text;

  const auto runs = report::run_reports(records, {});
  ASSERT_EQ(runs.size(), 1u);
  EXPECT_NEAR(*runs[0].mean_speedup(), std::sqrt(1.25 * 5), 1e-12);
  EXPECT_NEAR(*runs[0].mean_speedup_over_halide(), 2.5, 1e-12);
  EXPECT_EQ(runs[0].layers[0].best_schedule, "s1");
}

TEST(Report, ShowsASearchWithoutAFinalRoundAsSuch) {
  const std::string page = report_html({record("s1", 0.5, TrialKind::search)}, options());
  EXPECT_EQ(markup_error(page), "");
  EXPECT_TRUE(has(page, "search only"));
  EXPECT_TRUE(has(page, "2.00\xc3\x97"));
  EXPECT_FALSE(has(page, "autoschedulers, geometric"));
}

TEST(Report, TheLastFinalRoundCounts) {
  std::vector<TrialRecord> records = {record(rule(), 1, TrialKind::final_round),
                                      record("s1", 0.5, TrialKind::final_round)};
  for (const double ratio : {1.0, 0.8}) {
    records.push_back(record(ratio == 1 ? rule() : "s2", ratio, TrialKind::final_round));
    records.back().batch = 2;
  }
  const auto runs = report::run_reports(records, {});
  EXPECT_EQ(runs[0].layers[0].best_schedule, "s2");
  EXPECT_DOUBLE_EQ(runs[0].layers[0].speedup(), 1.25);
}

TEST(Report, KeepsTheRuleWhereNothingIsFaster) {
  const std::string page =
      report_html({record(rule(), 1, TrialKind::final_round), record("s1", 1.1, TrialKind::final_round)}, options());
  EXPECT_TRUE(has(page, "0 of 1"));
  EXPECT_TRUE(has(page, "the rule&#39;s"));
  EXPECT_TRUE(has(page, rule()));
  EXPECT_TRUE(has(page, "registers"));  // in words
}

TEST(Report, CountsFailuresByReasonWithExamples) {
  std::vector<TrialRecord> records;
  for (int i = 0; i < 2 * kTrialStatuses; ++i) {
    records.push_back(record("s" + std::to_string(i), 0.9, TrialKind::search));
    records.back().trial.status = static_cast<TrialStatus>(i % kTrialStatuses);
    records.back().trial.message = "message " + std::to_string(i);
  }
  const std::string page = report_html(records, options());
  EXPECT_EQ(markup_error(page), "");
  for (int status = 1; status < kTrialStatuses; ++status) {
    EXPECT_TRUE(has(page, std::string("<code>") + to_text(static_cast<TrialStatus>(status)) + "</code>"));
    EXPECT_TRUE(has(page, "message " + std::to_string(status) + "</span>"));
  }
  EXPECT_TRUE(has(page, "18 of 20 trials"));
}

TEST(Report, AStoreWithOnlyFailuresIsShownToo) {
  TrialRecord failed = record("s", 0, TrialKind::search);
  failed.trial.status = TrialStatus::build_failed;
  failed.trial.yardstick_seconds = failed.trial.seconds = 0;
  const std::string page = report_html({failed}, options());
  EXPECT_EQ(markup_error(page), "");
  EXPECT_TRUE(has(page, "none yet"));
}

TEST(Report, HostileTextsAreOnlyText) {
  const std::string hostile = "</style></title><script>alert('x')</script>\"'><img src=x onerror=y>&lt;\xff\x01";
  TrialRecord bad = record(hostile, 0.5, TrialKind::final_round);
  bad.trial.candidate.problem = bad.trial.candidate.target = hostile;
  bad.context = {hostile, {{hostile.substr(0, 40), hostile}}, 1};
  TrialRecord failed = bad, halide = bad;
  failed.trial.status = TrialStatus::wrong_value;
  failed.trial.message = hostile;
  halide.trial.candidate.schedule = "halide-" + hostile;
  ReportOptions with = options();
  with.store = hostile;
  for (const std::string& name : {std::string(), hostile}) {
    if (!name.empty()) with.names[hostile] = name;
    const std::string page = report_html({bad, halide, failed}, with);
    EXPECT_EQ(markup_error(page), "");
    EXPECT_FALSE(has(page, "<script"));
    EXPECT_FALSE(has(page, "<img"));
    EXPECT_TRUE(has(page, "&lt;script&gt;alert(&#39;x&#39;)"));
  }
}

TEST(Report, FiguresThatAreNoneDoNotBreakThePage) {
  const double bad[] = {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(), -1, 0,
                        1e300};
  std::vector<TrialRecord> records;
  for (const double seconds : bad)
    for (const double yardstick : bad)
      for (const TrialKind kind : {TrialKind::search, TrialKind::final_round}) {
        TrialRecord r =
            record("s" + std::to_string(records.size()), 1, kind, records.size() % 4 < 2 ? kProblem : kOtherProblem);
        r.trial.seconds = seconds;
        r.trial.yardstick_seconds = yardstick;
        r.trial.spread = r.unix_time = seconds;
        records.push_back(r);
        const std::string page = report_html(records, options());
        EXPECT_EQ(markup_error(page), "");
        EXPECT_FALSE(has(page, "\"nan") || has(page, "inf\"") || has(page, ":nan") || has(page, ":inf"))
            << seconds << yardstick;
      }
}

TEST(Report, RunsOfDifferentContextsStayApart) {
  TrialRecord older = record(rule(), 1, TrialKind::final_round), newer = older, faster = older;
  older.context.machine = "an older machine";
  older.unix_time -= 86400;
  newer.context.threads = faster.context.threads = 4;
  faster.trial.candidate.schedule = "s";
  faster.trial.seconds = 0.5e-3;
  const std::vector<TrialRecord> records = {newer, older, faster};
  const auto runs = report::run_reports(records, {});
  ASSERT_EQ(runs.size(), 2u);
  EXPECT_EQ(runs[0].context.threads, 4);
  EXPECT_DOUBLE_EQ(*runs[0].mean_speedup(), 2);
  EXPECT_DOUBLE_EQ(*runs[1].mean_speedup(), 1);
  const std::string page = report_html(records, options());
  EXPECT_EQ(markup_error(page), "");
  EXPECT_TRUE(has(page, "Earlier: an older machine, 1 thread"));
}

TEST(Report, ShowsThePeakOrThatItIsNotKnown) {
  const std::vector<TrialRecord> records = {record(rule(), 1, TrialKind::final_round)};
  EXPECT_TRUE(has(report_html(records, options()), "peak is not known"));
  ReportOptions with = options();
  with.core_gflops = 50;
  with.memory_gbs = 20;
  const std::string page = report_html(records, with);
  EXPECT_EQ(markup_error(page), "");
  EXPECT_TRUE(has(page, "50 GFLOP/s"));
  EXPECT_TRUE(has(page, "memory: 20 GB/s"));
  const double gflops = problem_from_text(kProblem).flops() / 1e-3 * 1e-9;
  EXPECT_TRUE(has(page, "<td>" + std::to_string(static_cast<int>(std::lround(2 * gflops))) + "%</td>"));
}

TEST(Report, ShowsTheNamesOfLayers) {
  ReportOptions with = options();
  with.names[kProblem] = "conv_pw_1, conv_pw_2";
  EXPECT_TRUE(has(report_html({record(rule(), 1, TrialKind::final_round)}, with), "conv_pw_1, conv_pw_2"));
}

TEST(Report, AnEmptyStoreIsRefused) {
  try {
    report_html({}, options());
    FAIL() << "accepted";
  } catch (const std::invalid_argument& error) {
    EXPECT_STREQ(error.what(), "record store 'a.db': it has no trials yet; run 'sepconv tune' with it first");
  }
}

TEST(Report, AWholeRunIsWellFormedAndTheSameEachTime) {
  const std::vector<TrialRecord> records = plausible_records(13, 60, 3);
  const std::string page = report_html(records, options());
  EXPECT_EQ(markup_error(page), "");
  EXPECT_EQ(page, report_html(records, options()));
  for (const char* heading : {"Speed-up over the default rule", "Speed-up over Halide", "Best so far", "Roofline",
                              "Failures by reason", "Figures", "Winning schedules"})
    EXPECT_TRUE(has(page, std::string("<h2>") + heading)) << heading;
}

TEST(MarkupCheck, FindsWhatIsWrong) {
  const std::string page = report_html({record(rule(), 1, TrialKind::final_round)}, options());
  const auto broken = [&](const std::string& from, const std::string& to) {
    std::string text = page;
    text.replace(text.find(from), from.size(), to);
    return markup_error(text);
  };
  EXPECT_EQ(markup_error(page), "");
  for (const std::string bad : {"</h1", "<script>x</script></h1", "a < b</h1", "a & b</h1", "<b a=1>x</b></h1",
                                "<a href=\"http://a/\">x</a></h1", "<b a=\"1\" a=\"1\"></b></h1", "<b></h1"})
    EXPECT_NE(broken("</h1", bad == "</h1" ? "</h2" : bad), "") << bad;
  EXPECT_NE(broken("body {", "body { background: url(http://a/);"), "");
}

}  // namespace
}  // namespace sepconv::test
