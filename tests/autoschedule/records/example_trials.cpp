#include "tests/autoschedule/records/example_trials.h"

#include <stdlib.h>

#include <stdexcept>
#include <system_error>

namespace sepconv::test {

using namespace autoschedule;

TestFolder::TestFolder() {
  std::string path = (std::filesystem::temp_directory_path() / "sepconv_records_XXXXXX").string();
  if (::mkdtemp(path.data()) == nullptr) throw std::runtime_error("cannot make a folder for the test");
  path_ = path;
}

TestFolder::~TestFolder() {
  std::error_code error;
  std::filesystem::permissions(path_, std::filesystem::perms::owner_all, error);
  std::filesystem::remove_all(path_, error);
}

TrialContext example_context() {
  return {"a CPU with 2 cores", {{"halide", "21.0.0"}, {"schedule", "2"}, {"sepconv", "0.1.0"}}, 2};
}

TrialRecord example_record(int number) {
  TrialRecord record;
  Trial& t = record.trial;
  t.candidate = {"a problem", "x86-64-avx2", "schedule " + std::to_string(number)};
  t.status = TrialStatus::ok;
  t.message = "message " + std::to_string(number);
  t.seconds = 1e-3 / 3 + number;
  t.seconds_min = 0.9e-3;
  t.spread = 0.01;
  t.samples = 123;
  t.cold_seconds = 2e-3;
  t.yardstick_seconds = 4e-3;
  t.max_error = 1e-7;
  t.limit = 1e-5;
  t.build_seconds = 0.7;
  record.context = example_context();
  record.origin = "mutation";
  record.unix_time = 1.8e9 + number / 8.0;
  return record;
}

}  // namespace sepconv::test
