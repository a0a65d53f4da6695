// No activation leaves the vector code: what the objects of kernels ask for.

#include <gtest/gtest.h>

#include <cstdlib>
#include <set>
#include <sstream>
#include <string>

#include "generators/compile/files.h"
#include "sepconv/detail/activation.h"
#include "tests/compile/test_environment.h"

namespace sepconv::test {

using namespace generators;

namespace {

class ActivationSymbols : public testing::TestWithParam<const char*> {};

/// Names that the generator's object of a small layer leaves undefined.
std::set<std::string> wanted_symbols(const std::string& target, const std::string& dtype, const std::string& text) {
  const TempDir folder;
  const std::string path = folder.path().string();
  const std::string problem = dtype + "_nhwc_i1x8x16.dw_k1x1" + (text == "linear" ? "" : "." + text);
  const std::string generate = SEPCONV_TEST_GENERATOR " --problem '" + problem + "' --target " + target +
                               " --symbol kernel --output '" + path + "' > '" + path + "/log'";
  EXPECT_EQ(std::system(generate.c_str()), 0) << generate;
  const std::string list = SEPCONV_TEST_NM " -g -P '" + path + "/kernel.o' > '" + path + "/symbols'";
  EXPECT_EQ(std::system(list.c_str()), 0) << list;
  std::set<std::string> wanted;
  std::istringstream lines(read_file(folder.path() / "symbols"));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string name, kind;
    if (words >> name >> kind && kind == "U") wanted.insert(name);
  }
  return wanted;
}

TEST_P(ActivationSymbols, AreNoneOfTheMathLibrary) {
  const std::set<std::string> allowed = {
      "halide_do_par_for", "halide_malloc", "halide_free", "memcpy", "memset", "memmove"};
  for (int kind = 0; kind <= static_cast<int>(ActivationKind::threshold); ++kind) {
    Activation activation = default_activation(static_cast<ActivationKind>(kind));
    if (activation.kind == ActivationKind::celu) activation.alpha = -0.5;  // the general exp(x) - 1
    for (const char* dtype : {"f32", "f64"}) {
      const std::set<std::string> wanted = wanted_symbols(GetParam(), dtype, to_text(activation));
      EXPECT_TRUE(wanted.contains("halide_do_par_for")) << to_text(activation) << ": no kernel was listed";
      for (const std::string& name : wanted)
        EXPECT_TRUE(allowed.contains(name)) << dtype << " " << to_text(activation) << " calls " << name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, ActivationSymbols, testing::Values("x86-64-sse41", "x86-64-avx2", "x86-64-avx512"),
                         [](const auto& test) { return std::string(test.param).substr(7); });

}  // namespace
}  // namespace sepconv::test
