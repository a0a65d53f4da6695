#pragma once
// Which instructions of an object a target's CPUs do not have. The judge is an assembler: it is told the target's
// features and given the object's disassembly back.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "generators/spec/target.h"

namespace sepconv::test {

struct Disassembly {
  std::vector<std::string> instructions;         // as the disassembler prints them, without symbols and comments
  std::vector<std::vector<std::uint8_t>> bytes;  // of each; empty on architectures whose text says all
};

/// @throws std::runtime_error when a tool is missing or fails, or the object holds no instruction.
Disassembly disassemble(const std::filesystem::path& object, generators::Arch arch);

/// A line for each instruction that the features do not cover, with the assembler's reason: "vaddps %ymm0,%ymm1,%ymm2:
/// `vaddps' is not supported on `generic64.sse4.1'". Encodings are judged too: an instruction that AVX has and that is
/// encoded as AVX-512's is foreign to AVX.
/// @throws std::runtime_error when a tool is missing, or its output cannot be read.
std::vector<std::string> foreign_instructions(const Disassembly& code, generators::Arch arch, std::uint64_t features);

}  // namespace sepconv::test
