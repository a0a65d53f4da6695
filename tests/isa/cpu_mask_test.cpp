// That SEPCONV_TEST_CPU hides what it says, so that the other tests see the CPU that they are to see.

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "runtime/core/cpu_features.h"

namespace sepconv::test {
namespace {

TEST(CpuMask, HidesWhatTheNamedCpuLacks) {
  const char* variable = std::getenv("SEPCONV_TEST_CPU");
  const std::string cpu = variable == nullptr ? "" : variable;
  const std::uint64_t features = detected_cpu_features();
  EXPECT_TRUE(features & kCpuSse41);
  if (cpu == "sse41") EXPECT_EQ(cpu_feature_names(features), "sse4.1");
  if (cpu == "avx2") EXPECT_EQ(features & (kCpuAvx512Skylake | kCpuAvx512Bf16), 0u);
}

}  // namespace
}  // namespace sepconv::test
