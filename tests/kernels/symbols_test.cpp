// What a generated archive defines, what it asks for, and whether its instructions belong to its kernels' targets.

#include <gtest/gtest.h>
#include <test_layers.h>

#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "generators/compile/files.h"
#include "tests/compile/test_environment.h"

namespace sepconv::test {

using namespace generators;

namespace {

/// Runs a shell command, whose words hold no quotes, and returns its standard output.
std::string output_of(const std::string& command) {
  const TempDir folder;
  const std::filesystem::path file = folder.path() / "output";
  const int status = std::system((command + " > '" + file.string() + "'").c_str());
  EXPECT_EQ(status, 0) << command;
  return read_file(file);
}

std::string quoted(const std::string& text) { return "'" + text + "'"; }

struct Symbols {
  std::set<std::string> defined, undefined;  // those that other objects see
};

Symbols symbols_of(const std::string& library) {
  Symbols symbols;
  std::istringstream lines(output_of(std::string(SEPCONV_TEST_NM) + " -g -P " + quoted(library)));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string name, kind;
    if (!(words >> name >> kind) || kind.size() != 1) continue;
    (kind == "U" ? symbols.undefined : symbols.defined).insert(name);
  }
  return symbols;
}

TEST(SymbolsTest, TheArchiveAsksOnlyForTheThreeCallsAndMemoryFunctions) {
  const std::set<std::string> allowed = {
      "sepconv_abi1_parallel_for", "sepconv_abi1_allocate", "sepconv_abi1_release", "memset", "memcpy", "memmove"};
  const Symbols symbols = symbols_of(SEPCONV_TEST_ARCHIVE);
  for (const std::string& name : symbols.undefined) EXPECT_TRUE(allowed.contains(name)) << name << " is wanted";
  EXPECT_TRUE(symbols.undefined.contains("sepconv_abi1_parallel_for"));
}

TEST(SymbolsTest, TheArchiveDefinesItsKernelsAndNothingElse) {
  const Symbols symbols = symbols_of(SEPCONV_TEST_ARCHIVE);
  std::set<std::string> expected;
  const KernelTable& table = test_layers::kernels();
  for (std::size_t i = 0; i < table.kernel_count; ++i)
    for (const char* suffix : {"", "_argv", "_metadata"})
      expected.insert(std::string(table.kernels[i].symbol) + suffix);
  EXPECT_EQ(symbols.defined, expected);
  for (const std::string& name : symbols.defined) EXPECT_EQ(name.find("halide"), std::string::npos) << name;
}

/// What instructions of wider targets look like in a line of disassembly.
const std::regex& forbidden_on(const std::string& target) {
  static const std::map<std::string, std::regex> forbidden = {
      {"x86-64-sse41", std::regex("%[yz]mm|%k[0-7]|\tv[a-z]+[0-9]*[a-z]* ")},  // VEX instructions begin with v
      {"x86-64-avx2", std::regex("%zmm|%k[0-7]|%[xy]mm(1[6-9]|2[0-9]|3[01])")},
      {"x86-64-avx512", std::regex("%tmm|\\bvdpbf16ps|\\bvpdpbusd")},
  };
  return forbidden.at(target);
}

TEST(SymbolsTest, InstructionsBelongToTheRowsTarget) {
  std::map<std::string, std::string> target_of;  // by the archive's member
  const KernelTable& table = test_layers::kernels();
  for (std::size_t i = 0; i < table.kernel_count; ++i)
    target_of[std::string(table.kernels[i].symbol) + ".o"] = table.kernels[i].target;

  std::istringstream lines(
      output_of(std::string(SEPCONV_TEST_OBJDUMP) + " -d --no-show-raw-insn " + quoted(SEPCONV_TEST_ARCHIVE)));
  std::map<std::string, std::size_t> instructions, wide;
  std::string member, target;
  const std::regex wide_vectors("%ymm|%zmm");
  for (std::string line; std::getline(lines, line);) {
    const std::size_t format = line.find(":     file format");
    if (format != std::string::npos) {
      member = line.substr(0, format);
      ASSERT_TRUE(target_of.contains(member)) << member;
      target = target_of[member];
      continue;
    }
    const std::size_t tab = line.find('\t');
    if (tab == std::string::npos) continue;
    line.resize(std::min(line.size(), line.find('<')));  // the names of jumps' targets
    ++instructions[member];
    // Only vector instructions can be wrong, and a regex for each line is slow.
    if (line.find("mm") == std::string::npos && line.find("%k") == std::string::npos) continue;
    EXPECT_FALSE(std::regex_search(line, forbidden_on(target))) << member << ": " << line;
    if (std::regex_search(line, wide_vectors)) ++wide[target];
  }
  EXPECT_EQ(instructions.size(), table.kernel_count);
  EXPECT_EQ(wide["x86-64-sse41"], 0u);
  EXPECT_GT(wide["x86-64-avx2"], 1000u);
  EXPECT_GT(wide["x86-64-avx512"], 1000u);
}

TEST(SymbolsTest, ThePatternsTellInstructionsApart) {
  const auto forbidden = [](const char* target, const char* line) {
    return std::regex_search(line, forbidden_on(target));
  };
  EXPECT_FALSE(forbidden("x86-64-sse41", "  10:\tmulps  %xmm1,%xmm2"));
  EXPECT_TRUE(forbidden("x86-64-sse41", "  10:\tvmulps %xmm1,%xmm2,%xmm3"));
  EXPECT_TRUE(forbidden("x86-64-sse41", "  10:\tvfmadd231ps %xmm1,%xmm2,%xmm3"));
  EXPECT_TRUE(forbidden("x86-64-sse41", "  10:\tvmovups %ymm1,(%rdi)"));
  EXPECT_FALSE(forbidden("x86-64-avx2", "  10:\tvmovups %ymm15,(%rdi)"));
  EXPECT_TRUE(forbidden("x86-64-avx2", "  10:\tvmovups %ymm16,(%rdi)"));
  EXPECT_TRUE(forbidden("x86-64-avx2", "  10:\tvmovups %zmm1,(%rdi)"));
  EXPECT_TRUE(forbidden("x86-64-avx2", "  10:\tkmovw  %eax,%k1"));
  EXPECT_FALSE(forbidden("x86-64-avx512", "  10:\tvmovups %zmm1,(%rdi){%k1}"));
}

}  // namespace
}  // namespace sepconv::test
