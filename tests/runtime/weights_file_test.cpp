// The weights file: what is written is read, and damage is noticed.

#include "sepconv/weights_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <functional>

#include "sepconv/layer.h"
#include "tests/runtime/fake_kernels.h"
#include "tests/runtime/weights_bytes.h"
#include "tests/runtime/weights_folder.h"
#include "tests/stage_lists.h"

namespace sepconv::test {
namespace {

namespace fs = std::filesystem;

class WeightsFile : public WeightsFolder {
 protected:
  WeightsFile() : WeightsFolder("sepconv_weights_") {}

  static std::vector<NamedWeights> layers() {
    ConvProblem separable = problem_of(separable_stages());
    separable.IH = separable.IW = 6, separable.IC = 3, separable.stages.back().out_channels = 5,
    window(separable).KH = window(separable).KW = 3;
    separable.stages[0].depth_multiplier = 2;
    set_bias(middle(separable), true), set_bias(output(separable), true);
    ConvProblem depthwise = separable;
    depthwise.stages.pop_back();
    middle(depthwise).clear();
    set_bias(output(depthwise), true);
    ConvProblem pointwise = problem_of(pointwise_stages());
    pointwise.IC = 17, pointwise.stages.back().out_channels = 2;
    std::vector<NamedWeights> list;
    for (const auto& [name, p] : {std::pair{"outer/conv 1", separable}, {"dw", depthwise}, {"pw", pointwise}})
      list.push_back({name, p, integer_weights(p)});
    list.push_back({"dw_dynamic", with_dynamic_extents(depthwise), integer_weights(depthwise)});
    return list;
  }
  bool refused() const {
    try {
      load_weights(path_);
      return false;
    } catch (const std::invalid_argument& error) {
      EXPECT_NE(std::string(error.what()).find("model.weights"), std::string::npos) << error.what();
      return true;
    }
  }
};

TEST_F(WeightsFile, RoundTrip) {
  save_weights(path_, layers());
  const std::vector<NamedWeights> read_back = load_weights(path_), wanted = layers();
  ASSERT_EQ(read_back.size(), wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    EXPECT_EQ(read_back[i].name, wanted[i].name);
    EXPECT_EQ(to_text(read_back[i].problem), to_text(wanted[i].problem));
    EXPECT_EQ(read_back[i].weights.arrays, wanted[i].weights.arrays);
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 1) << "temporary files left";
  const std::string first = read();
  save_weights(path_, layers());
  EXPECT_EQ(read(), first) << "the same weights give the same bytes";
}

TEST_F(WeightsFile, NoLayersIsAFileToo) {
  save_weights(path_, {});
  EXPECT_TRUE(load_weights(path_).empty());
}

TEST_F(WeightsFile, BlobsAreAligned) {
  save_weights(path_, layers());
  const std::string bytes = read();
  const std::vector<float> wanted = layers()[2].weights.arrays[0].to_floats();
  ASSERT_EQ(wanted.size(), 34u);
  bool found = false;
  for (std::size_t at = 0; at + 34 * sizeof(float) <= bytes.size(); at += 64)
    found = found || std::memcmp(bytes.data() + at, wanted.data(), 34 * sizeof(float)) == 0;
  EXPECT_TRUE(found);
  EXPECT_NE(bytes.find("outer/conv 1\tf32_nhwc_i6x6x3.dw_k3x3"), std::string::npos);
}

TEST_F(WeightsFile, TruncationIsNoticed) {
  save_weights(path_, layers());
  const std::string bytes = read();
  for (std::size_t size = 0; size < bytes.size(); size += 97) {
    write(bytes.substr(0, size));
    ASSERT_TRUE(refused()) << size;
  }
  write(bytes.substr(0, bytes.size() - 1));
  EXPECT_TRUE(refused());
  write(bytes + '\0');
  EXPECT_TRUE(refused());
  write(bytes);
  EXPECT_FALSE(refused());
}

TEST_F(WeightsFile, EveryFlippedByteIsNoticed) {
  save_weights(path_, layers());
  const std::string bytes = read();
  for (std::size_t at = 0; at < bytes.size(); at += at < 128 ? 1 : 11) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << at % 8));
    write(damaged);
    ASSERT_TRUE(refused()) << at;
  }
}

