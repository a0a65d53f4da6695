// sepconv_gpu_bench: runs and times compiled layers on a GPU. It reads one command per line from its standard input, so
// that a script can time other programs in between. kUsage lists the commands; each is answered by one line of JSON.

#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <stdexcept>

#include "bench/gpu/device_timer.h"
#include "bench/gpu/named_problems.h"
#include "gpu_bench_layers.h"
#include "sepconv/kernel_registry.h"

namespace sepconv::bench {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kUsage = R"(usage: sepconv_gpu_bench cuda|opencl LAYERS
Commands, one per line:
  load NAME BATCH DIR [TARGET]  load a layer, with weights and input from the files input, depthwise, middle_bias,
                                pointwise and bias in DIR, as the problem needs: dense float32, native byte order
  run FILE                      run it and write its float32 output to FILE
  time COUNT warm|flushed       print the seconds that COUNT calls take
An empty line or the end of the input ends the program.
)";

std::vector<float> read_floats(const std::string& path, std::size_t count) {
  std::vector<float> values(count);
  std::ifstream file(path, std::ios::binary);
  const auto bytes = static_cast<std::streamsize>(count * sizeof(float));
  if (!file.read(reinterpret_cast<char*>(values.data()), bytes) || file.peek() != std::ifstream::traits_type::eof())
    throw std::invalid_argument("'" + path + "' does not hold " + std::to_string(count) + " floats");
  return values;
}

std::size_t elements(const Shape& shape) {
  std::size_t count = 1;
  for (const std::int64_t extent : shape) count *= static_cast<std::size_t>(extent);
  return count;
}

void check(const Status& status) {
  if (!status.ok()) throw std::runtime_error(status.message());
}

/// What scripts/gpu_bench.py calls the file.
const char* file_name(const ConvProblem& p, const Argument& argument) {
  if (argument.kind == ArgumentKind::constant) return argument.stage + 1 < p.stages.size() ? "middle_bias" : "bias";
  return p.stages[argument.stage].kind == StageKind::depthwise ? "depthwise" : "pointwise";
}

ConvWeights read_weights(const ConvProblem& p, const std::string& folder) {
  ConvWeights weights;
  for (const Argument& argument : weights_of(p))
    weights.arrays.emplace_back(read_floats(folder + "/" + file_name(p, argument), elements_of(argument)));
  return weights;
}

/// The layer that the commands are about.
struct Loaded {
  GpuLayer layer;
  GpuTensor input, output;

  Loaded(const GpuContext& context, const std::string& name, const ConvProblem& problem, std::int64_t batch,
         const std::string& folder, const std::string& target)
      : layer(context, name, problem, read_weights(problem, folder), target),
        input(context, problem.dtype, layer.input_shape(batch)),
        output(context, problem.dtype, layer.output_shape(batch)) {
    const std::vector<float> values = read_floats(folder + "/input", elements(input.shape()));
    check(input.copy_from(dense_view(values.data(), input.shape())));
  }

  void start() { check(layer.run(input, output)); }
};

class Session {
 public:
  Session(GpuApi api, const std::string& layers) : problems_(read_named_problems(layers)) {
    timer_ = open_device_timer(api);
    use_kernels(gpu_bench_layers::kernels());
  }

  Json hello() const { return {{"device", timer_->device()}, {"clock", timer_->clock()}}; }

  Json answer(const std::string& line) {
    std::istringstream words(line);
    std::string command;
    words >> command;
    if (command == "load") return load(words);
    if (!loaded_) throw std::invalid_argument("command '" + command + "': no layer is loaded");
    if (command == "run") return run(words);
    if (command == "time") return time(words);
    throw std::invalid_argument("unknown command '" + command + "'");
  }

 private:
  Json load(std::istringstream& words) {
    std::string name, folder, target;
    std::int64_t batch = 0;
    if (!(words >> name >> batch >> folder) || batch < 1)
      throw std::invalid_argument("expected: load NAME BATCH DIR [TARGET]");
    words >> target;
    const auto found = problems_.find(name);
    if (found == problems_.end()) throw std::invalid_argument("no layer is named '" + name + "'");
    if (found->second.dtype != DataType::float32)
      throw std::invalid_argument("layer '" + name + "': only float32 layers can be timed");
    loaded_.reset();
    loaded_.emplace(timer_->context(), name, found->second, batch, folder, target);
    const CompiledKernel& kernel = loaded_->layer.kernel();
    return {{"target", kernel.target}, {"schedule", kernel.schedule}};
  }

  Json run(std::istringstream& words) {
    std::string path;
    if (!(words >> path)) throw std::invalid_argument("expected: run FILE");
    std::vector<float> values(elements(loaded_->output.shape()));
    loaded_->start();
    check(loaded_->output.copy_to(dense_view(values.data(), loaded_->output.shape())));
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(values.data()),
               static_cast<std::streamsize>(values.size() * sizeof(float)));
    file.close();
    if (!file) throw std::runtime_error("cannot write '" + path + "'");
    return {{"elements", values.size()}};
  }

  Json time(std::istringstream& words) {
    int count = 0;
    std::string caches;
    if (!(words >> count >> caches) || count < 1 || (caches != "warm" && caches != "flushed"))
      throw std::invalid_argument("expected: time COUNT warm|flushed");
    return {{"seconds",
             timer_->time([this] { loaded_->start(); }, count, caches == "warm" ? Caches::warm : Caches::flushed)}};
  }

  std::map<std::string, ConvProblem> problems_;
  std::unique_ptr<DeviceTimer> timer_;
  std::optional<Loaded> loaded_;
};

int serve(GpuApi api, const std::string& layers) {
  Session session(api, layers);
  std::cout << session.hello() << std::endl;
  for (std::string line; std::getline(std::cin, line) && !line.empty();) {
    Json answer;
    try {
      answer = session.answer(line);
    } catch (const std::exception& error) {
      answer = {{"error", error.what()}};
    }
    std::cout << answer << std::endl;
  }
  return 0;
}

}  // namespace
}  // namespace sepconv::bench

int main(int argc, char** argv) {
  const bool cuda = argc == 3 && std::strcmp(argv[1], "cuda") == 0;
  if (argc != 3 || (!cuda && std::strcmp(argv[1], "opencl") != 0)) {
    std::fputs(sepconv::bench::kUsage, stderr);
    return 2;
  }
  try {
    return sepconv::bench::serve(cuda ? sepconv::GpuApi::cuda : sepconv::GpuApi::opencl, argv[2]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "sepconv_gpu_bench: %s\n", error.what());
    return 3;
  }
}
