// `sepconv compile` with networks, as a user calls it.

#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "generators/compile/files.h"
#include "generators/compile/process.h"
#include "sepconv/weights_file.h"
#include "tests/compile/test_environment.h"

namespace sepconv::test {

using namespace generators;

namespace {

/// Two convolutions, the second named `last`; the third layer is what no network has.
std::string model(const std::string& last_class) {
  return R"({"class_name": "Sequential", "config": {"name": "m", "layers": [
    {"class_name": "InputLayer", "config": {"name": "image", "batch_shape": [null, 6, 6, 3], "dtype": "float32"}},
    {"class_name": "DepthwiseConv2D", "config": {"name": "first", "kernel_size": [3, 3], "padding": "same"}},
    {"class_name": "Conv2D", "config": {"name": "second", "filters": 5, "kernel_size": [1, 1]}},
    {"class_name": ")" +
         last_class + R"(", "config": {"name": "third"}}]}})";
}

class NetworkCommand : public testing::Test {
 protected:
  ProcessResult compile(const std::vector<std::string>& more, const std::string& last_class = "ReLU") const {
    write_file(model_, model(last_class));
    std::vector<std::string> argv = {SEPCONV_PROGRAM, "compile",      model_,     "-o",         out_,
                                     "--generator",   FAKE_GENERATOR, "--target", "x86-64-avx2"};
    argv.insert(argv.end(), more.begin(), more.end());
    return run_process(argv);
  }
  std::set<std::string> files() const {
    std::set<std::string> names;
    if (std::filesystem::exists(out_))
      for (const auto& entry : std::filesystem::directory_iterator(out_)) names.insert(entry.path().filename());
    return names;
  }

  TempDir dir_;
  ScopedVariable cache_{"XDG_CACHE_HOME", (dir_.path() / "cache").string()};
  std::string model_ = (dir_.path() / "net.json").string(), out_ = (dir_.path() / "out").string();
};

void expect_says(const ProcessResult& result, int code, const std::string& text) {
  EXPECT_EQ(result.code, code) << result.output;
  EXPECT_NE(result.output.find(text), std::string::npos) << "no '" << text << "' in:\n" << result.output;
}

TEST_F(NetworkCommand, LayersAndNetworkWherePossible) {
  expect_says(compile({}), 0, "a network of");
  EXPECT_TRUE(files().contains("net_predict.h"));
  expect_says(compile({}, "Lambda"), 0, "no network: ");
  expect_says(compile({}, "Lambda"), 0, "third");
}

TEST_F(NetworkCommand, NetworkAlone) {
  expect_says(compile({"--network"}), 0, "net: 0 layers, a network of");
  expect_says(compile({"--network"}, "Lambda"), 1, "no network: ");
}

TEST_F(NetworkCommand, FailingIsStatusOneAndWritesNothing) {
  expect_says(compile({"--network"}, "Lambda"), 1, "third");
  EXPECT_EQ(files(), std::set<std::string>{});
}

TEST_F(NetworkCommand, LayersAlone) {
  for (const std::vector<std::string>& words : {std::vector<std::string>{"--no-network"}, {"--layers", "first"}}) {
    const ProcessResult result = compile(words);
    EXPECT_EQ(result.code, 0) << result.output;
    EXPECT_EQ(result.output.find("network"), std::string::npos) << result.output;
    EXPECT_FALSE(files().contains("net_predict.h"));
  }
}

TEST_F(NetworkCommand, APartOfTheModel) {
  expect_says(compile({"--network", "--to", "second"}, "Lambda"), 0, "a network of");
  expect_says(compile({"--network", "--from", "second"}), 0, "a network of");
  EXPECT_NE(compile({"--network", "--from", "nothing"}).code, 0);
  EXPECT_NE(generators::read_file(out_ + "/net.h").find("inputs[]"), std::string::npos);
}

TEST_F(NetworkCommand, OptionsThatExcludeEachOther) {
  for (const std::vector<std::string>& words : {std::vector<std::string>{"--network", "--no-network"},
                                                {"--no-network", "--from", "first"},
                                                {"--no-network", "--to", "first"},
                                                {"--no-network", "--embed"},
                                                {"--shared", "--embed"},
                                                {"--weights-dtype", "float64"}})
    EXPECT_EQ(compile(words).code, 2);
  expect_says(compile({"--embed"}), 2, "has no weights");
  expect_says(compile({"--embed"}, "Lambda"), 2, "embed: the library has no network");
}

}  // namespace
}  // namespace sepconv::test