TEST_F(WeightsFile, AbsurdIndexIsRefused) {
  save_weights(path_, layers());
  const std::string good = read();
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string bytes = good;
    const std::size_t at = bytes.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    EXPECT_EQ(from.size(), to.size());
    bytes.replace(at, from.size(), to);
    fix_checksum(bytes);
    write(bytes);
    return refused();
  };
  EXPECT_FALSE(with("outer", "inner"));  // the helper itself leaves a good file good
  EXPECT_TRUE(with(":54", ":99"));       // a count that is not the problem's
  EXPECT_TRUE(with(":54", ":-4"));
  EXPECT_TRUE(with(":54", "::4"));
  // An offset that is no number, before a count that is one.
  const std::size_t offset = good.rfind('\t', good.find(":54")) + 1;
  const std::string place = good.substr(offset, good.find(":54") - offset) + ":54";
  EXPECT_TRUE(with(place, "x" + place.substr(1)));
  EXPECT_TRUE(with(place, "-" + place.substr(1)));
  EXPECT_TRUE(with("i6x6x3.dw", "i6x6x9.dw"));
  EXPECT_TRUE(with("f32_nhwc_i6x6x3", "f33_nhwc_i6x6x3"));
  EXPECT_TRUE(with("\ndw\t", "\ndw\n"));
  EXPECT_TRUE(with("\ndw\t", "\npw\t"));  // a name twice
  std::string bytes = good;
  const std::uint64_t absurd = ~std::uint64_t{0} / 2;
  std::memcpy(bytes.data() + 16, &absurd, 8);  // bytes of the index
  fix_checksum(bytes);
  write(bytes);
  EXPECT_TRUE(refused());
}

TEST_F(WeightsFile, HugeProblemWithoutItsWeightsIsRefusedBeforeMemoryIsTaken) {
  save_weights(path_, layers());
  std::string bytes = read();
  const std::string from = "i1x1x17.conv_o2_", to = "i1x1x9.conv_o99_";
  bytes.replace(bytes.find(from), from.size(), to);
  fix_checksum(bytes);
  write(bytes);
  EXPECT_TRUE(refused());
}

TEST_F(WeightsFile, SavingRefusesBadNamesAndWeights) {
  for (const char* name : {"", "tab\there", "line\n"}) {
    std::vector<NamedWeights> list = layers();
    list[1].name = name;
    EXPECT_THROW(save_weights(path_, list), std::invalid_argument);
  }
  std::vector<NamedWeights> list = layers();
  list[1].name = list[0].name;
  EXPECT_THROW(save_weights(path_, list), std::invalid_argument);
  list = layers();
  list[0].weights.arrays.back() = {};
  EXPECT_THROW(save_weights(path_, list), std::invalid_argument);
  EXPECT_THROW(save_weights(folder_ / "none" / "x.weights", layers()), std::invalid_argument);
  EXPECT_TRUE(fs::is_empty(folder_)) << "half-written files";
}

TEST_F(WeightsFile, MissingFileAndLayer) {
  EXPECT_TRUE(refused());
  save_weights(path_, layers());
  const ConvLayer layer = load_layer(path_, "dw");
  EXPECT_EQ(layer.name(), "dw");
  EXPECT_EQ(layer.weights().arrays, layers()[1].weights.arrays);
  try {
    load_layer(path_, "nothing");
    FAIL();
  } catch (const std::invalid_argument& error) {
    EXPECT_NE(std::string(error.what()).find("outer/conv 1, dw, pw"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace sepconv::test
