#pragma once
// The system's programs that make a library out of objects.

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "generators/compile/process.h"
#include "generators/spec/target.h"

namespace sepconv::generators {

/// Programs that were found.
struct Toolchain {
  std::filesystem::path objcopy;      // llvm-objcopy, or a versioned name of it
  std::filesystem::path archiver;     // llvm-ar, a versioned name of it, or ar
  std::filesystem::path size;         // llvm-size, or a versioned name of it
  std::vector<std::string> compiler;  // a command in words; empty unless asked for
};

/// Where programs are looked for.
struct ToolSettings {
  std::string path;      // folders with ':' between them
  std::string compiler;  // that links a shared library, with its options; empty: the usual one of the target's system
};

/// $PATH and $CXX.
ToolSettings tool_settings_from_environment();

/// @param shared_for  the target of a shared library that will be linked; nullptr if none will.
/// @throws std::runtime_error naming the program that is missing and the Debian package that has it.
Toolchain find_toolchain(const Target* shared_for, const ToolSettings& settings);

/// A program of LLVM in the folders of `path`, or the newest of its versioned names (llvm-objdump-19); nothing if there
/// is none.
std::optional<std::filesystem::path> find_llvm_program(const std::string& name, const std::string& path);

/// Makes an object whose read-only section holds the file's bytes, aligned to 64, under a global symbol. Both lie in
/// one folder.
/// @throws std::invalid_argument for a target of macOS, whose objects llvm-objcopy cannot make.
/// @throws std::runtime_error with the tool's message; also when cancelled.
void make_data_object(const Toolchain& tools, const Target& target, const std::filesystem::path& file,
                      const std::string& symbol, const std::filesystem::path& object, ProcessLimits limits);

/// How the symbols of an archive change.
struct SymbolChanges {
  std::vector<std::pair<std::string, std::string>> renamed;  // old name -> new name
  std::vector<std::string> exported;  // old names of the only definitions that other files see; empty: all are seen
};

/// Makes `archive` of the objects, which lie in its folder or below, without time stamps or owners, and changes the
/// symbols of all of them. Leaves the lists of names next to it.
/// @throws std::runtime_error with the tool's message; also when cancelled.
void make_archive(const Toolchain& tools, const std::vector<std::filesystem::path>& objects,
                  const SymbolChanges& symbols, const std::filesystem::path& archive, ProcessLimits limits);

/// Links the whole archive and the table's source, which lie in the library's folder, into a loadable library that
/// exports `exported` and nothing else.
/// @throws std::runtime_error with the compiler's message; also when cancelled.
void link_shared(const Toolchain& tools, const std::filesystem::path& archive, const std::filesystem::path& source,
                 const std::filesystem::path& include_dir, const std::string& exported,
                 const std::filesystem::path& library, ProcessLimits limits);

}  // namespace sepconv::generators
