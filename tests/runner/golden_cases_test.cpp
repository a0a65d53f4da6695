#include "runner/golden_cases.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "runner/compare.h"
#include "runner/npz.h"
#include "runner/reference.h"

namespace sepconv::test {

using namespace runner;

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const fs::path kGoldens = fs::path(SEPCONV_TEST_DATA) / "goldens";

bool all(const std::string&) { return true; }

json document() {
  std::ifstream file(kGoldens / "cases.json");
  return json::parse(file);
}

TEST(GoldenCases, TheReferenceAndThePlannerEqualKeras) {
  std::map<DataType, int> compared;
  for (const GoldenCase& c : read_golden_cases(kGoldens, all)) {
    ASSERT_EQ(c.skip_reason, "") << c.name;
    const DataType dtype = c.layer.problem.dtype;
    const std::vector<double> result = reference(c.layer.problem, c.layer.weights, c.in_shape[0], c.input, 2);
    const Comparison comparison = compare(c.expected, result, c.limit, dtype);
    EXPECT_TRUE(comparison.ok) << c.name << ": error " << comparison.max_error << " at " << comparison.index
                               << ", limit " << c.limit << ", " << to_text(c.layer.problem);
    ++compared[dtype];
  }
  EXPECT_EQ(compared,
            (std::map<DataType, int>{
                {DataType::float32, 129}, {DataType::float64, 5}, {DataType::float16, 8}, {DataType::bfloat16, 6}}));
}

TEST(GoldenCases, ReadTheArraysOfEachType) {
  const auto read = [](const char* wanted) {
    return std::move(read_golden_cases(kGoldens, [&](const std::string& name) { return name == wanted; }).at(0));
  };
  for (const auto& [name, dtype] : {std::pair{"d1_f16", DataType::float16},
                                    {"d1_bf16", DataType::bfloat16},
                                    {"d1_f64", DataType::float64},
                                    {"s2_mixed_f16", DataType::float16}}) {
    const GoldenCase c = read(name);
    EXPECT_EQ(c.layer.problem.dtype, dtype) << name;
    EXPECT_EQ(c.layer.weights.arrays[0].is_double(), dtype == DataType::float64) << name;
    for (const double value : c.expected) EXPECT_EQ(round_to(dtype, value), value) << name;
  }
  // Under a mixed policy the variables and the input are float32.
  const GoldenCase mixed = read("s2_mixed_f16");
  EXPECT_TRUE(std::any_of(mixed.input.begin(), mixed.input.end(),
                          [](double x) { return round_to(DataType::float16, x) != x; }));
}

TEST(GoldenLimit, IsTheStatedTolerance) {
  EXPECT_DOUBLE_EQ(golden_limit(DataType::float32, 1e-7, 2), 4e-7 + 2e-6);
  EXPECT_DOUBLE_EQ(golden_limit(DataType::float64, 1e-16, 2), 4e-16 + 2e-14);
  EXPECT_DOUBLE_EQ(golden_limit(DataType::float16, 1e-3, 3), 1e-3 + 2 * 0x1p-9);  // the ulp of [2, 4)
  EXPECT_DOUBLE_EQ(golden_limit(DataType::bfloat16, 1e-2, 3), 1e-2 + 2 * 0x1p-6);
  EXPECT_DOUBLE_EQ(golden_limit(DataType::float16, 0, 1e-9), 2 * 0x1p-24) << "the smallest subnormal";
  EXPECT_EQ(golden_limit(DataType::bfloat16, 0, 0), 0);
}

TEST(GoldenCases, ADamagedWeightIsNoticed) {
  std::vector<GoldenCase> cases = read_golden_cases(kGoldens, [](const std::string& n) { return n == "s2_k3_same"; });
  ASSERT_EQ(cases.size(), 1u);
  GoldenCase& c = cases[0];
  c.layer.weights.arrays[0].set(4, c.layer.weights.arrays[0][4] + 1e-3);
  const std::vector<double> result = reference(c.layer.problem, c.layer.weights, c.in_shape[0], c.input);
  EXPECT_FALSE(compare(c.expected, result, c.limit).ok);
}

/// A folder with one case that a test then spoils.
class DamagedGoldens : public testing::Test {
 protected:
  DamagedGoldens() : folder_(fs::path(testing::TempDir()) / ("sepconv_goldens_" + std::string(name()))) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    fs::copy(kGoldens / "s1_k3_same.npz", folder_);
    document_ = document();
    json row;
    for (const json& r : document_["cases"])
      if (r["name"] == "s1_k3_same") row = r;
    document_["cases"] = json::array({row});
  }
  ~DamagedGoldens() override { fs::remove_all(folder_); }
  static const char* name() { return testing::UnitTest::GetInstance()->current_test_info()->name(); }

