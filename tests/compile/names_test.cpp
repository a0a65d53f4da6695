// Names of libraries and layers, and the facts that a generator reports.
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "generators/compile/kernel_object.h"
#include "generators/compile/library_names.h"
#include "tests/compile/compile_fixture.h"

namespace sepconv::test {

using namespace generators;

namespace {

TEST(LayerNames, AreThoseThatFilesCanHold) {
  const auto refused = [](const std::vector<std::string>& names) {
    Plan plan;
    for (const std::string& name : names) plan.layers.push_back(layer(name, 14, 8));
    EXPECT_THROW(check_layer_names(plan), std::invalid_argument) << names.front();
  };
  refused({""});
  refused({"a\nb"});
  refused({std::string("a\0b", 3)});
  refused({std::string(1001, 'n')});
  refused({"twice", "twice"});
  EXPECT_NO_THROW(check_layer_names(small_plan()));
}

TEST(KernelFacts, ScratchBeyond31BitsIsRefused) {
  const auto facts = [](const std::string& call, const std::string& task) {
    return facts_from_json("{\"call_scratch_bytes\":" + call + ",\"task_scratch_bytes\":" + task +
                           ",\"flat_output\":0,\"depthwise_panel\":8,\"pointwise_panel\":8}");
  };
  EXPECT_EQ(facts("2147483647", "0").call_scratch_bytes, 2147483647u);
  EXPECT_THROW(facts("2147483648", "0"), std::invalid_argument);
  EXPECT_THROW(facts("0", "4294967808"), std::invalid_argument);
}

TEST(LibraryName, IsCheckedAndMadeFromAFileName) {
  for (const char* good : {"a", "mobilenet_v1_025_96", "Speech2"}) EXPECT_NO_THROW(check_library_name(good)) << good;
  for (const char* bad : {"", "1a", "_a", "a__b", "a-b", "a b", "class", "std", "sepconv", "a\n", "\xc3\xa9"})
    EXPECT_THROW(check_library_name(bad), std::invalid_argument) << bad;
  // Macros, functions, types and headers of the system: a namespace or a header of the name would break programs.
  for (const char* taken : {"linux",   "unix", "exp",    "log",    "index",      "y1",        "EOF",       "NULL",
                            "B0",      "tm",   "size_t", "typeof", "register_t", "siginfo_t", "TCP_CLOSE", "preorder",
                            "environ", "time", "signal", "string", "float",      "errno"})
    EXPECT_THROW(check_library_name(taken), std::invalid_argument) << taken;
  EXPECT_EQ(library_name_from("linux.h5"), "linux_model");
  EXPECT_THROW(check_library_name(std::string(65, 'a')), std::invalid_argument);
  EXPECT_EQ(library_name_from("dir/MobileNet-v1 0.25.keras"), "MobileNet_v1_0_25");
  EXPECT_EQ(library_name_from("2nd.h5"), "model_2nd");
  EXPECT_EQ(library_name_from("new.keras"), "new_model");
  EXPECT_EQ(library_name_from("__.keras"), "model");
  for (const char* file : {"\xe6\xa8\xa1.keras", "a__b.json", "_x_.json", "std.h5"})
    EXPECT_NO_THROW(check_library_name(library_name_from(file))) << library_name_from(file);
  EXPECT_NO_THROW(check_library_name(library_name_from(std::string(300, 'x') + ".h5")));
}

}  // namespace
}  // namespace sepconv::test
