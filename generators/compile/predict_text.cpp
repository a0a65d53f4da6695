#include "generators/compile/predict_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "generators/compile/network_header.h"

namespace sepconv::generators {
namespace {

constexpr const char* kBanner = "Made by sepconv compile; changes are lost when the library is compiled again.";

/// In upper case, for macros.
std::string macro_name(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return name;
}

/// The C type of the elements of all these tensors; "void" if they have several.
std::string element_type(const LibraryContents& library, const std::vector<std::int32_t>& tensors) {
  const DataType dtype = library.network->plan.tensor(tensors.front()).dtype;
  for (const std::int32_t index : tensors)
    if (library.network->plan.tensor(index).dtype != dtype) return "void";
  switch (dtype) {
    case DataType::float32: return "float";
    case DataType::float64: return "double";
    default: return "uint16_t";  // the bits of float16 and bfloat16
  }
}

bool one_each(const LibraryContents& library) {
  return library.network->plan.inputs.size() == 1 && library.network->plan.outputs.size() == 1;
}

/// The parameters of <name>_predict.
std::string parameters(const LibraryContents& library) {
  const NetworkPlan& plan = library.network->plan;
  const std::string in = element_type(library, plan.inputs), out = element_type(library, plan.outputs);
  const std::string tensors = one_each(library) ? fmt::format("const {}* input, {}* output", in, out)
                                                : fmt::format("const {}* const* inputs, {}* const* outputs", in, out);
  return tensors + ", size_t batch, void* workspace, size_t workspace_bytes";
}

std::string sizes_text(const LibraryContents& library, const char* kind, const std::vector<std::int32_t>& tensors) {
  const std::string macro = macro_name(library.name);
  std::string text = fmt::format("#define {}_{}_COUNT {}\n", macro, kind, tensors.size());
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const NetworkTensor& tensor = library.network->plan.tensor(tensors[i]);
    std::int64_t elements = tensor.images;
    std::string shape = tensor.images == 1 ? "" : std::to_string(tensor.images) + " images of ";
    for (std::size_t axis = 0; axis < tensor.shape.size(); ++axis) {
      elements *= tensor.shape[axis];
      shape += (axis == 0 ? "" : " x ") + std::to_string(tensor.shape[axis]);
    }
    text += fmt::format("#define {}_{}_{}_NAME {}\n#define {}_{}_{}_ELEMENTS {} /* {} of {} */\n", macro, kind, i,
                        string_literal(tensor.name), macro, kind, i, elements, shape, keras_name(tensor.dtype));
  }
  return text;
}

std::string declarations(const LibraryContents& library) {
  const std::string& name = library.name;
  return fmt::format(
      R"(/* Loads the weights from {0}.weights, once, before the first call of {0}_predict(){1}. Returns 0, or a number
   that is not 0 on failure. */
int {0}_predict_load(const char* weights_file);

/* Computes the outputs of a batch on the calling thread. All tensors are dense, the batch outermost. Several threads may
   call it at once, each with a workspace of its own. Nothing is allocated after the first call with a workspace of at
   least {0}_predict_workspace_bytes(batch) bytes, of any alignment; a workspace of NULL is allocated by each call.
   Returns 0, or a number that is not 0 on failure: the outputs are then not to be used. */
int {0}_predict({2});

/* Bytes of workspace for a batch, on any CPU. */
size_t {0}_predict_workspace_bytes(size_t batch);

/* What was wrong with the last call of the calling thread that failed; "" if none did. Valid until the next call. */
const char* {0}_predict_error(void);
)",
      name, library.embedded_bytes == 0 ? "" : "; without this call, those embedded in the library serve",
      parameters(library));
}

