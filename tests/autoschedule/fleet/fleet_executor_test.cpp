// The tuner's side of a cluster, with a script in place of fleet.py.

#include "autoschedule/fleet/fleet_executor.h"

#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <stdexcept>

#include "tests/compile/test_environment.h"

namespace sepconv::test {

using namespace autoschedule;

namespace {

/// Answers the first task, and then works on for a minute.
constexpr const char* kScript = R"(
if [ "$1" = describe ]; then echo "some processor"; exit 0; fi
while [ $# -gt 0 ]; do [ "$1" = --report ] && report=$2; shift; done
echo '{"task": 0, "trials": []}' > "$report"
sleep 60
)";

TEST(FleetExecutor, AnExceptionOfTheCallerEndsTheProgram) {
  const TempDir folder;
  std::ofstream(folder.path() / "fleet.sh") << kScript;
  FleetOptions options;
  options.scheduler = "tcp://nowhere";
  options.resource = "avx2";
  options.python = "sh";
  options.script = folder.path() / "fleet.sh";
  options.work = folder.path() / "work";
  FleetExecutor fleet(options);
  EXPECT_EQ(fleet.machine(), "cluster: some processor");
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_THROW(
      fleet.run({TrialTask{}}, [](std::size_t, const std::vector<Trial>&) { throw std::domain_error("full"); }),
      std::domain_error);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
}

}  // namespace
}  // namespace sepconv::test
