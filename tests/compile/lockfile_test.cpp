#include "autoschedule/lockfile.h"

#include <gtest/gtest.h>

#include <iterator>
#include <ostream>
#include <stdexcept>

#include "generators/compile/files.h"
#include "tests/compile/test_environment.h"
#include "tests/stage_lists.h"

namespace sepconv::test {

using namespace generators;
using namespace autoschedule;

namespace {

ConvProblem example_problem() {
  ConvProblem problem = problem_of(separable_stages());
  problem.IH = problem.IW = 14;
  problem.IC = 32;
  problem.stages.back().out_channels = 64;
  window(problem).KH = window(problem).KW = 3;
  window(problem).pad_top = window(problem).pad_bottom = window(problem).pad_left = window(problem).pad_right = 1;
  return problem;
}

const Target& avx2() { return target_from_name("x86-64-avx2"); }

Lockfile example() {
  const ConvProblem problem = example_problem();
  Lockfile lockfile;
  for (const Target& target : native_cpu_targets())
    lockfile.set(problem, target, {default_cpu_schedule(lower(problem, target)), {}});
  Record tuned;
  tuned.source = RecordSource::tuned;
  tuned.seconds = 1.25e-4;
  tuned.ratio = 0.75;
  tuned.spread = 0;
  tuned.samples = 900;
  tuned.threads = 2;
  tuned.machine = "a \"quoted\" machine";
  tuned.versions = {{"halide", "21.0.0"}, {"sepconv", "0.1.0"}};
  lockfile.set(problem, avx2(), {default_cpu_schedule(lower(problem, avx2())), tuned});
  return lockfile;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  if (at == std::string::npos) throw std::logic_error("the test's text has no " + from);
  return text.replace(at, from.size(), to);
}

std::string message_of(const std::string& text) {
  try {
    Lockfile::from_text(text);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Lockfile, RoundTrip) {
  const Lockfile lockfile = example();
  const Lockfile again = Lockfile::from_text(lockfile.text());
  EXPECT_EQ(again.size(), native_cpu_targets().size());
  EXPECT_EQ(again.text(), lockfile.text());
  const LockRow* row = again.row(example_problem(), avx2());
  ASSERT_NE(row, nullptr);
  EXPECT_EQ(row->record.seconds, 1.25e-4);
  EXPECT_TRUE(row->record == lockfile.row(example_problem(), avx2())->record);
  EXPECT_EQ(to_text(*again.find(example_problem(), avx2())), to_text(row->schedule));
}

TEST(Lockfile, KeepsEverySource) {
  for (const RecordSource source : {RecordSource::rule, RecordSource::tuned, RecordSource::model}) {
    Lockfile lockfile;
    Record record;
    record.source = source;
    lockfile.set(example_problem(), avx2(), {default_cpu_schedule(lower(example_problem(), avx2())), record});
    const Lockfile again = Lockfile::from_text(lockfile.text());
    EXPECT_TRUE(again.row(example_problem(), avx2())->record == record) << to_text(source);
  }
}

TEST(Lockfile, KeepsThatTheModelChoseAndSaysSo) {
  Record record;
  record.source = RecordSource::model;
  record.predicted = 0.8;
  record.threads = 1;
  record.versions = {{"sepconv", "0.1.0"}};
  const Target& avx512 = target_from_name("x86-64-avx512");
  Lockfile lockfile = example();
  lockfile.set(example_problem(), avx512, {default_cpu_schedule(lower(example_problem(), avx512)), record});
  const Lockfile again = Lockfile::from_text(lockfile.text());
  EXPECT_EQ(again.text(), lockfile.text());
  EXPECT_TRUE(again.row(example_problem(), avx512)->record == record);
  EXPECT_EQ(note_of(again.row(example_problem(), avx512)->record),
            "by the cost model, not measured; 1.25x of the rule predicted");
  EXPECT_EQ(note_of(again.row(example_problem(), avx2())->record), "");
}

TEST(Lockfile, TakesRowsOut) {
  Lockfile lockfile = example();
  lockfile.remove(example_problem(), avx2());
  EXPECT_EQ(lockfile.size(), native_cpu_targets().size() - 1);
  EXPECT_EQ(lockfile.row(example_problem(), avx2()), nullptr);
  lockfile.remove(example_problem(), avx2());  // nothing to take out
  EXPECT_EQ(lockfile.size(), native_cpu_targets().size() - 1);
}

TEST(Lockfile, RowsAreSortedWhateverTheOrderOfEntry) {
  const ConvProblem problem = example_problem();
  Lockfile forwards, backwards;
  const auto& targets = native_cpu_targets();
  for (auto it = targets.begin(); it != targets.end(); ++it)
    forwards.set(problem, *it, {default_cpu_schedule(lower(problem, *it)), {}});
  for (auto it = targets.rbegin(); it != targets.rend(); ++it)
    backwards.set(problem, *it, {default_cpu_schedule(lower(problem, *it)), {}});
  EXPECT_EQ(forwards.text(), backwards.text());
}

TEST(Lockfile, FindsNothingForAnotherProblem) {
  ConvProblem problem = example_problem();
  window(problem).stride_w = 2;
  EXPECT_FALSE(example().find(problem, avx2()).has_value());
}

TEST(Lockfile, KeepsSchedulesOfEveryKindOfDevice) {
  const ConvProblem problem = example_problem();
  const Target& cuda = target_from_name("cuda-sm80");
  Lockfile lockfile = example();
  GpuSchedule schedule = default_gpu_schedule(lower(problem, cuda));
  schedule.k_step = 8;
  lockfile.set(problem, cuda, {schedule, {}});
  const Lockfile again = Lockfile::from_text(lockfile.text());
  EXPECT_EQ(again.text(), lockfile.text());
  const auto found = again.find(problem, cuda);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(std::get<GpuSchedule>(*found).k_step, 8);
  // Each kind of device has its own.
  const std::string cpu = to_text(*again.find(problem, avx2()));
  EXPECT_NE(message_of(replaced(lockfile.text(), to_text(schedule), cpu)).find("expected 'gpu_...'"),
            std::string::npos);
  EXPECT_NE(message_of(replaced(lockfile.text(), cpu, to_text(schedule))), "accepted");
}

struct Refusal {
  const char* name;
  std::string from, to, message;
  friend std::ostream& operator<<(std::ostream& out, const Refusal& refusal) { return out << refusal.name; }
};

class LockfileRefuses : public testing::TestWithParam<Refusal> {};

TEST_P(LockfileRefuses, WithAClearMessage) {
  const std::string message = message_of(replaced(example().text(), GetParam().from, GetParam().to));
  EXPECT_NE(message.find(GetParam().message), std::string::npos) << message;
}

INSTANTIATE_TEST_SUITE_P(
    Files, LockfileRefuses,
    testing::Values(
        Refusal{"not_json", "{", "", "lockfile: not JSON"},
        Refusal{"format", "sepconv-lock", "other", "format 'other' is unknown"},
        Refusal{"version", "\"version\": 2", "\"version\": 99", "version 99 is unknown; this sepconv reads 2"},
        Refusal{"version_kind", "\"version\": 2", "\"version\": \"2\"", "version \"2\" is unknown"},
        Refusal{"schedule_version", "\"schedule_version\": 2", "\"schedule_version\": 99", "schedule_version 99"},
        Refusal{"missing", "\"schedule_version\": 2,", "", "field 'schedule_version' is missing"},
        Refusal{"unknown_field", "\"rows\"", "\"extra\": 1, \"rows\"", "unknown field 'extra'"},
        Refusal{"row_field", "\"record\"", "\"recrod\"", "rows[0]: unknown field 'recrod'"},
        Refusal{"target", "x86-64-avx512", "x86-64-avx1024", "rows[1]: target: unknown name 'x86-64-avx1024'"},
        Refusal{"duplicate", "x86-64-sse41", "x86-64-avx2", "rows[2]: "}, Refusal{"problem", "k3x3", "k3", "rows[0]: "},
        Refusal{"schedule", "block_fuse1", "block_fuse7", "rows[0]: schedule"},
        Refusal{"source", "\"rule\"", "\"guess\"", "unknown name 'guess'; expected rule, tuned or model"},
        Refusal{"seconds", "0.000125", "-1", "field 'seconds' is -1"},
        Refusal{"ratio", "\"ratio\": 0.75", "\"ratio\": 0", "field 'ratio' is 0; expected more than 0"},
        Refusal{"spread", "\"spread\": 0.0", "\"spread\": \"1%\"", "field 'spread' is \"1%\"; expected 0 or more"},
        Refusal{"samples", "900", "9.5", "field 'samples' is 9.5; expected a whole number from 1"},
        Refusal{"samples_range", "900", "2147483648", "field 'samples' is 2147483648; expected"},
        Refusal{"threads", "\"threads\": 2", "\"threads\": 0", "field 'threads' is 0; expected"},
        Refusal{"overflow", "\"ratio\": 0.75", "\"ratio\": 1e999", "lockfile: not JSON"},
        Refusal{"measured_prediction", "\"tuned\"", "\"model\"",
                "rows[0]: field 'seconds': not allowed in a record with source 'model'"},
        Refusal{"predicted_measurement", "\"ratio\"", "\"predicted\"",
                "rows[0]: field 'predicted': only allowed in a record"},
        Refusal{"predicted", "\"source\": \"rule\"", "\"source\": \"model\", \"predicted\": 0",
                "rows[1]: field 'predicted' is 0; expected more than 0"},
        Refusal{"predicted_kind", "\"source\": \"rule\"", "\"source\": \"model\", \"predicted\": [0.5]",
                "rows[1]: field 'predicted' is [0.5]; expected more than 0"},
        Refusal{"model_machine", "\"source\": \"rule\"", "\"source\": \"model\", \"machine\": \"\"",
                "rows[1]: field 'machine': not allowed in a record with source 'model'"}),
    [](const auto& refusal) { return std::string(refusal.param.name); });

TEST(Lockfile, RefusesDeepNesting) {
  for (const char* open : {"[", "{\"a\":"}) {
    std::string text = R"({"format": "sepconv-lock", "version": 1, "schedule_version": 2, "rows": )";
    for (int i = 0; i < 200000; ++i) text += open;
    try {
      Lockfile::from_text(text);
      FAIL();
    } catch (const std::invalid_argument& error) {
      EXPECT_STREQ(error.what(), "lockfile: JSON nested deeper than 100 levels");
    }
  }
}

TEST(Lockfile, WritesThroughALinkAndIntoADevice) {
  const TempDir folder;
  std::filesystem::create_symlink("real.json", folder.path() / "link.json");
  const Lockfile lockfile;
  lockfile.write(folder.path() / "link.json");
  EXPECT_TRUE(std::filesystem::is_symlink(folder.path() / "link.json"));
  EXPECT_EQ(read_file(folder.path() / "real.json"), lockfile.text());
  lockfile.write("/dev/null");
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
  EXPECT_THROW(lockfile.write("/dev/full"), std::runtime_error);
}

TEST(Lockfile, RefusesASecondKernelOfOneProblemAndTarget) {
  const std::string text = example().text();
  const std::size_t begin = text.find("    {"), end = text.find("    },") + 7;
  const std::string message = message_of(text.substr(0, end) + text.substr(begin, end - begin) + text.substr(end));
  EXPECT_NE(message.find("rows[1]: a second row for problem"), std::string::npos) << message;
}

TEST(Lockfile, WritesAndReadsAFile) {
  const TempDir dir;
  const auto path = dir.path() / "a.lock.json";
  example().write(path);
  EXPECT_EQ(Lockfile::read(path).text(), example().text());
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir.path()), {}), 1);  // no temporary file is left
  write_file(path, "[]");
  try {
    Lockfile::read(path);
    FAIL() << "accepted";
  } catch (const std::invalid_argument& error) {
    EXPECT_EQ(std::string(error.what()).rfind(path.string() + ": lockfile: ", 0), 0u) << error.what();
  }
  EXPECT_THROW(Lockfile::read(dir.path() / "none"), std::invalid_argument);
  EXPECT_THROW(example().write(dir.path() / "no" / "folder"), std::runtime_error);
}

}  // namespace
}  // namespace sepconv::test
