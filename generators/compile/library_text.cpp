#include "generators/compile/library_text.h"

#include <fmt/format.h>

#include "generators/compile/network_header.h"
#include "sepconv/detail/kernel_abi.h"

namespace sepconv::generators {
namespace {

constexpr const char* kBanner = "// Made by sepconv compile; changes are lost when the library is compiled again.\n";

/// The kernels and layers of the table as constants of namespace <name>::detail, and the functions that they name.
std::string table_text(const LibraryContents& library) {
  std::string text = "extern \"C\" {\n";
  for (std::size_t i = 0; i < library.kernels.size(); ++i)
    if (library.has_body(i)) text += fmt::format("int {}_argv(void** argv);\n", library.kernels[i].symbol);
  text += fmt::format("}}\n\nnamespace {} {{\nnamespace detail {{\n\n", library.name);
  text += "inline constexpr sepconv::CompiledKernel kRows[] = {\n";
  for (std::size_t i = 0; i < library.kernels.size(); ++i) {
    const PlannedKernel& kernel = library.kernels[i];
    const KernelFacts& facts = library.facts[i];
    text += fmt::format(
        "    {{sepconv::kKernelAbi,\n     {},\n     &::{}_argv,\n     {},\n     {},\n     {},\n"
        "     /*required_features=*/0x{:x},\n     /*rank=*/{},\n     /*depthwise_panel=*/{},\n"
        "     /*pointwise_panel=*/{},\n     /*flat_output=*/{},\n     /*call_scratch_bytes=*/{},\n"
        "     /*task_scratch_bytes=*/{}}},\n",
        string_literal(kernel.symbol), library.kernels[library.bodies[i]].symbol,
        string_literal(to_text(kernel.problem)), string_literal(kernel.target.name),
        string_literal(to_text(kernel.schedule)), kernel.target.required_features, kernel.target.rank,
        facts.depthwise_panel, facts.pointwise_panel, facts.flat_output, facts.call_scratch_bytes,
        facts.task_scratch_bytes);
  }
  text += "};\n\ninline constexpr sepconv::LayerEntry kLayers[] = {\n";
  if (library.layers.empty()) text += "    {nullptr, nullptr},\n";  // C++ has no arrays of nothing
  for (const PlannedLayer& layer : library.layers)
    text += fmt::format("    {{{}, {}}},\n", string_literal(layer.name),
                        string_literal(to_text(kernel_problem(layer.problem))));
  text += "};\n\n";
  text += fmt::format(
      "inline constexpr sepconv::KernelTable kTable = {{{}, kRows, {}, kLayers, {}}};\n\n"
      "}}  // namespace detail\n",
      string_literal(library.name), library.kernels.size(), library.layers.size());
  return text;
}

std::string abi_check(const std::string& name) {
  return fmt::format("static_assert(sepconv::kKernelAbi == {}, {});\n\n", kKernelAbi,
                     string_literal("library '" + name + "' was compiled for another version of sepconv's kernel " +
                                    "interface; compile it again"));
}

std::string network_include(const LibraryContents& library) {
  return library.network ? "#include <sepconv/detail/network_table.h>\n" : "";
}

std::string namespace_end(const LibraryContents& library) {
  return (library.network ? network_declarations(library) + "\n" : "") +
         fmt::format("}}  // namespace {}\n", library.name);
}

}  // namespace

std::string string_literal(std::string_view text) {
  std::string literal = "\"";
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\' || c == '?')
      literal += {'\\', c};
    else if (byte < 0x20 || byte >= 0x7f)
      literal += fmt::format("\\{:03o}", byte);  // octal: exactly three digits, so what follows cannot join
    else
      literal += c;
  }
  return literal + "\"";
}

