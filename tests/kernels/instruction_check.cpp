#include "tests/kernels/instruction_check.h"

#include <algorithm>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <stdexcept>

#include "generators/compile/files.h"
#include "generators/compile/process.h"
#include "runtime/core/cpu_features.h"
#include "runtime/core/feature_table.h"
#include "tests/compile/test_environment.h"

namespace sepconv::test {

using namespace generators;

namespace {

/// Runs a tool with its output in a file: run_process keeps only the end of a long output.
std::string tool_output(const std::string& command, bool may_fail) {
  const TempDir folder;
  const std::string file = (folder.path() / "output").string();
  const ProcessResult result = run_process({"sh", "-c", command + " > '" + file + "' 2>&1"});
  const std::string output = read_file(file);
  if (result.end != ProcessResult::End::exited || (result.code != 0 && !may_fail) || result.code > 1)
    throw std::runtime_error(command + ": " + end_text(result, {}) + "\n" + output.substr(0, 2000));
  return output;
}

/// "+sse4.1+avx" for x86, ",+neon,+fullfp16" for ARM: the assembler's options for these features.
std::string feature_options(Arch arch, std::uint64_t features) {
  std::string options;
  const bool x86 = arch == Arch::x86_64;
  const auto take = [&](CpuFeature bit, const char*, const char* assembler, const auto&) {
    if (features & bit) options += (x86 ? "+" : ",+") + std::string(assembler);
    features &= ~bit;
  };
  x86 ? detail::visit_x86_features(take) : detail::visit_arm_features(take);
  if (features != 0) throw std::runtime_error("the assembler's names are not known of: " + cpu_feature_names(features));
  return options;
}

/// Everything that the disassembler can decode: what the target lacks is for the assembler to say.
std::string all_arm_features() {
  std::uint64_t features = 0;
  detail::visit_arm_features([&](CpuFeature bit, const char*, const char*, const auto&) { features |= bit; });
  return feature_options(Arch::arm_64, features).substr(1);
}

/// "12:3: error: instruction requires: fullfp16" or "12: Error: ..." -> the line's number and the reason.
std::map<std::size_t, std::string> errors_by_line(const std::string& output) {
  std::map<std::size_t, std::string> errors;
  static const std::regex pattern(R"(^[^:]*:([0-9]+):(?:[0-9]+:)? (?:[Ee]rror|[Ff]atal error): (.*)$)");
  std::istringstream lines(output);
  std::smatch match;
  for (std::string line; std::getline(lines, line);)
    if (std::regex_match(line, match, pattern)) errors.emplace(std::stoul(match[1]), match[2]);
  return errors;
}

std::string trimmed(std::string text) {
  for (char& c : text)
    if (c == '\t') c = ' ';
  const std::size_t begin = text.find_first_not_of(' '), end = text.find_last_not_of(' ');
  return begin == std::string::npos ? "" : text.substr(begin, end + 1 - begin);
}

/// What the assembler reads otherwise than the disassembler wrote it: symbols, comments, and on x86 the targets of
/// jumps, which are hexadecimal without saying so, and prefixes that pad an instruction.
std::string assembler_text(std::string text, Arch arch) {
  text = text.substr(0, text.find('<'));
  // On ARM "#" begins a number, and the disassembler's comments are those of the object's system.
  const std::size_t comment = arch == Arch::x86_64 ? text.find('#') : std::min(text.find("//"), text.find(';'));
  text = trimmed(text.substr(0, comment));
  if (arch != Arch::x86_64) return text;
  while (text.starts_with("data16 ")) text.erase(0, 7);
  static const std::regex jump("^((?:bnd |notrack )?(?:j[a-z]+|callq?) +)([0-9a-f]+)$");
  std::smatch match;
  return std::regex_match(text, match, jump) ? match[1].str() + "0x" + match[2].str() : text;
}

std::vector<std::uint8_t> bytes_from_hex(const std::string& text) {
  std::vector<std::uint8_t> bytes;
  std::istringstream words(text);
  for (std::string word; words >> word;) bytes.push_back(static_cast<std::uint8_t>(std::stoul(word, nullptr, 16)));
  return bytes;
}

/// The first byte that is no legacy prefix: in 64-bit code c4 and c5 begin an AVX encoding, and 62 one of AVX-512.
std::uint8_t leading_byte(const std::vector<std::uint8_t>& bytes) {
  static const std::set<std::uint8_t> prefixes = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3};
  for (const std::uint8_t byte : bytes)
    if (!prefixes.contains(byte)) return byte;
  return 0;
}

std::string wrong_encoding(const std::vector<std::uint8_t>& bytes, std::uint64_t features) {
  const std::uint8_t lead = leading_byte(bytes);
  if (lead == 0x62 && !(features & kCpuAvx512Skylake)) return "the encoding is that of AVX-512";
  if ((lead == 0xc4 || lead == 0xc5) && !(features & kCpuAvx)) return "the encoding is that of AVX";
  return {};
}

}  // namespace

Disassembly disassemble(const std::filesystem::path& object, Arch arch) {
  const bool x86 = arch == Arch::x86_64;
  const std::string command =
      x86 ? SEPCONV_TEST_OBJDUMP " -d -w "
          : SEPCONV_TEST_LLVM_OBJDUMP " -d --no-show-raw-insn --mattr=" + all_arm_features() + " ";
  std::istringstream lines(tool_output(command + "'" + object.string() + "'", false));
  Disassembly code;
  static const std::regex instruction(R"(^ *[0-9a-f]+:(?: *\t)(.*)$)");
  std::smatch match;
  for (std::string line; std::getline(lines, line);) {
    if (!std::regex_match(line, match, instruction)) continue;
    std::string text = match[1];
    if (x86) {  // "48 89 e5 \tmov %rsp,%rbp"
      const std::size_t tab = text.find('\t');
      if (tab == std::string::npos) continue;  // the rest of a long instruction's bytes
      code.bytes.push_back(bytes_from_hex(text.substr(0, tab)));
      text.erase(0, tab + 1);
    }
    code.instructions.push_back(assembler_text(text, arch));
  }
  if (code.instructions.empty()) throw std::runtime_error("no instruction in '" + object.string() + "'");
  return code;
}

std::vector<std::string> foreign_instructions(const Disassembly& code, Arch arch, std::uint64_t features) {
  const TempDir folder;
  const std::string source = (folder.path() / "code.s").string();
  std::string text;
  for (const std::string& instruction : code.instructions) text += instruction + "\n";
  write_file(source, text);
  const std::string options = feature_options(arch, features);
  const std::string command = arch == Arch::x86_64
                                  ? SEPCONV_TEST_AS " --64 -march=generic64" + options + " -o /dev/null"
                                  : SEPCONV_TEST_LLVM_MC " -triple=aarch64 -mattr=-sve" + options + " -filetype=null";
  const std::map<std::size_t, std::string> errors = errors_by_line(tool_output(command + " '" + source + "'", true));
  std::vector<std::string> foreign;
  for (std::size_t i = 0; i < code.instructions.size(); ++i) {
    const auto error = errors.find(i + 1);
    std::string reason = error == errors.end() ? "" : error->second;
    if (reason.empty() && !code.bytes.empty()) reason = wrong_encoding(code.bytes[i], features);
    if (!reason.empty()) foreign.push_back(code.instructions[i] + ": " + reason);
  }
  if (foreign.empty() && !errors.empty()) throw std::runtime_error("the assembler failed: " + errors.begin()->second);
  return foreign;
}

}  // namespace sepconv::test
