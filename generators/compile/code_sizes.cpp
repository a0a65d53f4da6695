#include "generators/compile/code_sizes.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>

namespace sepconv::generators {
namespace {

constexpr std::size_t kObjectsAtATime = 4;  // the tool's text of these is well below what run_process keeps

bool starts_with_any(std::string_view name, std::initializer_list<std::string_view> prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](std::string_view prefix) { return name.starts_with(prefix); });
}

/// ELF's names of sections and Mach-O's.
void add_section(CodeSize& size, std::string_view name, std::uint64_t bytes) {
  if (starts_with_any(name, {".text", "__text"}))
    size.code += bytes;
  else if (starts_with_any(name, {".rodata", ".data", ".lrodata", "__const", "__cstring", "__literal", "__data"}))
    size.constants += bytes;
}

/// "PATH  :", then a line "NAME SIZE ADDRESS" for each section.
std::vector<CodeSize> sizes_from(const std::string& text) {
  std::vector<CodeSize> sizes;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.ends_with(" :") || line.ends_with(":")) {
      sizes.emplace_back();
      continue;
    }
    std::istringstream words(line);
    std::string name;
    std::uint64_t bytes = 0, address = 0;
    if (!sizes.empty() && words >> name >> bytes >> address) add_section(sizes.back(), name, bytes);
  }
  return sizes;
}

}  // namespace

std::vector<CodeSize> code_sizes(const Toolchain& tools, const std::vector<std::filesystem::path>& objects,
                                 const ProcessLimits& limits) {
  std::vector<CodeSize> sizes;
  for (std::size_t begin = 0; begin < objects.size(); begin += kObjectsAtATime) {
    const std::size_t end = std::min(objects.size(), begin + kObjectsAtATime);
    std::vector<std::string> argv = {tools.size.string(), "-A"};
    for (std::size_t i = begin; i < end; ++i) argv.push_back(objects[i].string());
    const ProcessResult result = run_process(argv, limits);
    const std::vector<CodeSize> some = result.ok() ? sizes_from(result.output) : std::vector<CodeSize>{};
    if (some.size() != end - begin)
      throw std::runtime_error(
          fmt::format("measuring the objects: '{}' failed: {}\n{}", argv[0], end_text(result, limits), result.output));
    sizes.insert(sizes.end(), some.begin(), some.end());
  }
  return sizes;
}

}  // namespace sepconv::generators
