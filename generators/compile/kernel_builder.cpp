#include "generators/compile/kernel_builder.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "generators/compile/kernel_compiler.h"

namespace sepconv::generators {
namespace {

/// One line for one kernel: which layers, and how many more.
std::string layers_text(const std::vector<std::string>& layers) {
  constexpr std::size_t kShown = 4;
  std::string text = fmt::format(
      "'{}'",
      fmt::join(layers.begin(), layers.begin() + static_cast<std::ptrdiff_t>(std::min(layers.size(), kShown)), "', '"));
  if (layers.size() > kShown) text += fmt::format(" and {} more", layers.size() - kShown);
  return (layers.size() == 1 ? "layer " : "layers ") + text;
}

KernelTexts texts_of(const PlannedKernel& kernel) {
  return {to_text(kernel.problem), kernel.target.name, to_text(kernel.schedule)};
}

std::runtime_error kernel_error(const PlannedKernel& kernel, const GeneratorFailure& failure) {
  std::string message = failure.result().output;
  while (!message.empty() && (message.back() == '\n' || message.back() == ' ')) message.pop_back();
  const KernelTexts texts = texts_of(kernel);
  std::string text =
      fmt::format("the kernel of {} failed: {}\n  problem:  {}\n  target:   {}\n  schedule: {}",
                  layers_text(kernel.layers), failure.what(), texts.problem, texts.target, texts.schedule);
  text += message.empty() ? "\n  the generator printed nothing" : "\n  message:  " + message;
  return std::runtime_error(text);
}

/// The workers of one build and what they share.
class Builder {
 public:
  Builder(const std::vector<PlannedKernel>& kernels, const CompileOptions& options,
          const std::filesystem::path& work_dir)
      : kernels_(kernels), options_(options), work_dir_(work_dir), compiler_(options.generator, options.cache_dir) {}

  BuiltKernels build() {
    built_.objects.resize(kernels_.size());
    for (std::size_t i = 0; i < kernels_.size(); ++i) {
      std::optional<KernelObject> known = compiler_.cached(texts_of(kernels_[i]));
      if (known)
        built_.objects[i] = std::move(*known);
      else
        missing_.push_back(i);
    }
    built_.cached = kernels_.size() - missing_.size();
    if (options_.observer != nullptr) options_.observer->begin(kernels_.size(), built_.cached);
    compile_missing();
    if (options_.observer != nullptr) options_.observer->end();
    if (error_) std::rethrow_exception(error_);
    if (is_cancelled()) throw CompileCancelled();
    return std::move(built_);
  }

 private:
  void compile_missing() {
    const std::size_t cores = std::max(1u, std::thread::hardware_concurrency());
    const std::size_t jobs =
        std::min(missing_.size(), options_.jobs > 0 ? static_cast<std::size_t>(options_.jobs) : cores);
    std::vector<std::jthread> workers;
    for (std::size_t i = 0; i < jobs; ++i) workers.emplace_back([this] { work(); });
    // The workers end their children when stop_ is set; this thread hands the caller's wish on.
    while (finished_workers_ < workers.size()) {
      if (is_cancelled()) stop_ = true;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }

  bool is_cancelled() const { return options_.cancelled != nullptr && options_.cancelled->load(); }

  void work() {
    for (std::size_t next = next_++; next < missing_.size() && !stop_; next = next_++) {
      try {
        compile(missing_[next]);
      } catch (...) {
        const std::lock_guard lock(mutex_);
        if (!stop_) error_ = std::current_exception();  // ends after a stop are our own doing
        stop_ = true;
      }
    }
    ++finished_workers_;
  }

  void compile(std::size_t index) {
    const PlannedKernel& kernel = kernels_[index];
    tell([&](CompileObserver& observer) { observer.kernel_started(kernel); });
    const auto begin = std::chrono::steady_clock::now();
    KernelCompiler::Compiled compiled = run_generator(kernel);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    if (compiled.not_kept && !cache_failed_.exchange(true))
      tell([&](CompileObserver& observer) {
        observer.note(fmt::format("the cache folder '{}' cannot be written ({}); kernels are not cached",
                                  options_.cache_dir->string(), *compiled.not_kept));
      });
    built_.objects[index] = std::move(compiled.object);
    tell([&](CompileObserver& observer) { observer.kernel_finished(kernel, seconds); });
  }

  KernelCompiler::Compiled run_generator(const PlannedKernel& kernel) {
    try {
      return compiler_.compile(texts_of(kernel), work_dir_, {options_.kernel_seconds, &stop_});
    } catch (const GeneratorFailure& failure) {
      if (failure.result().end == ProcessResult::End::cancelled) throw CompileCancelled();
      throw kernel_error(kernel, failure);
    }
  }

  template <class F>
  void tell(F&& f) {
    const std::lock_guard lock(mutex_);
    if (options_.observer != nullptr) f(*options_.observer);
  }

  const std::vector<PlannedKernel>& kernels_;
  const CompileOptions& options_;
  const std::filesystem::path& work_dir_;
  const KernelCompiler compiler_;
  BuiltKernels built_;
  std::vector<std::size_t> missing_;
  std::atomic<std::size_t> next_{0}, finished_workers_{0};
  std::atomic<bool> stop_{false}, cache_failed_{false};
  std::mutex mutex_;
  std::exception_ptr error_;
};

}  // namespace

BuiltKernels build_kernels(const std::vector<PlannedKernel>& kernels, const CompileOptions& options,
                           const std::filesystem::path& work_dir) {
  return Builder(kernels, options, work_dir).build();
}

}  // namespace sepconv::generators
