#include "generators/compile/network_header.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "runtime/core/kernel_context.h"
#include "runtime/core/network_ports.h"
#include "sepconv/detail/aligned_buffer.h"

namespace sepconv::generators {
namespace {

/// Bytes of an image that a kernel makes and glu halves.
std::size_t halved_bytes(const ConvProblem& p) {
  if (activation_of(p.stages.back().epilogue).kind != ActivationKind::glu) return 0;
  return sepconv::detail::arena_bytes(static_cast<std::uint64_t>(p.OH()) * static_cast<std::uint64_t>(p.OW()) *
                                      static_cast<std::uint64_t>(p.OC()) * size_bytes(p.dtype));
}

const char* enumerator(DataType dtype) {
  switch (dtype) {
    case DataType::float32: return "float32";
    case DataType::float64: return "float64";
    case DataType::float16: return "float16";
    default: return "bfloat16";  // those of kernels
  }
}

std::string ports_text(const LibraryContents& library, const char* name, const std::vector<std::int32_t>& ports) {
  std::string text = fmt::format("inline constexpr sepconv::NetworkPort {}[] = {{\n", name);
  for (const std::int32_t port : ports) {
    const NetworkTensorInfo info = sepconv::detail::make_port(library.network->plan, port).info;
    std::int64_t extents[3] = {1, 1, 1}, elements = info.images;
    for (std::size_t i = 1; i < info.shape.size(); ++i) extents[i - 1] = info.shape[i], elements *= info.shape[i];
    text += fmt::format("    {{{}, sepconv::DataType::{}, {}, {}, {{{}, {}, {}}}, {}}},\n", string_literal(info.name),
                        enumerator(info.dtype), info.shape.size(), info.images, extents[0], extents[1], extents[2],
                        elements);
  }
  return text + "};\n";
}

/// A long text as literals of a line each.
std::string lines_literal(std::string_view text) {
  std::string literals;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    literals += "\n    " + string_literal(text.substr(0, end));
    text.remove_prefix(end);
  }
  return literals;
}

}  // namespace

std::vector<StepScratch> largest_scratch(const LibraryContents& library) {
  std::vector<StepScratch> all;
  std::set<std::string> problems;
  for (const PlannedLayer& layer : library.network->layers) {
    const std::string problem = to_text(kernel_problem(layer.problem));
    for (std::size_t i = 0; i < library.kernels.size(); ++i)
      if (to_text(library.kernels[i].problem) == problem)
        all.push_back({sepconv::detail::arena_bytes(library.facts[i].call_scratch_bytes) + halved_bytes(layer.problem),
                       sepconv::detail::arena_bytes(library.facts[i].task_scratch_bytes)});
  }
  std::sort(all.begin(), all.end(), [](const StepScratch& a, const StepScratch& b) {
    return a.thread_bytes != b.thread_bytes ? a.thread_bytes > b.thread_bytes : a.call_bytes > b.call_bytes;
  });
  std::vector<StepScratch> largest;
  for (const StepScratch& scratch : all)
    if (scratch.call_bytes + scratch.thread_bytes != 0 &&
        (largest.empty() || scratch.call_bytes > largest.back().call_bytes))
      largest.push_back(scratch);
  return largest;
}

std::size_t network_workspace_bytes(const LibraryContents& library, std::size_t batch, std::size_t concurrency) {
  std::size_t scratch = 0;
  for (const StepScratch& step : largest_scratch(library))
    scratch = std::max(scratch, step.call_bytes + concurrency * step.thread_bytes + kBufferAlignment);
  const std::size_t bytes = batch * static_cast<std::size_t>(library.network->plan.tensor_bytes) + scratch;
  return bytes == 0 ? 0 : bytes + kBufferAlignment;
}

std::string weights_symbol(const std::string& library) { return "sepconv_weights_" + library; }

std::string network_declarations(const LibraryContents& library) {
  const NetworkPlan& plan = library.network->plan;
  const std::vector<StepScratch> scratch = largest_scratch(library);
  std::string text = ports_text(library, "inputs", plan.inputs) + ports_text(library, "outputs", plan.outputs);
  text += "\nnamespace detail {\nstruct Scratch {\n  std::size_t call_bytes, thread_bytes;\n};\n";
  text += "inline constexpr Scratch kScratch[] = {\n";
  for (const StepScratch& step : scratch) text += fmt::format("    {{{}, {}}},\n", step.call_bytes, step.thread_bytes);
  if (scratch.empty()) text += "    {0, 0},\n";
  text += "};\n}  // namespace detail\n\n";
  text += fmt::format(
      "/// Bytes of workspace that serve any batch and any executor of that concurrency, whichever target runs.\n"
      "constexpr std::size_t workspace_bytes_for(std::size_t batch, std::size_t concurrency) {{\n"
      "  std::size_t scratch = 0;\n"
      "  for (const detail::Scratch& step : detail::kScratch) {{\n"
      "    const std::size_t bytes = step.call_bytes + concurrency * step.thread_bytes;\n"
      "    if (bytes != 0 && bytes + {0} > scratch) scratch = bytes + {0};\n"
      "  }}\n"
      "  const std::size_t bytes = batch * {1} + scratch;\n"
      "  return bytes == 0 ? 0 : bytes + {0};\n"
      "}}\n\n"
      "/// For a batch of one and one thread.\n"
      "inline constexpr std::size_t workspace_bytes = workspace_bytes_for(1, 1);\n\n",
      kBufferAlignment, plan.tensor_bytes);
  text += fmt::format(
      "namespace detail {{\ninline constexpr sepconv::NetworkTable kNetwork = {{\n    {},{},\n    inputs,\n    {},\n   "
      " "
      "outputs,\n    {},\n    workspace_bytes,\n    {},\n    {}}};\n}}  // namespace detail\n\n",
      string_literal(library.name), lines_literal(to_text(plan)), plan.inputs.size(), plan.outputs.size(),
      library.embedded_bytes == 0 ? "nullptr" : "::" + weights_symbol(library.name), library.embedded_bytes);
  text += "/// The network of this library, for sepconv::load_network.\n";
  return text + "inline const sepconv::NetworkTable& network() { return detail::kNetwork; }\n";
}

}  // namespace sepconv::generators
