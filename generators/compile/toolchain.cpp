#include "generators/compile/toolchain.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cctype>
#include <cstdlib>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string_view>

#include "generators/compile/files.h"

namespace sepconv::generators {
namespace {

constexpr int kNewestLlvm = 24, kOldestLlvm = 13;  // Debian's versioned names; --redefine-syms works on archives in all

std::vector<std::filesystem::path> folders_of(const std::string& path) {
  std::stringstream folders(path);
  std::vector<std::filesystem::path> result;
  for (std::string folder; std::getline(folders, folder, ':');) result.emplace_back(folder.empty() ? "." : folder);
  return result;
}

std::optional<std::filesystem::path> find_program(const std::string& name, const std::string& path) {
  const auto is_program = [](const std::filesystem::path& file) {
    std::error_code error;
    return std::filesystem::is_regular_file(file, error) && ::access(file.c_str(), X_OK) == 0;
  };
  if (name.find('/') != std::string::npos)
    return is_program(name) ? std::optional<std::filesystem::path>(std::filesystem::absolute(name)) : std::nullopt;
  for (const auto& folder : folders_of(path))
    if (is_program(folder / name)) return std::filesystem::absolute(folder / name);
  return std::nullopt;
}

/// The compiler that links for the target where CXX names none; nullptr if there is no usual one.
const char* usual_compiler(const Target& target) {
  if (is_native(target)) return "c++";
  return target.arch == Arch::arm_64 && target.os == Os::linux ? "aarch64-linux-gnu-g++" : nullptr;
}

/// What a tool said, without LLVM's dump of its stack.
std::string_view said(std::string_view output) {
  for (const char* dump : {"PLEASE submit a bug report", "Stack dump:"}) output = output.substr(0, output.find(dump));
  while (!output.empty() && output.back() == '\n') output.remove_suffix(1);
  return output;
}

void run_tool(const std::vector<std::string>& argv, const std::string& purpose, const ProcessLimits& limits) {
  const ProcessResult result = run_process(argv, limits);
  if (!result.ok())
    throw std::runtime_error(
        fmt::format("{}: '{}' failed: {}\n{}", purpose, argv[0], end_text(result, limits), said(result.output)));
}

}  // namespace

std::optional<std::filesystem::path> find_llvm_program(const std::string& name, const std::string& path) {
  if (auto found = find_program(name, path)) return found;
  for (int version = kNewestLlvm; version >= kOldestLlvm; --version)
    if (auto found = find_program(fmt::format("{}-{}", name, version), path)) return found;
  return std::nullopt;
}

ToolSettings tool_settings_from_environment() {
  const char *path = std::getenv("PATH"), *compiler = std::getenv("CXX");
  return {path == nullptr ? "/usr/local/bin:/usr/bin:/bin" : path, compiler == nullptr ? "" : compiler};
}

Toolchain find_toolchain(const Target* shared_for, const ToolSettings& settings) {
  Toolchain tools;
  const auto objcopy = find_llvm_program("llvm-objcopy", settings.path);
  if (!objcopy)
    throw std::runtime_error("llvm-objcopy is not in PATH; install the Debian package 'llvm' (apt-get install llvm)");
  tools.objcopy = *objcopy;
  const auto size = find_llvm_program("llvm-size", settings.path);
  if (!size)
    throw std::runtime_error("llvm-size is not in PATH; install the Debian package 'llvm' (apt-get install llvm)");
  tools.size = *size;
  auto archiver = find_llvm_program("llvm-ar", settings.path);
  if (!archiver) archiver = find_program("ar", settings.path);
  if (!archiver)
    throw std::runtime_error("neither llvm-ar nor ar is in PATH; install the Debian package 'llvm' or 'binutils'");
  tools.archiver = *archiver;
  if (shared_for == nullptr) return tools;

  const bool named = !settings.compiler.empty();
  const char* usual = usual_compiler(*shared_for);
  if (!named && usual == nullptr)
    throw std::runtime_error(fmt::format("a shared library for {} needs a C++ compiler for that system; set CXX to one",
                                         system_text(*shared_for)));
  std::istringstream words(named ? settings.compiler : usual);
  for (std::string word; words >> word;) tools.compiler.push_back(word);
  const auto compiler = tools.compiler.empty() ? std::nullopt : find_program(tools.compiler.front(), settings.path);
  if (!compiler)
    throw std::runtime_error(
        fmt::format("a shared library needs a C++ compiler, and {} is not in PATH; install the Debian package '{}', "
                    "set CXX, or leave out --shared",
                    named ? fmt::format("CXX='{}'", settings.compiler) : fmt::format("'{}'", usual),
                    is_native(*shared_for) ? "g++" : "g++-aarch64-linux-gnu"));
  tools.compiler.front() = compiler->string();
  return tools;
}

void make_data_object(const Toolchain& tools, const Target& target, const std::filesystem::path& file,
                      const std::string& symbol, const std::filesystem::path& object, ProcessLimits limits) {
  if (target.os == Os::osx)
    throw std::invalid_argument("embed: not for macOS; leave out --embed and load the .weights file");
  limits.folder = object.parent_path();  // the file's path is in the names of its symbols
  const std::string name = file.filename().string(), note = name + ".note", section = ".rodata.sepconv_weights";
  std::string prefix = "_binary_" + name;
  for (char& c : prefix)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  write_file(limits.folder / note, "");
  run_tool(
      {tools.objcopy.string(), "-I", "binary", "-O",
       target.arch == Arch::x86_64 ? "elf64-x86-64" : "elf64-littleaarch64",
       "--rename-section=.data=" + section + ",alloc,load,readonly,data,contents", "--set-section-alignment=.data=64",
       "--set-section-alignment=" + section + "=64", "--redefine-sym=" + prefix + "_start=" + symbol,
       "--strip-symbol=" + prefix + "_end", "--strip-symbol=" + prefix + "_size",
       "--add-section=.note.GNU-stack=" + note,  // without it, linkers make stacks executable
       name, object.filename().string()},
      "embedding the weights", limits);
}

void make_archive(const Toolchain& tools, const std::vector<std::filesystem::path>& objects,
                  const SymbolChanges& symbols, const std::filesystem::path& archive, ProcessLimits limits) {
  // The tools run in the archive's folder and are given names alone: to some of them '%', ',' or '@' in the path of the
  // user's folder would mean something.
  limits.folder = archive.parent_path();
  const std::string name = archive.filename().string();
  // q: the objects are new and in order. D: no time stamps, owners or modes.
  std::vector<std::string> argv = {tools.archiver.string(), "qcD", name};
  for (const auto& object : objects) argv.push_back(object.lexically_relative(limits.folder).string());
  run_tool(argv, "making the archive", limits);

  std::string renamed, exported;
  for (const auto& [from, to] : symbols.renamed) renamed += from + " " + to + "\n";
  for (const std::string& symbol : symbols.exported) exported += symbol + "\n";
  const std::string renamed_file = name + ".renamed", exported_file = name + ".exported";
  write_file(limits.folder / renamed_file, renamed);
  write_file(limits.folder / exported_file, exported);
  argv = {tools.objcopy.string(), "--enable-deterministic-archives", "--redefine-syms=" + renamed_file};
  if (!symbols.exported.empty()) argv.push_back("--keep-global-symbols=" + exported_file);
  argv.push_back(name);
  run_tool(argv, "renaming symbols", limits);
}

void link_shared(const Toolchain& tools, const std::filesystem::path& archive, const std::filesystem::path& source,
                 const std::filesystem::path& include_dir, const std::string& exported,
                 const std::filesystem::path& library, ProcessLimits limits) {
  limits.folder = library.parent_path();  // as in make_archive
  const std::string script = source.filename().string() + ".map";
  write_file(limits.folder / script, "{ global: " + exported + "; local: *; };\n");
  std::vector<std::string> argv = tools.compiler;
  for (const std::string& word :
       {std::string("-std=c++17"), std::string("-O2"), std::string("-g0"), std::string("-fPIC"),
        std::string("-fno-exceptions"), std::string("-fno-rtti"), std::string("-shared"),
        "-I" + std::filesystem::absolute(include_dir).string(), source.filename().string(),
        std::string("-Wl,--whole-archive"), archive.filename().string(), std::string("-Wl,--no-whole-archive"),
        std::string("-Wl,--as-needed"), std::string("-Wl,-s"), std::string("-Wl,-z,defs"),
        "-Wl,--version-script=" + script, "-Wl,-soname," + library.filename().string(), std::string("-o"),
        library.filename().string()})
    argv.push_back(word);
  run_tool(argv, "linking the shared library", limits);
}

}  // namespace sepconv::generators