std::string header_text(const LibraryContents& library) {
  std::string text = fmt::format("{}#pragma once\n\n#include <sepconv/detail/compiled_kernel.h>\n{}\n", kBanner,
                                 network_include(library)) +
                     abi_check(library.name);
  if (library.embedded_bytes != 0)
    text += fmt::format("extern \"C\" const unsigned char {}[];\n\n", weights_symbol(library.name));
  text += table_text(library);
  text +=
      "\n/// The kernels of this library, for sepconv::use_kernels.\n"
      "inline const sepconv::KernelTable& kernels() { return detail::kTable; }\n\n";
  return text + namespace_end(library);
}

std::string shared_header_text(const LibraryContents& library) {
  return fmt::format(
             "{}#pragma once\n\n#include <cstring>\n#include <stdexcept>\n\n#include "
             "<sepconv/detail/compiled_kernel.h>\n{}\n",
             kBanner, network_include(library)) +
         abi_check(library.name) +
         fmt::format(
             "extern \"C\" const sepconv::KernelTable* {0}();\n\n"
             "namespace {1} {{\n\n"
             "/// The kernels of lib{1}.so, for sepconv::use_kernels. A program can be linked with one shared library "
             "only, since\n/// all export the same function; sepconv::load_kernel_library opens any number.\n"
             "/// @throws std::logic_error when the program got the table of another library.\n"
             "inline const sepconv::KernelTable& kernels() {{\n"
             "  const sepconv::KernelTable& table = *{0}();\n"
             "  if (std::strcmp(table.library, {2}) != 0)\n"
             "    throw std::logic_error(\"{1}: another shared library of kernels is linked before lib{1}.so; open it "
             "with \"\n                           \"sepconv::load_kernel_library\");\n"
             "  return table;\n}}\n\n",
             kSharedSymbol, library.name, string_literal(library.name)) +
         namespace_end(library);
}

std::string shared_source_text(const LibraryContents& library) {
  return "#include <sepconv/detail/compiled_kernel.h>\n\n" + abi_check(library.name) + table_text(library) +
         fmt::format("\n}}  // namespace {}\n", library.name) +
         fmt::format(R"(
extern "C" const sepconv::KernelTable* {}() {{ return &{}::detail::kTable; }}

extern "C" int sepconv_abi1_parallel_for(void* context, sepconv::KernelTask task, int min, int count,
                                         std::uint8_t* closure) {{
  auto* services = static_cast<sepconv::KernelContext*>(context);
  return services->parallel_for(services, task, min, count, closure);
}}

extern "C" void* sepconv_abi1_allocate(void* context, std::size_t bytes) {{
  auto* services = static_cast<sepconv::KernelContext*>(context);
  return services->allocate(services, bytes);
}}

extern "C" void sepconv_abi1_release(void* context, void* pointer) {{
  auto* services = static_cast<sepconv::KernelContext*>(context);
  services->release(services, pointer);
}}
)",
                     kSharedSymbol, library.name);
}

std::string package_text(const std::string& name, bool shared, bool gpu) {
  return fmt::format(
      R"(# Made by sepconv compile. find_package({0}) gives the imported target {0}::{0} and the variable {0}_WEIGHTS.
include(CMakeFindDependencyMacro)
if(NOT TARGET sepconv::core)
  find_dependency(sepconv)
endif()
if(NOT TARGET {0}::{0})
  add_library({0}::{0} {1} IMPORTED)
  set_target_properties({0}::{0} PROPERTIES
    IMPORTED_LOCATION "${{CMAKE_CURRENT_LIST_DIR}}/lib{0}.{2}"
    INTERFACE_INCLUDE_DIRECTORIES "${{CMAKE_CURRENT_LIST_DIR}}"
    INTERFACE_LINK_LIBRARIES {3})
endif()
set({0}_WEIGHTS "${{CMAKE_CURRENT_LIST_DIR}}/{0}.weights")
)",
      name, shared ? "SHARED" : "STATIC", shared ? "so" : "a", gpu ? "sepconv::gpu" : "sepconv::core");
}

}  // namespace sepconv::generators
