// Damaged and hostile files: each is read or refused with std::invalid_argument; nothing crashes, hangs or leaks (the
// address sanitizer's build runs these too).

#include <gtest/gtest.h>
#include <hdf5.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <random>

#include "runtime/keras/hdf5_file.h"
#include "runtime/keras/json_text.h"
#include "runtime/keras/planner.h"
#include "runtime/keras/zip_archive.h"
#include "sepconv/plan.h"
#include "tests/keras/test_files.h"

/// A damaged HDF5 file can make the library ask for more memory than there is; it takes the null that malloc then gives
/// as an error, and the sanitizer must give it too.
extern "C" const char* __asan_default_options() { return "allocator_may_return_null=1"; }
/// The library does not free everything when it gives up on a damaged file.
extern "C" const char* __lsan_default_suppressions() { return "leak:libhdf5"; }

namespace sepconv::keras::test {
namespace {

using nlohmann::json;

/// @return true when the bytes were read as a model
bool reads(const std::string& bytes) {
  try {
    const ModelDocument document = read_document_bytes(bytes, "damaged");
    if (is_layer_list(document.json))
      plan_layer_list(document, {});
    else
      plan_model(document, {});
    return true;
  } catch (const std::invalid_argument& error) {
    EXPECT_EQ(std::string(error.what()).find("damaged"), 0u) << error.what();
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
    return false;
  }
}

class DamagedFiles : public testing::TestWithParam<const char*> {};

TEST_P(DamagedFiles, TruncationIsRefused) {
  const std::string whole = read_file(data_path(GetParam()));
  ASSERT_TRUE(reads(whole));
  for (std::size_t i = 0; i < 40; ++i) {
    const std::size_t length = i * whole.size() / 40 + (i % 3);
    EXPECT_FALSE(reads(whole.substr(0, length))) << length << " of " << whole.size() << " bytes";
  }
  EXPECT_FALSE(reads(whole.substr(0, whole.size() - 1)));
}

TEST_P(DamagedFiles, FlippedBytesAreReadOrRefused) {
  const std::string whole = read_file(data_path(GetParam()));
  std::mt19937 engine(20240917);
  std::size_t refused = 0;
  constexpr std::size_t kTrials = 120;
  for (std::size_t i = 0; i < kTrials; ++i) {
    std::string damaged = whole;
    // Half of the flips hit the first 4 KiB, where the structure is dense.
    const std::size_t range = i % 2 ? std::min<std::size_t>(4096, whole.size()) : whole.size();
    const std::size_t at = engine() % range;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << (engine() % 8)));
    SCOPED_TRACE("bit flipped in byte " + std::to_string(at));
    refused += !reads(damaged);
  }
  EXPECT_GT(refused, 0u);
}

INSTANTIATE_TEST_SUITE_P(Files, DamagedFiles,
                         testing::Values("kws1d.keras", "tiny_bf16.keras", "tcn_causal.keras", "nested.keras",
                                         "tcn_causal.h5", "nested.h5", "xception_mini.h5", "kws1d.json",
                                         "tcn_causal.json"));

TEST(DamagedFiles, MetadataOfHdf5FilledWithRubbishIsReadOrRefused) {
  const std::string whole = read_file(data_path("nested.h5"));
  std::mt19937 engine(5);
  for (int i = 0; i < 120; ++i) {
    std::string damaged = whole;
    for (int n = 0; n < 8; ++n) damaged[8 + engine() % 6000] = static_cast<char>(engine());
    reads(damaged);
  }
}

