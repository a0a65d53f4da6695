#include "tools/console_progress.h"

#include <fmt/format.h>

#include "tools/console.h"
#include "tools/terminal.h"

namespace sepconv::tools {
namespace {

constexpr std::size_t kBarWidth = 24;

std::string kernel_name(const generators::PlannedKernel& kernel) {
  std::string name = kernel.layers.front();
  if (kernel.layers.size() > 1) name += fmt::format(" (and {} more)", kernel.layers.size() - 1);
  return fmt::format("{} on {}{}", name, kernel.target.name, kernel.problem.is_dynamic() ? ", dynamic" : "");
}

}  // namespace

ConsoleProgress::ConsoleProgress() : terminal_(stderr_is_terminal()), begin_(std::chrono::steady_clock::now()) {}

void ConsoleProgress::begin(std::size_t kernels, std::size_t cached) {
  kernels_ = kernels;
  done_ = cached;
  begin_ = std::chrono::steady_clock::now();
  if (cached > 0 && !terminal_) print_error("{} of {} kernels are in the cache\n", cached, kernels);
}

void ConsoleProgress::kernel_started(const generators::PlannedKernel& kernel) {
  if (terminal_) draw_bar(kernel_name(kernel));
}

void ConsoleProgress::kernel_finished(const generators::PlannedKernel& kernel, double seconds) {
  ++done_;
  if (terminal_)
    draw_bar(kernel_name(kernel));
  else
    print_error("[{}/{}] {:.2f} s  {}\n", done_, kernels_, seconds, kernel_name(kernel));
}

void ConsoleProgress::note(const std::string& line) {
  clear_bar();
  print_error("note: {}\n", line);
}

void ConsoleProgress::end() { clear_bar(); }

void ConsoleProgress::draw_bar(const std::string& name) const {
  const double elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
  const std::size_t filled = kernels_ == 0 ? kBarWidth : kBarWidth * done_ / kernels_;
  draw_line(fmt::format("[{:#<{}}{:.<{}}] {}/{} {:.1f} s  {}", "", filled, "", kBarWidth - filled, done_, kernels_,
                        elapsed, name));
}

void ConsoleProgress::clear_bar() const {
  if (terminal_) clear_line();
}

}  // namespace sepconv::tools
