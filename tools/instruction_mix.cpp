#include "tools/instruction_mix.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <map>
#include <optional>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "generators/compile/files.h"
#include "generators/compile/process.h"
#include "generators/compile/toolchain.h"
#include "tools/scratch_folder.h"

namespace sepconv::tools {
namespace {

struct Instruction {
  std::uint64_t address = 0;
  std::string name, operands;
  std::optional<std::uint64_t> jump;  // where a direct jump goes
};

struct Function {
  std::string name;
  std::vector<Instruction> code;
};

bool starts_with_any(std::string_view text, std::initializer_list<std::string_view> prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(), [&](std::string_view p) { return text.starts_with(p); });
}

/// The disassembler explains some instructions: "# ymm14 = (ymm15 * ymm0) + ymm14".
std::string without_comment(std::string text, generators::Arch arch) {
  text.erase(std::min(text.find(arch == generators::Arch::x86_64 ? "#" : "//"), text.size()));
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

bool is_jump(const std::string& name, generators::Arch arch) {
  if (arch == generators::Arch::x86_64) return name.starts_with("j");
  return name == "b" || starts_with_any(name, {"b.", "cbz", "cbnz", "tbz", "tbnz"});
}

std::vector<Function> functions_of(const std::string& disassembly, generators::Arch arch) {
  static const std::regex symbol(R"(^[0-9a-f]+ <(.*)>:$)");
  static const std::regex instruction(R"(^\s*([0-9a-f]+):\s+(\S+)\s*(.*)$)");
  static const std::regex target(R"((?:^|[\s,])(?:0x)?([0-9a-f]+)(?:\s+<.*>)?\s*$)");
  std::vector<Function> functions;
  std::istringstream lines(disassembly);
  std::smatch match;
  for (std::string line; std::getline(lines, line);) {
    std::replace(line.begin(), line.end(), '\t', ' ');
    if (std::regex_match(line, match, symbol)) {
      functions.push_back({match[1], {}});
    } else if (!functions.empty() && std::regex_match(line, match, instruction)) {
      Instruction found{std::stoull(match[1], nullptr, 16), match[2], without_comment(match[3], arch), std::nullopt};
      std::smatch where;
      if (is_jump(found.name, arch) && std::regex_search(found.operands, where, target))
        found.jump = std::stoull(where[1], nullptr, 16);
      functions.back().code.push_back(std::move(found));
    }
  }
  return functions;
}

/// Indices of a loop's first and last instruction.
struct Loop {
  std::size_t first, last;
};

std::vector<Loop> innermost_loops(const Function& function) {
  std::map<std::uint64_t, std::size_t> index_of;
  for (std::size_t i = 0; i < function.code.size(); ++i) index_of[function.code[i].address] = i;
  std::map<std::size_t, std::size_t> last_of;  // several jumps back to one place are one loop
  for (std::size_t i = 0; i < function.code.size(); ++i) {
    const auto& jump = function.code[i].jump;
    if (!jump || *jump > function.code[i].address) continue;
    if (const auto first = index_of.find(*jump); first != index_of.end()) last_of[first->second] = i;
  }
  std::vector<Loop> loops;
  for (const auto& [first, last] : last_of) {
    const auto inner = last_of.upper_bound(first);
    const bool has_inner =
        std::any_of(inner, last_of.end(), [end = last](const auto& other) { return other.second <= end; });
    if (!has_inner) loops.push_back({first, last});
  }
  return loops;
}

/// Classifies instructions of x86-64 in AT&T syntax, the destination last.
class X86 {
 public:
  X86(const Function& function, bool fused) : fused_(fused) {
    frame_ = std::any_of(function.code.begin(), function.code.end(),
                         [](const Instruction& i) { return i.name.starts_with("mov") && i.operands == "%rsp, %rbp"; });
  }

  void count(const Instruction& i, InstructionMix& mix) const {
    const bool memory =
        i.operands.find('(') != std::string::npos && !starts_with_any(i.name, {"lea", "nop", "prefetch"});
    const bool vector = i.operands.find("mm") != std::string::npos;
    const bool writes =
        memory && i.operands.back() == ')' && !starts_with_any(i.name, {"cmp", "test", "vcom", "ucom", "j", "call"});
    if (memory &&
        (i.operands.find("%rsp") != std::string::npos || (frame_ && i.operands.find("(%rbp") != std::string::npos)))
      ++mix.stack_accesses, mix.spills += vector;
    const bool multiply_add = fused_ ? starts_with_any(i.name, {"vfmadd", "vfnmadd", "vfmsub", "vfnmsub", "vdpbf16"})
                                     : starts_with_any(i.name, {"mulps", "mulpd", "mulss", "mulsd", "vmulp", "vmuls"});
    if (multiply_add) {
      ++mix.multiply_adds;
      mix.memory_operands += memory;
    } else if (writes) {
      ++mix.stores;
    } else if (memory && (i.name.find("mov") != std::string::npos || i.name.find("broadcast") != std::string::npos)) {
      ++mix.loads;
    } else if (vector && is_shuffle(i.name)) {
      ++mix.shuffles;
    } else {
      ++mix.others;
    }
  }

 private:
  static bool is_shuffle(const std::string& name) {
    static constexpr std::array kParts = {"perm",      "shuf",    "unpck",    "insert",   "extract", "align",   "blend",
                                          "broadcast", "movddup", "movshdup", "movsldup", "movhlps", "movlhps", "pack"};
    return std::any_of(kParts.begin(), kParts.end(),
                       [&](const char* part) { return name.find(part) != std::string::npos; });
  }

  bool fused_, frame_;
};

void count_arm(const Instruction& i, InstructionMix& mix) {
  const bool loads = starts_with_any(i.name, {"ld"}), stores = starts_with_any(i.name, {"st"});
  if ((loads || stores) && i.operands.find("[sp") != std::string::npos)
    ++mix.stack_accesses, mix.spills += i.operands.front() == 'q' || i.operands.front() == 'd';
  if (starts_with_any(i.name, {"fmla", "fmls", "fmadd", "fmsub", "fnmadd", "bfdot", "bfmmla", "bfmlal"}))
    ++mix.multiply_adds;
  else if (loads)
    ++mix.loads;
  else if (stores)
    ++mix.stores;
  else if (starts_with_any(i.name, {"zip", "uzp", "trn", "ext", "tbl", "dup", "ins", "rev64"}))
    ++mix.shuffles;
  else
    ++mix.others;
}

std::vector<InstructionMix> mixes_of_loops(const std::string& disassembly, const generators::Target& target) {
  std::vector<InstructionMix> mixes;
  for (const Function& function : functions_of(disassembly, target.arch)) {
    const X86 x86(function, target.fuses_multiply_add);
    for (const Loop& loop : innermost_loops(function)) {
      InstructionMix mix;
      mix.function = function.name;
      for (std::size_t i = loop.first; i <= loop.last; ++i, ++mix.instructions)
        if (target.arch == generators::Arch::x86_64)
          x86.count(function.code[i], mix);
        else
          count_arm(function.code[i], mix);
      mixes.push_back(std::move(mix));
    }
  }
  return mixes;
}

}  // namespace

InstructionMix hottest_loop(const std::string& disassembly, const generators::Target& target) {
  InstructionMix hottest;
  for (InstructionMix& mix : mixes_of_loops(disassembly, target))
    if (mix.multiply_adds > hottest.multiply_adds) hottest = std::move(mix);
  return hottest;
}

int spills_in_loops(const std::string& disassembly, const generators::Target& target) {
  int spills = 0;
  for (const InstructionMix& mix : mixes_of_loops(disassembly, target))
    if (mix.multiply_adds > 0) spills += mix.spills;
  return spills;
}

std::string disassembly_of(const std::filesystem::path& object) {
  const auto objdump = generators::find_llvm_program("llvm-objdump", generators::tool_settings_from_environment().path);
  if (!objdump)
    throw std::runtime_error("llvm-objdump is not in PATH; install the Debian package 'llvm' (apt-get install llvm)");
  const ScratchFolder scratch;
  const std::filesystem::path output = scratch.path() / "code.txt";
  // run_process keeps only the end of a long output.
  const generators::ProcessResult result =
      generators::run_process({"sh", "-c", R"(out=$1; shift; exec "$@" > "$out")", "sh", output.string(),
                               objdump->string(), "-d", "--no-show-raw-insn", object.string()});
  if (!result.ok()) throw std::runtime_error(objdump->string() + ": " + end_text(result, {}) + "\n" + result.output);
  return generators::read_file(output);
}

}  // namespace sepconv::tools
