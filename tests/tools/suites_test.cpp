// The suites of bench/suites, as every command reads them.

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "autoschedule/search/transfer.h"
#include "generators/compile/files.h"
#include "sepconv/plan.h"
#include "tests/stage_lists.h"

namespace sepconv::test {

using namespace generators;
using namespace autoschedule;

namespace {

using nlohmann::json;

std::filesystem::path suite(const std::string& name) { return std::filesystem::path(SEPCONV_SUITES) / name; }

class Suites : public testing::TestWithParam<const char*> {};

TEST_P(Suites, HaveOnlyLayersThatKernelsAreMadeFor) {
  const Plan plan = plan_file(suite(GetParam()));
  EXPECT_GE(plan.layers.size(), 10u);
  for (const SkippedLayer& layer : plan.skipped) ADD_FAILURE() << layer.name << ": " << layer.reason;
  for (const PlannedLayer& layer : plan.layers) EXPECT_FALSE(layer.problem.is_dynamic()) << layer.name;
}

INSTANTIATE_TEST_SUITE_P(All, Suites,
                         testing::Values("dtypes.json", "layers.json", "networks.json", "peers.json", "tuning.json"),
                         [](const auto& test) { return std::filesystem::path(test.param).stem().string(); });

TEST(PeersSuite, KeepsWhatItsFieldsSay) {
  const json layers = json::parse(read_file(suite("peers.json"))).at("layers");
  const Plan plan = plan_file(suite("peers.json"));
  ASSERT_EQ(plan.layers.size(), layers.size());
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const ConvProblem& p = plan.layers[i].problem;
    const json& fields = layers[i];
    EXPECT_EQ(plan.layers[i].name, fields.at("name").get<std::string>());
    EXPECT_EQ(plan.layers[i].batch, fields.at("batch"));
    EXPECT_EQ(stages_name(p), fields.at("kind").get<std::string>());
    EXPECT_EQ(p.IC, fields.at("C"));
    EXPECT_EQ(p.IW, fields.at(fields.at("dims") == 1 ? "L" : "W"));
    EXPECT_EQ(window(p).KW, fields.at("kernel").back());
  }
}

TEST(NetworksSuite, HasEachProblemOnceAndItsNetwork) {
  const Plan plan = plan_file(suite("networks.json"));
  for (std::size_t i = 0; i < plan.layers.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      EXPECT_NE(transfer_distance(plan.layers[i].problem, plan.layers[j].problem), 0.0)
          << plan.layers[i].name << " has the loops of " << plan.layers[j].name;
  std::string last;
  std::vector<std::string> sources;
  for (const json& layer : json::parse(read_file(suite("networks.json")))) {
    const std::string source = layer.at("source");
    if (source != last) sources.push_back(source);
    last = source;
  }
  EXPECT_EQ(sources.size(), 7u) << "networks stand one after the other";
}

}  // namespace
}  // namespace sepconv::test
