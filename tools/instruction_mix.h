#pragma once
// What the hottest loop of a compiled kernel consists of.

#include <filesystem>
#include <string>

#include "generators/spec/target.h"

namespace sepconv::tools {

/// Instructions of one loop. Each is in one of multiply_adds, loads, stores, shuffles and others.
struct InstructionMix {
  std::string function;     // the symbol that the loop lies in
  int instructions = 0;     // 0: the object has no loop
  int multiply_adds = 0;    // multiplications where the target has no fused ones
  int memory_operands = 0;  // of the multiply-adds: those that read an operand from memory
  int loads = 0;            // into a register, broadcasts included
  int stores = 0;
  int shuffles = 0;        // permutations, blends, inserts and extracts between registers
  int others = 0;          // addresses, counters, additions
  int stack_accesses = 0;  // of all: those that touch the stack; 0 means that nothing is spilled
  int spills = 0;          // of these: those of vector registers
};

/// The innermost loop with the most multiply-adds: a jump back, and no other jump back inside.
/// @param disassembly  of llvm-objdump -d --no-show-raw-insn.
InstructionMix hottest_loop(const std::string& disassembly, const generators::Target& target);

/// Vector registers that go through the stack in all innermost loops with multiply-adds: 0 means that no sum is
/// spilled.
int spills_in_loops(const std::string& disassembly, const generators::Target& target);

/// Disassembles an object file with llvm-objdump.
/// @throws std::runtime_error when there is no llvm-objdump, naming the package, or when it fails.
std::string disassembly_of(const std::filesystem::path& object);

}  // namespace sepconv::tools