/// The includes, the message of the last failure, and the network that all calls share.
std::string prologue_text(const std::string& name) {
  return fmt::format("// {}\n", kBanner) + fmt::format(R"(#include "{0}_predict.h"

#include <sepconv/executor.h>
#include <sepconv/kernel_registry.h>
#include <sepconv/network.h>

#include <atomic>
#include <cstdio>
#include <exception>
#include <memory>
#include <mutex>

#include "{0}.h"

namespace {{

thread_local char error[512];

int fail(const char* message) {{
  std::snprintf(error, sizeof error, "%s", message);
  return 1;
}}

// The network, loaded once; never destroyed, so that calls at the program's end still find it.
std::atomic<const sepconv::Network*> loaded{{nullptr}};
std::mutex loading;

template <class From>
int load(const From& from) {{
  try {{
    const std::lock_guard<std::mutex> lock(loading);
    if (loaded.load() != nullptr) return 0;
    sepconv::use_kernels({0}::kernels());
    loaded.store(new sepconv::Network(sepconv::load_network(from)));
    return 0;
  }} catch (const std::exception& thrown) {{
    return fail(thrown.what());
  }}
}}

)",
                                                       name);
}

constexpr const char* kViewOf = R"(template <class View, class Data>
View view_of(const sepconv::NetworkPort& port, Data data, std::size_t batch) {
  View view;
  view.data = data;
  view.dtype = port.dtype;
  view.rank = port.rank;
  std::int64_t pitch = 1;
  for (int axis = port.rank - 1; axis >= 1; --axis) {
    view.extents[axis] = port.extents[axis - 1];
    view.pitches[axis] = pitch;
    pitch *= view.extents[axis];
  }
  view.extents[0] = static_cast<std::int64_t>(batch) * port.images;
  view.pitches[0] = pitch;
  return view;
}

}  // namespace

)";

/// The function that loads the weights, and the beginning of the one that runs the network.
std::string load_text(const LibraryContents& library) {
  return fmt::format(R"(extern "C" int {0}_predict_load(const char* weights_file) {{
  if (weights_file == nullptr) return fail("{0}_predict_load: the name of the file is NULL");
  return load(std::filesystem::path(weights_file));
}}

extern "C" int {0}_predict({1}) {{
  constexpr std::size_t kMostBatch = std::size_t{{1}} << 40;
)",
                     library.name, parameters(library));
}

}  // namespace

std::string predict_header_text(const LibraryContents& library) {
  const std::string macro = macro_name(library.name);
  const NetworkPlan& plan = library.network->plan;
  return fmt::format(
      "/* {0} */\n#ifndef {1}_PREDICT_H\n#define {1}_PREDICT_H\n\n#include <stddef.h>\n#include <stdint.h>\n\n"
      "{2}{3}#define {1}_WORKSPACE_BYTES {4} /* for a batch of one */\n\n"
      "#ifdef __cplusplus\nextern \"C\" {{\n#endif\n\n{5}\n#ifdef __cplusplus\n}}\n#endif\n\n#endif\n",
      kBanner, macro, sizes_text(library, "INPUT", plan.inputs), sizes_text(library, "OUTPUT", plan.outputs),
      network_workspace_bytes(library, 1, 1), declarations(library));
}

std::string predict_source_text(const LibraryContents& library) {
  const bool one = one_each(library), embedded = library.embedded_bytes != 0;
  std::string text = prologue_text(library.name) + kViewOf + load_text(library);
  text += embedded
              ? fmt::format("  if (loaded.load() == nullptr && load({}::network()) != 0) return 1;\n", library.name)
              : fmt::format(
                    "  if (loaded.load() == nullptr) return fail(\"{0}_predict: {0}_predict_load has not "
                    "been called\");\n",
                    library.name);
  if (!one)
    text += fmt::format(
        "  if (inputs == nullptr || outputs == nullptr) return fail(\"{}_predict: inputs or outputs is NULL\");\n",
        library.name);
  text += fmt::format(R"(  if (batch > kMostBatch) return fail("{0}_predict: the batch is too large");
  constexpr std::size_t kInputs = sizeof {0}::inputs / sizeof {0}::inputs[0],
                        kOutputs = sizeof {0}::outputs / sizeof {0}::outputs[0];
  sepconv::ConstTensorView in[kInputs];
  sepconv::TensorView out[kOutputs];
  for (std::size_t i = 0; i < kInputs; ++i)
    in[i] = view_of<sepconv::ConstTensorView>({0}::inputs[i], {1}, batch);
  for (std::size_t i = 0; i < kOutputs; ++i)
    out[i] = view_of<sepconv::TensorView>({0}::outputs[i], {2}, batch);
  sepconv::RunContext context;
  context.executor = &sepconv::single_thread();
  context.workspace = {{workspace, workspace_bytes}};
  const sepconv::Status status = loaded.load()->run(context, in, kInputs, out, kOutputs);
  return status.ok() ? 0 : fail(status.message());
}}

extern "C" size_t {0}_predict_workspace_bytes(size_t batch) {{ return {0}::workspace_bytes_for(batch, 1); }}

extern "C" const char* {0}_predict_error(void) {{ return error; }}
)",
                      library.name, one ? "input" : "inputs[i]", one ? "output" : "outputs[i]");
  return text;
}

}  // namespace sepconv::generators
