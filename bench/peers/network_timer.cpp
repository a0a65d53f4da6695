// Answers bench_networks.py for sepconv: runs and times compiled networks, and the machine's multiply-adds.
//
//   sepconv_network_timer FOLDER THREADS SECONDS
//
// Each line on stdin is a question; each answer is one JSON line:
//   check NAME   runs FOLDER/NAME/sepconv_THREADS on FOLDER/NAME/input.npy and writes FOLDER/NAME/sepconv.out.npy
//   time NAME    times calls for SECONDS
//   peak -       a burst of multiply-adds on one thread

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <iostream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "runner/npy.h"
#include "runner/peak.h"
#include "runner/timing.h"
#include "sepconv/executor.h"
#include "sepconv/kernel_registry.h"
#include "sepconv/network.h"
#include "sepconv/tensor.h"

namespace {

namespace fs = std::filesystem;
using namespace sepconv;

/// A network of one input and one output, with everything that a call needs.
class LoadedNetwork {
 public:
  LoadedNetwork(const fs::path& folder, const std::string& library, Executor& executor)
      : network_(load(folder / library)),
        input_(batch_of_one(network_.inputs().at(0))),
        output_(batch_of_one(network_.outputs().at(0))) {
    const std::vector<float> x = runner::read_npy(folder / "input.npy").floats();
    if (x.size() != static_cast<std::size_t>(input_.elements()))
      throw std::invalid_argument("input.npy has another size than the network's input");
    std::copy(x.begin(), x.end(), input_.data());
    context_.executor = &executor;
    workspace_.resize(network_.workspace_bytes(1, context_));
    context_.workspace = {workspace_.data(), workspace_.size()};
  }

  void call() {
    const Status status = network_.run(context_, std::as_const(input_).view(), output_.view());
    if (!status.ok()) throw std::runtime_error(status.message());
  }

  void write(const fs::path& file) {
    const std::int64_t count = output_.elements();
    runner::write_npy(file, runner::npy_from_floats({output_.data(), static_cast<std::size_t>(count)}, {count}));
  }

  double flops() const {
    double sum = 0;
    for (const NetworkStep& step : network_.steps()) sum += step.problem.flops();
    return sum;
  }

 private:
  static Network load(const fs::path& folder) {
    load_kernel_library(folder / "libnet.so");
    return load_network(folder / "net.weights");
  }

  static Shape batch_of_one(const NetworkTensorInfo& port) {
    Shape shape = port.shape;
    shape[0] = port.images;
    return shape;
  }

  Network network_;
  Tensor input_, output_;
  RunContext context_;
  std::vector<std::byte> workspace_;
};

/// Keeps the network that was asked for last.
class Answerer {
 public:
  Answerer(fs::path folder, int threads, double seconds)
      : folder_(std::move(folder)),
        library_("sepconv_" + std::to_string(threads)),
        pool_(threads > 1 ? make_thread_pool(threads) : nullptr),
        seconds_(seconds) {}

  std::string answer(const std::string& what, const std::string& name) {
    if (what == "peak") return text("{\"gflops\": %.2f}", runner::measure_fma_peak().gflops_median);
    if (name != name_) {
      network_.reset();
      network_ = std::make_unique<LoadedNetwork>(folder_ / name, library_, pool_ ? *pool_ : single_thread());
      name_ = name;
    }
    if (what == "check") {
      network_->call();
      network_->write(folder_ / name / "sepconv.out.npy");
      return text("{\"flops\": %.0f}", network_->flops());
    }
    if (what != "time") throw std::invalid_argument("expected check, time or peak");
    const runner::Timing timing = runner::time_alone([this] { network_->call(); }, seconds_);
    return text("{\"ms_median\": %.6f, \"ms_min\": %.6f}", timing.seconds_median * 1e3, timing.seconds_min * 1e3);
  }

 private:
  template <class... Values>
  static std::string text(const char* format, Values... values) {
    char line[128];
    std::snprintf(line, sizeof line, format, values...);
    return line;
  }

  fs::path folder_;
  std::string library_;
  std::unique_ptr<Executor> pool_;
  double seconds_;
  std::string name_;
  std::unique_ptr<LoadedNetwork> network_;
};

/// Without what would end a JSON string.
std::string plain(std::string message) {
  for (char& c : message)
    if (c == '"' || c == '\\' || static_cast<unsigned char>(c) < ' ') c = ' ';
  return message;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: sepconv_network_timer FOLDER THREADS SECONDS\n");
    return 2;
  }
  Answerer answerer(argv[1], std::stoi(argv[2]), std::stod(argv[3]));
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string what, name;
    words >> what >> name;
    try {
      std::cout << answerer.answer(what, name) << std::endl;
    } catch (const std::exception& error) {
      std::cout << "{\"error\": \"" << plain(error.what()) << "\"}" << std::endl;
    }
  }
  return 0;
}
