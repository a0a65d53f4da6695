// Every instruction of every kernel belongs to the features that the kernel asks for before it is called.

#include <gtest/gtest.h>

#include "generators/compile/files.h"
#include "generators/compile/process.h"
#include "runtime/core/feature_table.h"
#include "sepconv/conv_problem.h"
#include "sepconv/detail/activation.h"
#include "sepconv/detail/compiled_kernel.h"
#include "tests/compile/test_environment.h"
#include "tests/kernels/instruction_check.h"

namespace sepconv::test {

using namespace generators;

namespace {

/// Every activation with its default parameters.
std::vector<std::string> activations() {
  std::vector<std::string> texts;
  for (int kind = 0; kind <= static_cast<int>(ActivationKind::threshold); ++kind)
    texts.push_back(to_text(default_activation(static_cast<ActivationKind>(kind))));
  return texts;
}

/// All types, layouts and ops, static and dynamic extents, channels that vectors divide and others; every activation in
/// one of them.
std::vector<std::string> problems() {
  const std::vector<std::string> names = activations();
  std::size_t used = 0;
  const auto next = [&] {
    const std::string& name = names[used++ % names.size()];
    return name == "linear" ? std::string() : "." + name;
  };
  std::vector<std::string> texts;
  for (const char* dtype : {"f32", "f64", "f16", "bf16"}) {
    const std::string type = dtype;
    texts.push_back(type + "_nhwc_i14x14x24.dw_k3x3_p1x1x1x1.bias" + next() + ".conv_o40_k1x1.bias" + next());
    texts.push_back(type + "_nchw_i13x19x6.dw_k3x3_s2x2_p0x1x0x1_m2" + next() + ".conv_o20_k1x1.bias" + next());
    texts.push_back(type + "_nhwc_i?x?x32.dw_k5x5_d2x2_p?x?x?x?.bias" + next());
    texts.push_back(type + "_nhwc_i7x7x33.conv_o17_k1x1.bias" + next());
  }
  while (used < names.size()) texts.push_back("f32_nchw_i1x19x8.dw_k1x1" + next());
  return texts;
}

void compile(const std::string& problem, const Target& target, const std::filesystem::path& folder) {
  const ProcessResult result = run_process({SEPCONV_TEST_GENERATOR, "--problem", problem, "--target", target.name,
                                            "--symbol", "kernel", "--output", folder.string()});
  if (!result.ok()) throw std::runtime_error(problem + " on " + target.name + ": " + result.output);
}

Disassembly compiled(const std::string& problem, const Target& target) {
  const TempDir folder;
  compile(problem, target, folder.path());
  return disassemble(folder.path() / "kernel.o", target.arch);
}

std::string object_bytes(const std::string& problem, const char* target) {
  const TempDir folder;
  compile(problem, target_from_name(target), folder.path());
  return read_file(folder.path() / "kernel.o");
}

/// All CPUs, and one target of each kind of GPU: the others' code for the CPU is the same.
std::vector<std::string> target_names() {
  std::vector<std::string> names = {"cuda-sm80", "opencl"};
  for (const Target& target : all_targets())
    if (target.device == Device::cpu) names.push_back(target.name);
  return names;
}

std::uint64_t cpu_features(const Target& target) { return target.required_features & ~detail::device_features(); }

/// For a GPU kernel, this is the code that the CPU runs: the device's code is data there.
bool is_compiled(const std::string& problem, const Target& target) {
  const ConvProblem p = problem_from_text(problem);
  return serves(target, p.dtype) && (target.device == Device::cpu || !p.is_dynamic());
}

class KernelInstructions : public testing::TestWithParam<std::string> {};

TEST_P(KernelInstructions, BelongToTheFeaturesThatTheKernelAsksFor) {
  const Target& target = target_from_name(GetParam());
  for (const std::string& problem : problems()) {
    if (!is_compiled(problem, target)) continue;
    const Disassembly code = compiled(problem, target);
    EXPECT_GT(code.instructions.size(), 50u) << problem;
    std::vector<std::string> foreign = foreign_instructions(code, target.arch, cpu_features(target));
    // LLVM's way of writing bsf where the operand is not zero: CPUs without tzcnt ignore the prefix that tells them
    // apart, and the result is the same.
    if (target.device != Device::cpu)
      std::erase_if(foreign, [](const std::string& line) { return line.starts_with("tzcnt"); });
    if (!foreign.empty())
      ADD_FAILURE() << problem << ": " << foreign.size() << " foreign instructions, the first: " << foreign.front();
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, KernelInstructions, testing::ValuesIn(target_names()), [](const auto& test) {
  std::string name = test.param;
  for (char& c : name)
    if (c == '-') c = '_';
  return name;
});

/// docs/numerics.md: AVX512_BF16's instructions are not used, so these kernels are proven where AVX-512's are.
TEST(Instructions, Avx512Bf16RowsAreThoseOfAvx512) {
  std::size_t compared = 0;
  for (const std::string& problem : problems()) {
    if (problem_from_text(problem).dtype != DataType::bfloat16) continue;
    EXPECT_TRUE(object_bytes(problem, "x86-64-avx512-bf16") == object_bytes(problem, "x86-64-avx512")) << problem;
    ++compared;
  }
  EXPECT_GT(compared, 3u);
  EXPECT_TRUE(object_bytes(problems()[0], "x86-64-avx2") != object_bytes(problems()[0], "x86-64-avx512"));
}

/// The check can fail: the code of each kernel is foreign to the kernel below it.
TEST(InstructionCheck, FindsTheInstructionsOfWiderTargets) {
  const auto features = [](const char* name) { return target_from_name(name).required_features; };
  const std::string plain = problems()[0], half = problems()[8];
  const Target& avx2 = target_from_name("x86-64-avx2");
  const Disassembly avx2_code = compiled(plain, avx2), half_code = compiled(half, avx2);
  EXPECT_GT(foreign_instructions(avx2_code, Arch::x86_64, features("x86-64-sse41")).size(), 100u);
  EXPECT_FALSE(foreign_instructions(avx2_code, Arch::x86_64, avx2.required_features & ~kCpuFma).empty());
  EXPECT_FALSE(foreign_instructions(half_code, Arch::x86_64, avx2.required_features & ~kCpuF16c).empty());
  EXPECT_FALSE(foreign_instructions(compiled(half, target_from_name("x86-64-sse41")), Arch::x86_64, 0).empty());
  const Disassembly wide = compiled(plain, target_from_name("x86-64-avx512"));
  EXPECT_GT(foreign_instructions(wide, Arch::x86_64, avx2.required_features).size(), 100u);
}

TEST(InstructionCheck, KnowsSingleInstructions) {
  const std::uint64_t avx2 = target_from_name("x86-64-avx2").required_features;
  const auto x86 = [](const char* text, std::uint64_t features) {
    return foreign_instructions({{text}, {}}, Arch::x86_64, features).empty();
  };
  EXPECT_TRUE(x86("mulps %xmm1,%xmm2", kCpuSse41));
  EXPECT_FALSE(x86("vmulps %xmm1,%xmm2,%xmm3", kCpuSse41));
  EXPECT_TRUE(x86("vmulps %ymm1,%ymm2,%ymm15", avx2));
  EXPECT_FALSE(x86("vmulps %ymm1,%ymm2,%ymm16", avx2));
  EXPECT_FALSE(x86("kmovw %eax,%k1", avx2));
  EXPECT_TRUE(x86("mulx %rax,%rbx,%rcx", avx2));
  EXPECT_FALSE(x86("mulx %rax,%rbx,%rcx", avx2 & ~kCpuBmi));
  EXPECT_FALSE(x86("popcnt %rax,%rbx", kCpuSse41));
  EXPECT_FALSE(x86("vcvtneps2bf16 %zmm1,%ymm2", avx2 | kCpuAvx512Skylake));
  EXPECT_TRUE(x86("vcvtneps2bf16 %zmm1,%ymm2", avx2 | kCpuAvx512Skylake | kCpuAvx512Bf16));
  const auto arm = [](const char* text, std::uint64_t features) {
    return foreign_instructions({{text}, {}}, Arch::arm_64, features).empty();
  };
  EXPECT_TRUE(arm("fmla v0.4s, v1.4s, v2.s[1]", kCpuNeon));
  EXPECT_FALSE(arm("fmla v0.8h, v1.8h, v2.8h", kCpuNeon));
  EXPECT_TRUE(arm("fmla v0.8h, v1.8h, v2.8h", kCpuNeon | kCpuFp16));
  EXPECT_FALSE(arm("sdot v0.4s, v1.16b, v2.16b", kCpuNeon));
  EXPECT_FALSE(arm("fadd z0.s, p0/m, z0.s, z1.s", kCpuNeon));
}

/// The same text under two encodings: the bytes tell them apart.
TEST(InstructionCheck, JudgesEncodings) {
  const std::uint64_t avx2 = target_from_name("x86-64-avx2").required_features;
  const Disassembly vex{{"vmovups %xmm1,(%rdi)"}, {{0xc5, 0xf8, 0x11, 0x0f}}};
  const Disassembly evex{{"vmovups %xmm1,(%rdi)"}, {{0x62, 0xf1, 0x7c, 0x08, 0x11, 0x0f}}};
  EXPECT_TRUE(foreign_instructions(vex, Arch::x86_64, avx2).empty());
  EXPECT_FALSE(foreign_instructions(evex, Arch::x86_64, avx2).empty());
  EXPECT_TRUE(foreign_instructions(evex, Arch::x86_64, avx2 | kCpuAvx512Skylake).empty());
}

}  // namespace
}  // namespace sepconv::test