  json& row() { return document_["cases"][0]; }
  std::string refusal() {
    std::ofstream(folder_ / "cases.json") << document_;
    try {
      read_golden_cases(folder_, all);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "";
  }
  fs::path folder_;
  json document_;
};

TEST_F(DamagedGoldens, TheCaseItselfIsFine) { EXPECT_EQ(refusal(), ""); }

TEST_F(DamagedGoldens, MissingFieldIsNamed) {
  row().erase("max_abs_output");
  EXPECT_NE(refusal().find("case 's1_k3_same'"), std::string::npos);
  EXPECT_NE(refusal().find("max_abs_output"), std::string::npos);
}

TEST_F(DamagedGoldens, OtherShapesAreRefused) {
  row()["output_shape"][1] = 2;
  EXPECT_NE(refusal().find("array 'output' has shape"), std::string::npos);
}

TEST_F(DamagedGoldens, OtherTypesAreRefused) {
  row()["arrays"]["input"]["dtype"] = "float64";
  EXPECT_NE(refusal().find("array 'input': npy: expected float64 ('<f8'), received '<f4'"), std::string::npos);
  row()["arrays"]["input"]["dtype"] = "int32";
  EXPECT_NE(refusal().find("received 'int32'"), std::string::npos);
}

TEST_F(DamagedGoldens, WeightsThatDoNotFitTheLayerAreRefused) {
  row()["layer"]["config"]["filters"] = row()["layer"]["config"]["filters"].get<int>() + 1;
  EXPECT_NE(refusal().find("pointwise"), std::string::npos) << refusal();
}

TEST_F(DamagedGoldens, FilesOutsideTheFolderAreRefused) {
  row()["file"] = "../s1_k3_same.npz";
  EXPECT_NE(refusal().find("must be a name in the folder"), std::string::npos);
  row()["file"] = "s1_k3_same.npz";
  row()["name"] = "../x";
  EXPECT_NE(refusal().find("a case's name"), std::string::npos);
}

TEST_F(DamagedGoldens, RepeatedNamesAndAbsentFilesAreRefused) {
  document_["cases"].push_back(row());
  EXPECT_NE(refusal().find("occurs twice"), std::string::npos);
  document_["cases"].erase(1);
  fs::remove(folder_ / "s1_k3_same.npz");
  EXPECT_NE(refusal().find("cannot read the zip file"), std::string::npos);
}

TEST_F(DamagedGoldens, TruncatedArchivesAreRefused) {
  const auto size = fs::file_size(folder_ / "s1_k3_same.npz");
  for (const std::uintmax_t length : {std::uintmax_t{0}, std::uintmax_t{3}, size / 2, size - 1}) {
    fs::resize_file(folder_ / "s1_k3_same.npz", length);
    EXPECT_NE(refusal(), "") << length;
    fs::copy_file(kGoldens / "s1_k3_same.npz", folder_ / "s1_k3_same.npz", fs::copy_options::overwrite_existing);
  }
}

TEST_F(DamagedGoldens, JsonThatIsNoneIsRefused) {
  std::ofstream(folder_ / "cases.json") << "{\"cases\": [";
  EXPECT_THROW(read_golden_cases(folder_, all), std::invalid_argument);
  std::ofstream(folder_ / "cases.json") << "[]";
  EXPECT_THROW(read_golden_cases(folder_, all), std::invalid_argument);
  EXPECT_THROW(read_golden_cases(folder_ / "no", all), std::invalid_argument);
}

TEST(Npz, ReadsEveryGoldenWithoutLoss) {
  const json cases = document()["cases"];
  for (const json& row : cases) {
    const auto arrays = read_npz(kGoldens / row["file"].get<std::string>());
    EXPECT_EQ(arrays.size(), row["arrays"].size()) << row["name"];
    for (const auto& [name, array] : row["arrays"].items()) {
      ASSERT_TRUE(arrays.contains(name)) << row["name"] << " " << name;
      EXPECT_EQ(arrays.at(name).shape, array["shape"].get<std::vector<std::int64_t>>());
    }
  }
}

}  // namespace
}  // namespace sepconv::test