TEST(HostileFiles, DeepJsonIsRefusedQuickly) {
  for (const std::size_t depth : {std::size_t{201}, std::size_t{100000}, std::size_t{5000000}}) {
    EXPECT_FALSE(reads(std::string(depth, '[')));
    EXPECT_FALSE(reads(std::string(depth, '[') + std::string(depth, ']')));
    std::string objects;
    for (std::size_t i = 0; i < std::min<std::size_t>(depth, 100000); ++i) objects += R"({"config":)";
    EXPECT_FALSE(reads(objects));
  }
  EXPECT_NO_THROW(parse_json(std::string(200, '[') + std::string(200, ']'), "x"));
  EXPECT_NO_THROW(parse_json(R"(["[[[[\"{{{{\\"])", "x"));
  EXPECT_THROW(parse_json(std::string(201, '[') + std::string(201, ']'), "x"), std::invalid_argument);
}

TEST(HostileFiles, JsonOfManySmallValuesIsRefused) {
  const auto list = [](std::size_t values) {
    std::string text = "[0";
    for (std::size_t i = 1; i < values; ++i) text += ",0";
    return text + "]";
  };
  EXPECT_NO_THROW(parse_json(list(100000), "x"));
  EXPECT_THROW(parse_json(list(kMaxJsonValues + 1), "x"), std::invalid_argument);
  EXPECT_NO_THROW(parse_json("[\"" + std::string(2 * kMaxJsonValues, ',') + "\"]", "x")) << "commas of a string";
}

TEST(HostileFiles, WhatJsonErrorsQuoteIsShort) {
  try {
    parse_json("[\"" + std::string(1 << 20, 'x'), "name");
    FAIL();
  } catch (const std::invalid_argument& error) {
    EXPECT_LT(std::string(error.what()).size(), 400u);
  }
}

TEST(HostileFiles, JsonMayBeginWithAByteOrderMark) {
  EXPECT_TRUE(reads("\xef\xbb\xbf{\"class_name\": \"Sequential\", \"config\": {\"layers\": []}}"));
  EXPECT_TRUE(reads("\xef\xbb\xbf\n {\"class_name\": \"Sequential\", \"config\": {\"layers\": []}}"));
  EXPECT_FALSE(reads("\xef\xbb\xbf"));
  EXPECT_FALSE(reads("\xef\xbb{}"));
}

// Python's json writes them, for the mask_value of Masking(NaN) or a constant of keras.ops.where.
TEST(HostileFiles, JsonMayHoldPythonsNumbers) {
  EXPECT_EQ(parse_json("[NaN, Infinity,-Infinity, \"NaN\", \"a\\\"NaN\", \"\\\\\", NaN]", "x"),
            json({"NaN", "Infinity", "-Infinity", "NaN", "a\"NaN", "\\", "NaN"}));
  for (const char* text : {"[NaNa]", "[Infinit]", "[+Infinity]", "[\"NaN", "[\"NaN\\", "NaN\"", "[nan, NaN]"})
    EXPECT_THROW(parse_json(text, "x"), std::invalid_argument) << text;
  const json mask = json::parse(R"({"class_name": "Masking", "config": {"name": "m", "mask_value": "MASK"}})");
  std::string model = sequential("m", {input("in", {nullptr, 8, 3}), mask,
                                       layer("SeparableConv1D", "s", {{"kernel_size", 3}, {"filters", 4}})})
                          .dump();
  model.replace(model.find("\"MASK\""), 6, "NaN");
  EXPECT_EQ(plan_model(read_document_bytes(model, "m.json"), {}).layers.size(), 1u);
}

// json.dump(model.to_json(), file) does so.
TEST(HostileFiles, JsonMayBeAStringOfJson) {
  const std::string model = "{\"class_name\": \"Sequential\", \"config\": {\"layers\": []}}";
  EXPECT_TRUE(reads(json(model).dump()));
  EXPECT_FALSE(reads(json(json(model).dump()).dump()));
  EXPECT_FALSE(reads("\"class_name\""));
  EXPECT_FALSE(reads("\"\""));
  EXPECT_FALSE(reads("\"{"));
}

/// A model that calls the one inside it twice, and so on; the innermost has no layers but its input.
json doubling_models(int levels) {
  json model = functional("m", {input("i", {nullptr, 8, 8, 4})}, {"i"}, {"i"});
  for (int level = 0; level < levels; ++level) {
    json inner = layer("Functional", "m", model["config"], {{"i"}, {"m"}});
    model = functional("m", {input("i", {nullptr, 8, 8, 4}), inner}, {"i"}, {"m:1"});
  }
  return model;
}

TEST(HostileFiles, NestedModelsWithoutLayersDoNotUnfoldWithoutEnd) {
  EXPECT_TRUE(reads(doubling_models(5).dump()));
  EXPECT_FALSE(reads(doubling_models(22).dump()));
  EXPECT_FALSE(reads(doubling_models(40).dump()));
}

TEST(HostileFiles, ShapesOfManyExtentsAreUnknown) {
  json extents(100000, 1);
  std::vector<json> layers{input("in", extents)};
  std::string before = "in";
  for (int i = 0; i < 300; ++i) {
    layers.push_back(layer("ReLU", "r" + std::to_string(i), {}, {{before}}));
    before = layers.back()["name"];
  }
  EXPECT_TRUE(reads(functional("m", layers, {"in"}, {before}).dump()));
}

TEST(HostileFiles, RubbishIsRefused) {
  EXPECT_FALSE(reads(""));
  EXPECT_FALSE(reads(" \n "));
  EXPECT_FALSE(reads("PK"));
  EXPECT_FALSE(reads("PK\x03\x04 and nothing more"));
  EXPECT_FALSE(reads("\x89HDF\r\n\x1a\n"));
  EXPECT_FALSE(reads("{}"));
  EXPECT_FALSE(reads("{\"class_name\": 3}"));
  EXPECT_FALSE(reads(R"({"class_name": "Functional", "config": {"layers": [3], "output_layers": []}})"));
  EXPECT_FALSE(reads(
      R"({"class_name": "Sequential", "config": {"layers": [{"class_name": "InputLayer"}, {"class_name": "InputLayer"}]}})"));
  EXPECT_FALSE(reads("{\"a\": \"\xff\xfe\"}"));
  EXPECT_TRUE(reads(R"({"class_name": "Sequential", "config": {"layers": []}})"));
}

TEST(HostileFiles, ZipThatDeclaresAnAbsurdSizeIsRefused) {
  std::string bytes = make_zip({{"config.json", "{}"}, {"model.weights.h5", "x"}});
  // The uncompressed size stands at offset 22 of the local header and 24 of the central one.
  const std::size_t central = bytes.find("PK\x01\x02");
  ASSERT_NE(central, std::string::npos);
  for (const std::size_t at : {std::size_t{22}, central + 24}) bytes.replace(at, 4, "\xf0\xff\xff\xff");
  EXPECT_FALSE(reads(bytes));
}

TEST(HostileFiles, Hdf5WithAnAbsurdShapeIsRefused) {
  const json config{{"kernel_size", {1, 1}}, {"use_bias", false}};
  const json model = functional(
      "m", {input("in", {nullptr, 4, 4, 5}), layer("DepthwiseConv2D", "dw", config, {{"in"}})}, {"in"}, {"dw"});
  const std::string weights = make_hdf5({{"/layers/depthwise_conv2d/vars/0", array({1, 1, 5, 1}, 1)}});
  // The shape is stored as four 8-byte extents: 1, 1, 5, 1.
  const auto extent = [](char value) { return std::string(1, value) + std::string(7, '\0'); };
  const std::string shape = extent(1) + extent(1) + extent(5) + extent(1);
  const std::size_t at = weights.find(shape);
  ASSERT_NE(at, std::string::npos);
  const auto file_with = [&](const std::string& h5) {
    return make_zip({{"config.json", model.dump()}, {"model.weights.h5", h5}});
  };
  ASSERT_TRUE(reads(file_with(weights)));
  for (const std::string& absurd :
       {std::string("\xff\xff\xff\xff\xff\xff\xff\x7f", 8), std::string("\0\0\0\x40\0\0\0\0", 8),
        std::string("\xff\xff\xff\xff\xff\xff\xff\xff", 8)}) {
    std::string damaged = weights;
    damaged.replace(at, 8, absurd);
    EXPECT_FALSE(reads(file_with(damaged)));
  }
}

TEST(HostileFiles, DatasetsThatUnpackToGigabytesAreRefused) {
  // 2 KB and 4 KB: deflated HDF5 inside of a deflated member; a chunk far larger than its dataset.
  for (const char* name : {"big_dataset_2k.keras", "big_chunk.keras"}) {
    const std::string bytes = read_file(std::filesystem::path(SEPCONV_TEST_DATA) / "hostile" / name);
    try {
      Hdf5File(read_document_bytes(bytes, name).weights, name).array("/layers/depthwise_conv2d/vars/0");
      FAIL() << name;
    } catch (const std::invalid_argument& error) {
      EXPECT_NE(std::string(error.what()).find("unpacks to more than"), std::string::npos) << error.what();
    }
  }
}

/// Address of a group's header in the file.
std::string address_of(const std::string& bytes, const char* group) {
  const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_fapl_core(access, 1 << 16, 0);
  H5Pset_file_image(access, const_cast<char*>(bytes.data()), bytes.size());
  const hid_t file = H5Fopen("address", H5F_ACC_RDONLY, access);
  H5O_info_t info{};
  H5Oget_info_by_name(file, group, &info, H5P_DEFAULT);
  H5Fclose(file);
  H5Pclose(access);
  std::string text;
  for (int i = 0; i < 8; ++i) text += static_cast<char>(info.addr >> (8 * i));
  return text;
}

TEST(HostileFiles, GroupsThatHoldThemselvesAreRefused) {
  std::vector<Dataset> datasets;
  for (const char* path : {"/layers/a/b/0", "/layers/a/c/0", "/layers/a/d/0"})
    datasets.push_back({path, array({2}, 1)});
  std::string bytes = make_hdf5(datasets);
  EXPECT_EQ(Hdf5File(static_cast<const std::string&>(bytes), "f").count_datasets("/layers"), 3u);
  const std::string outer = address_of(bytes, "/layers/a");
  for (const char* inner : {"/layers/a/b", "/layers/a/c", "/layers/a/d"}) {
    const std::size_t at = bytes.find(address_of(bytes, inner));
    ASSERT_NE(at, std::string::npos);
    bytes.replace(at, outer.size(), outer);
  }
  EXPECT_THROW(Hdf5File(static_cast<const std::string&>(bytes), "f").count_datasets("/layers"), std::invalid_argument);
}

TEST(HostileFiles, ZipMembersHaveTheLimitOfTheirKind) {
  const std::string bytes = make_zip({{"config.json", std::string(1000, ' ')}});
  const ZipArchive archive(bytes, "f");
  EXPECT_EQ(archive.read("config.json")->size(), 1000u);
  EXPECT_THROW(archive.read("config.json", 999), std::invalid_argument);
}

TEST(HostileFiles, ProblemsOfFilesOnDisk) {
  EXPECT_THROW(plan_file("no/such/file.keras"), std::invalid_argument);
  EXPECT_THROW(plan_file(std::filesystem::temp_directory_path()), std::invalid_argument);
  const TemporaryFolder unpacked("unpacked");  // save(zipped=False) makes one
  EXPECT_NE(refusal([&] { plan_file(unpacked.path()); }).find("a folder, not a file"), std::string::npos);
  unpacked.write("config.json", "{}");
  EXPECT_NE(refusal([&] { plan_file(unpacked.path()); }).find("a folder; pass its config.json"), std::string::npos);
  const auto path =
      std::filesystem::temp_directory_path() / ("sepconv_keras_test_" + std::to_string(getpid()) + ".json");
  std::ofstream(path) << R"([{"class_name": "DepthwiseConv2D", "config": {"name": "d", "kernel_size": 3},
                              "input_shape": [null, 8, 8, 4]}])";
  EXPECT_EQ(plan_file(path).layers.size(), 1u);
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace sepconv::keras::test
