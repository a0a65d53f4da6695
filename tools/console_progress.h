#pragma once
// How a build is shown: a bar on a terminal, a line a kernel in a log. Everything goes to stderr.

#include <chrono>
#include <cstddef>
#include <string>

#include "generators/compile/compile_library.h"

namespace sepconv::tools {

class ConsoleProgress : public generators::CompileObserver {
 public:
  ConsoleProgress();
  void begin(std::size_t kernels, std::size_t cached) override;
  void kernel_started(const generators::PlannedKernel& kernel) override;
  void kernel_finished(const generators::PlannedKernel& kernel, double seconds) override;
  void note(const std::string& line) override;
  void end() override;

 private:
  void draw_bar(const std::string& name) const;
  void clear_bar() const;

  bool terminal_;
  std::size_t kernels_ = 0, done_ = 0;
  std::chrono::steady_clock::time_point begin_;
};

}  // namespace sepconv::tools
