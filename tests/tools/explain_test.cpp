// `sepconv inspect --explain`, and the counting of a loop's instructions.

#include <gtest/gtest.h>

#include <regex>
#include <string>

#include "generators/compile/files.h"
#include "generators/compile/process.h"
#include "generators/spec/target.h"
#include "tests/compile/test_environment.h"
#include "tools/instruction_mix.h"

namespace sepconv::test {

using namespace generators;

namespace {

using tools::hottest_loop;
using tools::InstructionMix;

constexpr const char* kX86 = R"(
kernel.o:	file format elf64-x86-64

Disassembly of section .text:

0000000000000000 <outer>:
       0:      	movq	%rsp, %rbp
       4:      	vxorps	%xmm0, %xmm0, %xmm0
       8:      	vmovups	(%rdi), %ymm1
      10:      	vbroadcastss	(%rsi,%rax,4), %ymm2
      18:      	vmovups	64(%rsp), %ymm4
      20:      	vfmadd231ps	%ymm2, %ymm1, %ymm0 # ymm0 = (ymm1 * ymm2) + ymm0
      28:      	vfmadd231ps	32(%rdi), %ymm2, %ymm3 # ymm3 = (ymm2 * mem) + ymm3
      30:      	vpermilps	$27, %ymm1, %ymm1       # ymm1 = ymm1[3,2,1,0,7,6,5,4]
      38:      	vmovups	%ymm0, -32(%rbp)
      40:      	vmovups	%ymm0, (%rdx)
      48:      	addq	$8, %rax
      50:      	jne	0x10 <outer+0x10>
      58:      	decq	%rcx
      60:      	jne	0x8 <outer+0x8>
      68:      	retq

0000000000000070 <other>:
      70:      	vfmadd231ps	%ymm2, %ymm1, %ymm0 # ymm0 = (ymm1 * ymm2) + ymm0
      78:      	jne	0x70 <other>
      80:      	retq
)";

constexpr const char* kArm = R"(
0000000000000000 <kernel>:
       0: ldp	q0, q1, [x1], #32
       4: ld1r	{ v2.4s }, [x2]
       8: ldr	q5, [sp, #16]
       c: fmla	v3.4s, v0.4s, v2.s[0]
      10: fmla	v4.4s, v1.4s, v2.s[0]
      14: zip1	v6.4s, v0.4s, v1.4s
      18: str	q3, [x3]
      1c: subs	x4, x4, #1              // =1
      20: b.ne	0x0 <kernel>
      24: ret
)";

TEST(HottestLoop, CountsTheInnermostLoopWithTheMostMultiplyAdds) {
  const InstructionMix mix = hottest_loop(kX86, target_from_name("x86-64-avx2"));
  EXPECT_EQ(mix.function, "outer");
  EXPECT_EQ(mix.instructions, 9);
  EXPECT_EQ(mix.multiply_adds, 2);
  EXPECT_EQ(mix.memory_operands, 1);
  EXPECT_EQ(mix.loads, 2);
  EXPECT_EQ(mix.shuffles, 1);
  EXPECT_EQ(mix.stores, 2);
  EXPECT_EQ(mix.others, 2);
  EXPECT_EQ(mix.stack_accesses, 2);
  EXPECT_EQ(mix.spills, 2);
  EXPECT_EQ(tools::spills_in_loops(kX86, target_from_name("x86-64-avx2")), 2);
}

TEST(HottestLoop, ReadsArmToo) {
  const InstructionMix mix = hottest_loop(kArm, target_from_name("arm-64"));
  EXPECT_EQ(mix.instructions, 9);
  EXPECT_EQ(mix.multiply_adds, 2);
  EXPECT_EQ(mix.loads, 3);
  EXPECT_EQ(mix.shuffles, 1);
  EXPECT_EQ(mix.stores, 1);
  EXPECT_EQ(mix.others, 2);
  EXPECT_EQ(mix.stack_accesses, 1);
  EXPECT_EQ(mix.spills, 1);
}

TEST(HottestLoop, TakesProductsWhereTheTargetHasNoFusedOnes) {
  const std::string code =
      "0000000000000000 <k>:\n 0: \tmulps\t%xmm0, %xmm1\n 4: \taddps\t%xmm1, %xmm2\n 8: \tjb\t0x0 <k>\n";
  const InstructionMix mix = hottest_loop(code, target_from_name("x86-64-sse41"));
  EXPECT_EQ(mix.multiply_adds, 1);
  EXPECT_EQ(mix.others, 2);
  EXPECT_EQ(hottest_loop(code, target_from_name("x86-64-avx2")).instructions, 0);
}

class Explain : public testing::Test {
 protected:
  Explain() {
    write_file(file_, R"([{"class_name": "SeparableConv2D", "input_shape": [null, 28, 28, 64],
                           "config": {"name": "conv", "filters": 64, "kernel_size": [3, 3], "padding": "same"}},
                          {"class_name": "DepthwiseConv1D", "input_shape": [null, null, 8],
                           "config": {"name": "open", "kernel_size": 3, "padding": "same"}}])");
  }

  ProcessResult explain(std::vector<std::string> words) const {
    words.insert(words.begin(), {SEPCONV_PROGRAM, "inspect", file_, "--explain"});
    return run_process(words);
  }

  static int count_of(const std::string& what, const std::string& text) {
    std::smatch match;
    return std::regex_search(text, match, std::regex(what + " +([0-9]+)")) ? std::stoi(match[1]) : -1;
  }

  TempDir dir_;
  std::string file_ = (dir_.path() / "layers.json").string();
};

TEST_F(Explain, DescribesTheKernelThatIsCompiled) {
  for (const char* target : {"x86-64-avx2", "x86-64-avx512", "arm-64"}) {
    const ProcessResult result = explain({"conv", "--target", target});
    ASSERT_TRUE(result.ok()) << result.output;
    const std::string& text = result.output;
    EXPECT_NE(text.find(std::string("conv on ") + target + "\n"), std::string::npos) << text;
    EXPECT_NE(text.find("operations  7.326 MFLOP"), std::string::npos) << text;  // 2 * 28 * 28 * 64 * (9 + 64)
    EXPECT_NE(text.find("least bytes 410.5 KiB"), std::string::npos) << text;    // 4 * (2*28*28*64 + 64*9 + 64*64 + 64)
    EXPECT_NE(text.find("bound by multiply-adds"), std::string::npos) << text;
    EXPECT_NE(text.find(" registers"), std::string::npos) << text;
    // A tile of the pointwise stage: the loop holds a multiple of its sums, and few reads for each.
    const int multiply_adds = count_of("multiply-adds", text.substr(text.find("inner loop"))),
              instructions = count_of("inner loop", text);
    EXPECT_GE(multiply_adds, 12) << text;
    EXPECT_GT(2 * multiply_adds, instructions) << text;
    EXPECT_EQ(count_of("spills", text), 0) << text;
  }
}

TEST_F(Explain, SaysWhatItCannotExplain) {
  const auto expect_wrong = [&](const std::vector<std::string>& words, const std::string& message) {
    const ProcessResult result = explain(words);
    EXPECT_EQ(result.code, 2) << result.output;
    EXPECT_NE(result.output.find(message), std::string::npos) << result.output;
  };
  expect_wrong({"conf"}, "--explain: no kernel is made for layer 'conf'; layers with kernels: conv, open");
  expect_wrong({"open"}, "layer 'open' has dynamic extents; --input-shape or --layer-shape makes them static");
  expect_wrong({"conv", "--target", "cuda-sm80"}, "'cuda-sm80' is a GPU target");
  expect_wrong({"conv", "--target", "x86-64-avx512-bf16"}, "'x86-64-avx512-bf16' has no kernels for float32");
  expect_wrong({"conv", "--json"}, "--json");
}

}  // namespace
}  // namespace sepconv::test
